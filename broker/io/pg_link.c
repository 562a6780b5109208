/* SPDX-License-Identifier: MIT */
/* The life of one asynchronous PostgreSQL connection: connecting, watching its descriptor,
 * deadlines, breaking, connecting again with backoff. Queries and answers are in pg_pipeline.c;
 * SQL is its users' business (store_pg).
 *
 *      DOWN --retry--> CONNECTING --PQconnectPoll ok--> PREPARING --all prepared--> UP
 *        ^------------------ break: error, deadline, restart ------------------------'
 *
 * Everything that may run a user's callback is between pg_link_enter() and pg_link_leave(), so
 * that a callback may free the link. */
#include "broker/io/pg_link_impl.h"

#include "broker/io/pg_dsn.h"
#include "common/io/clock.h"
#include "common/io/name_lookup.h"
#include "common/log.h"
#include "common/mem.h"

#define PROBLEM_MAX_BYTES 300u

static void on_fd(void *arg, int events);

static void destroy(struct pg_link *l)
{
    loop_timer_free(l->retry);
    loop_timer_free(l->deadline);
    mem_free(l->pending);
    mem_free(l->dsn);
    mem_free(l->application_name);
    mem_free(l);
}

void pg_link_enter(struct pg_link *l)
{
    l->depth++;
}

void pg_link_leave(struct pg_link *l)
{
    if (--l->depth == 0 && l->is_freed) {
        destroy(l);
    }
}

struct bytes pg_link_problem(const struct pg_link *l)
{
    const char *text = l->conn ? PQerrorMessage(l->conn) : "";
    size_t len = strcspn(text, "\n");

    return bytes_of(text, len < PROBLEM_MAX_BYTES ? len : PROBLEM_MAX_BYTES);
}

static void close_conn(struct pg_link *l)
{
    loop_task_cancel(l->loop, &l->break_task);
    loop_timer_stop(l->deadline);
    name_lookup_cancel(l->lookup);
    l->lookup = NULL;
    loop_fd_free(l->fd);
    l->fd = NULL;
    PQclear(l->head_result);
    l->head_result = NULL;
    PQfinish(l->conn);
    l->conn = NULL;
    l->state = PG_LINK_DOWN;
}

void pg_link_break(struct pg_link *l, const char *why)
{
    bool was_up = l->state == PG_LINK_UP;
    uint32_t delay_ms = backoff_next_ms(&l->backoff);

    log_warn("pg_link_down", LOG_STR("link", l->application_name), LOG_STR("why", why),
             LOG_BYTES("problem", pg_link_problem(l)), LOG_U64("pending", l->count),
             LOG_U64("retry_ms", delay_ms));
    pg_link_enter(l);
    close_conn(l);
    loop_timer_start(l->retry, delay_ms, 0);
    pg_pipeline_fail_all(l);
    if (was_up && !l->is_freed && l->events.on_down) {
        l->events.on_down(l->arg);
    }
    pg_link_leave(l);
}

void pg_link_break_later(struct pg_link *l, const char *why)
{
    if (!l->break_why) {
        l->break_why = why;
    }
    loop_at_turn_end(l->loop, &l->break_task);
}

static void on_break_task(void *arg)
{
    struct pg_link *l = arg;

    pg_link_break(l, l->break_why);
}

void pg_link_restart(struct pg_link *l)
{
    if (l->state != PG_LINK_DOWN) {
        pg_link_break_later(l, "restart");
    }
}

/* The socket of a connection attempt may change from one PQconnectPoll to the next (next address,
 * TLS refused and tried without), also to a new one with the old number: while connecting, the
 * watcher is made anew each time. */
static bool watch(struct pg_link *l, int events)
{
    int number = PQsocket(l->conn);

    if (l->fd && (number != l->fd_number || l->state == PG_LINK_CONNECTING)) {
        loop_fd_free(l->fd);
        l->fd = NULL;
    }
    if (!l->fd) {
        if (number < 0) {
            return false;
        }
        l->fd = loop_fd_new(l->loop, number, on_fd, l);
        if (!l->fd) {
            return false;
        }
        l->fd_number = number;
    }
    loop_fd_set(l->fd, events);
    return true;
}

