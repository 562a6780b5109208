/* SPDX-License-Identifier: MIT */
/* The store over PostgreSQL: its three links, and what all requests have in common. The statements
 * and rows are in store_pg_sql.c, store_pg_commit.c (batches, claims), store_pg_messages.c and
 * store_pg_people.c (reads), store_pg_api_sql.c, store_pg_channels.c and store_pg_pages.c (the HTTP
 * API). Created by main; the rest of the daemon sees broker/store.h and store_api.h only. */
#include "broker/io/store_pg.h"

#include <endian.h>

#include "broker/io/store_pg_impl.h"
#include "common/log.h"
#include "common/mem.h"

/* Each statement touches a few rows by their keys, whatever the values: one plan for all times, by
 * index. The planner would plan anew for each execution, or keep a scan of a whole table that was
 * small, or never analysed, when this session began. The server gives up before our own deadline
 * does, so that no abandoned statement keeps its locks. */
static const char session_sql[] =
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),"
    " set_config('statement_timeout', '9000', false)";

/* Listings walk along an index and end at a bound: never gather and sort, which would read a whole
 * channel first. What is best depends on the bounds, so each is planned for its values. They give
 * up before the gateway does, which waits FRAME_WAIT_MS. */
static const char api_session_sql[] =
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', false),"
    " set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),"
    " set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),"
    " set_config('jit', 'off', false), set_config('statement_timeout', '4000', false)";

/* As the first; each of its statements gives up before the gateway does. */
static const char files_session_sql[] =
    "SELECT set_config('plan_cache_mode', 'force_generic_plan', false),"
    " set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false),"
    " set_config('statement_timeout', '4000', false)";

static void on_link_up(void *arg)
{
    struct store *s = arg;

    if (!s->is_up && store_pg_is_up(s)) {
        s->is_up = true;
        s->events.on_up(s->arg);
    }
}

static void on_link_down(void *arg)
{
    struct store *s = arg;

    if (s->is_up) {
        s->is_up = false;
        s->events.on_down(s->arg);
    }
}

static bool make_links(struct store *s, const char *dsn)
{
    static const struct pg_link_events link_events = {on_link_up, on_link_down};
    static const struct pg_link_events no_events = {NULL, NULL};
    struct pg_link_conf conf = {
        .dsn = dsn, .session_sql = session_sql, .timeout_ms = STORE_PG_TIMEOUT_MS};

    conf.application_name = "kibray-broker/commit";
    conf.statements = store_pg_commit_statements;
    conf.statement_count = STMT_COMMIT_COUNT;
    s->commits = pg_link_new(s->loop, &conf, &link_events, s);
    conf.application_name = "kibray-broker/read";
    conf.statements = store_pg_read_statements;
    conf.statement_count = STMT_READ_COUNT;
    s->reads = s->commits ? pg_link_new(s->loop, &conf, &link_events, s) : NULL;
    conf.application_name = "kibray-broker/people";
    conf.statements = store_pg_people_statements;
    conf.statement_count = STMT_PEOPLE_COUNT;
    s->people = s->reads ? pg_link_new(s->loop, &conf, &link_events, s) : NULL;
    conf.application_name = "kibray-broker/api";
    conf.session_sql = api_session_sql;
    conf.statements = store_pg_api_statements;
    conf.statement_count = STMT_API_COUNT;
    s->api = s->people ? pg_link_new(s->loop, &conf, &no_events, s) : NULL;
    conf.application_name = "kibray-broker/files";
    conf.session_sql = files_session_sql;
    conf.statements = store_pg_files_statements;
    conf.statement_count = STMT_FILES_COUNT;
    s->files = s->api ? pg_link_new(s->loop, &conf, &no_events, s) : NULL;
    return s->files != NULL;
}

struct store *store_pg_new(struct loop *loop, const char *dsn, const struct store_events *events,
                           void *arg)
{
    struct store *s = mem_zalloc(sizeof(*s));

    if (!s) {
        return NULL;
    }
    s->loop = loop;
    s->events = *events;
    s->arg = arg;
    buf_init(&s->scratch, SCRATCH_MAX_BYTES);

    if (!make_links(s, dsn)) {
        store_pg_free(s);
        return NULL;
    }
    return s;
}