bool pg_link_flush(struct pg_link *l)
{
    int rc = PQflush(l->conn);

    return rc >= 0 && watch(l, rc > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* PQconnectPoll says the session stands: from here on the pipeline. */
static void on_connected(struct pg_link *l)
{
    l->state = PG_LINK_PREPARING;
    /* From here on messages of the server could quote parameters; its codes cannot. */
    (void)PQsetErrorVerbosity(l->conn, PQERRORS_SQLSTATE);
    if (PQsetnonblocking(l->conn, 1) != 0 || PQenterPipelineMode(l->conn) != 1 ||
        pg_pipeline_prepare(l) != 0 || !pg_link_flush(l)) {
        pg_link_break(l, "prepare");
    }
}

static void poll_connect(struct pg_link *l)
{
    switch (PQconnectPoll(l->conn)) {
    case PGRES_POLLING_READING:
        if (!watch(l, LOOP_READ)) {
            pg_link_break(l, "connect");
        }
        return;
    case PGRES_POLLING_WRITING:
        if (!watch(l, LOOP_WRITE)) {
            pg_link_break(l, "connect");
        }
        return;
    case PGRES_POLLING_OK:
        on_connected(l);
        return;
    case PGRES_POLLING_FAILED:
    case PGRES_POLLING_ACTIVE: /* unused, says libpq */
        break;
    }
    pg_link_break(l, "connect");
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

/* `address` may be NULL: as the dsn says. */
static void connect_to(struct pg_link *l, const char *address)
{
    const char *keys[] = {"dbname", "fallback_application_name", "client_encoding", "hostaddr",
                          NULL};
    const char *values[] = {l->dsn, l->application_name, "UTF8", address, NULL};

    l->conn = PQconnectStartParams(keys, values, 1);
    if (!l->conn || PQstatus(l->conn) == CONNECTION_BAD) {
        pg_link_break(l, "connect");
        return;
    }
    (void)PQsetNoticeReceiver(l->conn, ignore_notice, NULL); /* libpq would print them */
    /* A fresh connection behaves as if the last poll had asked for writing, says libpq. */
    if (!watch(l, LOOP_WRITE)) {
        pg_link_break(l, "connect");
    }
}

static void on_lookup(void *arg, const char *address)
{
    struct pg_link *l = arg;

    pg_link_enter(l);
    l->lookup = NULL;
    if (address) {
        connect_to(l, address);
    } else {
        pg_link_break(l, "no address for this host name");
    }
    pg_link_leave(l);
}

static void start_connect(struct pg_link *l)
{
    char *host = pg_dsn_host(l->dsn);

    l->break_why = NULL;
    l->state = PG_LINK_CONNECTING;
    loop_timer_start(l->deadline, l->timeout_ms, 0);
    if (host) {
        l->lookup = name_lookup_start(l->loop, host, on_lookup, l);
    }
    if (!l->lookup) {
        connect_to(l, NULL);
    }
    mem_free(host);
}

static void on_retry(void *arg)
{
    struct pg_link *l = arg;

    pg_link_enter(l);
    start_connect(l);
    pg_link_leave(l);
}

static void on_fd(void *arg, int events)
{
    struct pg_link *l = arg;

    (void)events;
    pg_link_enter(l);
    if (l->state == PG_LINK_CONNECTING) {
        poll_connect(l);
    } else {
        pg_pipeline_read(l);
    }
    pg_link_leave(l);
}

/* Runs while something is unanswered; not restarted for each query, it looks for itself whether
 * the oldest one is due. */
static void on_deadline(void *arg)
{
    struct pg_link *l = arg;
    uint64_t now_ms = clock_mono_ms();

    if (l->state == PG_LINK_UP && l->count == 0) {
        return;
    }
    if (l->state == PG_LINK_UP && l->pending[l->first].deadline_ms > now_ms) {
        loop_timer_start(l->deadline, (uint32_t)(l->pending[l->first].deadline_ms - now_ms), 0);
        return;
    }
    pg_link_break(l, "timeout");
}

void pg_link_set_up(struct pg_link *l)
{
    l->state = PG_LINK_UP;
    loop_timer_stop(l->deadline);
    backoff_reset(&l->backoff);
    log_info("pg_link_up", LOG_STR("link", l->application_name),
             LOG_I64("server_pid", PQbackendPID(l->conn)),
             LOG_I64("server_version", PQserverVersion(l->conn)));
    if (l->events.on_up) {
        l->events.on_up(l->arg);
    }
}

static bool fill(struct pg_link *l, const struct pg_link_conf *conf)
{
    uint64_t seed;

    l->dsn = mem_dup_str(bytes_str(conf->dsn));
    l->application_name = mem_dup_str(bytes_str(conf->application_name));
    l->pending = mem_alloc(PG_LINK_PENDING_MAX * sizeof(*l->pending));
    l->retry = loop_timer_new(l->loop, on_retry, l);
    l->deadline = loop_timer_new(l->loop, on_deadline, l);
    if (!l->dsn || !l->application_name || !l->pending || !l->retry || !l->deadline) {
        return false;
    }
    l->session_sql = conf->session_sql;
    l->statements = conf->statements;
    l->statement_count = conf->statement_count;
    l->timeout_ms = conf->timeout_ms;
    loop_task_init(&l->break_task, on_break_task, l);
    clock_random(&seed, sizeof(seed));
    backoff_init(&l->backoff, PG_LINK_RETRY_BASE_MS, PG_LINK_RETRY_CAP_MS, seed);
    return true;
}

struct pg_link *pg_link_new(struct loop *loop, const struct pg_link_conf *conf,
                            const struct pg_link_events *events, void *arg)
{
    struct pg_link *l;

    if (pg_dsn_check(conf->dsn) != 0) {
        log_error("pg_dsn_malformed", LOG_STR("link", conf->application_name));
        return NULL;
    }
    l = mem_zalloc(sizeof(*l));
    if (!l) {
        return NULL;
    }
    l->loop = loop;
    l->events = *events;
    l->arg = arg;
    if (!fill(l, conf)) {
        destroy(l);
        return NULL;
    }
    loop_timer_start(l->retry, 0, 0);
    return l;
}

void pg_link_free(struct pg_link *l)
{
    if (!l || l->is_freed) {
        return;
    }
    pg_link_enter(l);
    l->is_freed = true;
    close_conn(l);
    loop_timer_stop(l->retry);
    pg_pipeline_fail_all(l);
    pg_link_leave(l);
}

bool pg_link_is_up(const struct pg_link *l)
{
    return l->state == PG_LINK_UP && !l->break_why;
}

size_t pg_link_pending(const struct pg_link *l)
{
    return l->count;
}