void store_pg_free(struct store *s)
{
    if (!s) {
        return;
    }
    s->is_closing = true;
    pg_link_free(s->commits);
    pg_link_free(s->reads);
    pg_link_free(s->people);
    pg_link_free(s->api);
    pg_link_free(s->files);
    buf_done(&s->scratch);
    mem_free(s);
}

bool store_pg_is_up(const struct store *s)
{
    return pg_link_is_up(s->commits) && pg_link_is_up(s->reads) && pg_link_is_up(s->people);
}

static bool is_full(const struct store *s, const struct pg_link *link)
{
    if (link == s->api) {
        return pg_link_pending(link) >= STORE_API_PENDING_MAX;
    }
    if (link == s->files) {
        return pg_link_pending(link) >= STORE_FILES_PENDING_MAX;
    }
    return pg_link_pending(s->commits) + pg_link_pending(s->reads) + pg_link_pending(s->people) >=
           STORE_PENDING_MAX;
}

int store_pg_submit(struct pg_link *link, size_t statement, const struct pg_param *params,
                    size_t param_count, pg_result_fn *on_result,
                    const struct store_request *request)
{
    const struct store *s = request->store;
    struct store_request *copy;
    int err;

    if (s->is_closing) {
        return ERR_UNAVAILABLE;
    }
    if (is_full(s, link)) {
        return ERR_BUSY;
    }
    copy = mem_alloc(sizeof(*copy));
    if (!copy) {
        return ERR_NOMEM;
    }
    *copy = *request;
    err = pg_link_query(link, statement, params, param_count, on_result, copy);
    if (err != 0) {
        mem_free(copy);
    }
    return err;
}

struct store_request store_pg_take(void *arg)
{
    struct store_request request = *(struct store_request *)arg;

    mem_free(arg);
    return request;
}

/* SQLSTATE classes that speak of the server or the moment, not of the statement. */
static bool is_server_trouble(struct bytes sqlstate)
{
    static const char *const prefixes[] = {
        "08",    /* connection exception */
        "25006", /* read-only: this is a standby now */
        "40",    /* serialization failure, deadlock */
        "53",    /* out of resources */
        "55P03", /* lock not available */
        "57",    /* operator intervention, statement timeout */
        "58",    /* system error */
        "F0",    /* configuration file */
        "XX",    /* internal error */
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (bytes_has_prefix(sqlstate, bytes_str(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

int store_pg_error(struct pg_link *link, int err, const struct pg_result *result)
{
    const char *sqlstate = pg_result_sqlstate(result);

    if (err != ERR_REMOTE) {
        return err;
    }
    log_warn("store_refused", LOG_STR("sqlstate", sqlstate),
             LOG_STR("constraint", pg_result_constraint(result)));
    if (sqlstate[0] == '\0' || is_server_trouble(bytes_str(sqlstate))) {
        pg_link_restart(link);
        return ERR_UNAVAILABLE;
    }
    return ERR_REMOTE;
}

static int side_error(struct pg_link *link, int err, const struct pg_result *result)
{
    if (err == ERR_REMOTE && strcmp(pg_result_sqlstate(result), "57014") == 0) {
        log_warn("store_listing_too_slow");
        return ERR_UNAVAILABLE;
    }
    return store_pg_error(link, err, result);
}

int store_pg_api_error(struct store *s, int err, const struct pg_result *result)
{
    return side_error(s->api, err, result);
}

int store_pg_files_error(struct store *s, int err, const struct pg_result *result)
{
    return side_error(s->files, err, result);
}

bool store_pg_is_impossible_text(int err, const struct pg_result *result)
{
    return err == ERR_REMOTE && strcmp(pg_result_sqlstate(result), "22021") == 0;
}

struct pg_i64 pg_i64_of(int64_t n)
{
    uint64_t big = htobe64((uint64_t)n);
    struct pg_i64 out;

    memcpy(out.bytes, &big, sizeof(out.bytes));
    return out;
}
