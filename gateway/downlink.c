/* SPDX-License-Identifier: MIT */
/* Reads out:{gateway} with XREAD BLOCK from the id it knows (0-0 in a new life or on a new server,
 * never "$", so that nothing written meanwhile is missed). Trims what was read about once a second.
 * Ephemeral items (seq 0) of an origin that has already delivered are dropped here; repeats and
 * holes of content are told by the topics' seq, in deliver.c.
 *
 * Redis is a peer like any other: an entry that cannot be decoded goes to the dead-letter stream
 * and the next one is read. */
#include "gateway/downlink.h"

#include <stdio.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway_metrics.h"
#include "proto/mp_read.h"
#include "proto/stream_keys.h"

#define BLOCK_MS "1000"
#define READ_COUNT "128"
#define READ_TIMEOUT_MS 6000u /* well above BLOCK_MS */
#define TRIM_EVERY_MS 1000u
#define RETRY_MS 200u
#define DEAD_LETTERS_MAX "1000"

struct downlink {
    struct redis_link *link, *commands;
    const char *prefix, *gateway;
    struct stream_key key;
    downlink_item_fn *fn;
    void *arg;
    struct loop_timer *trim, *retry;
    struct entry_id last, trimmed;
    struct entry_id seen[PARTITIONS_MAX]; /* newest origin with ephemeral items, per partition */
    bool is_reading;
};

static const char *kind_name(enum down_kind kind)
{
    switch (kind) {
    case DOWN_GRANTED:
        return "granted";
    case DOWN_REFUSED:
        return "refused";
    case DOWN_JOINED:
        return "joined";
    case DOWN_TOPIC:
        return "topic";
    case DOWN_REPLY:
        return "reply";
    case DOWN_ACK:
        return "ack";
    case DOWN_HTTP:
        return "http";
    case DOWN_KICK:
        return "kick";
    case DOWN_TYPING:
        return "typing";
    case DOWN_HISTORY:
        return "history";
    case DOWN_REFRESHED:
        return "refreshed";
    case DOWN_SEND:
        return "send";
    case DOWN_WANTED:
        return "wanted";
    case DOWN_PULLED:
        return "pulled";
    }
    return "";
}

static void read_on(void *arg);

/* --- one entry ----------------------------------------------------------------------------- */

static bool is_ephemeral(const struct down_item *item)
{
    return item->kind == DOWN_TYPING || (item->kind == DOWN_TOPIC && item->topic.seq == 0);
}

/* Has this origin delivered its ephemeral items before? */
static bool is_repeat(const struct downlink *d, const struct down_section *section)
{
    const struct entry_id none = {0, 0};

    return entry_id_cmp(section->origin, none) != 0 &&
           entry_id_cmp(section->origin, d->seen[section->partition]) <= 0;
}

static int read_section(struct downlink *d, struct mp_read *r)
{
    struct down_section section;
    bool is_old, has_ephemeral = false;
    int err = down_section_decode(r, &section);

    if (err != 0) {
        return err;
    }
    if (section.partition >= PARTITIONS_MAX) {
        return ERR_RANGE;
    }
    is_old = is_repeat(d, &section);
    for (uint32_t i = 0; i < section.item_count; i++) {
        struct down_item item;
        err = down_item_decode(r, &item);
        if (err != 0) {
            return err;
        }
        metric_add_label(gateway_metrics.downlink_items, kind_name(item.kind), 1);
        has_ephemeral = has_ephemeral || is_ephemeral(&item);
        if (is_ephemeral(&item) && is_old) {
            metric_add(gateway_metrics.downlink_repeats, 1);
        } else {
            d->fn(d->arg, &item);
        }
    }
    if (has_ephemeral && !is_old && section.origin.ms != 0) {
        d->seen[section.partition] = section.origin;
    }
    return 0;
}

static int read_sections(struct downlink *d, struct bytes sections)
{
    struct mp_read r;
    int err = 0;

    mp_read_init(&r, sections);
    while (err == 0 && !mp_at_end(&r)) {
        err = read_section(d, &r);
    }
    return err;
}

/* The value of a field in an entry's list of fields and values. */
static struct bytes field(const struct redis_value *fields, const char *name)
{
    for (size_t i = 0; i + 1 < redis_value_count(fields); i += 2) {
        if (bytes_eq_str(redis_value_bytes(redis_value_at(fields, i)), name)) {
            return redis_value_bytes(redis_value_at(fields, i + 1));
        }
    }
    return BYTES_NONE;
}

static void bury(struct downlink *d, struct bytes id, struct bytes sections, int why)
{
    static struct log_limit limit = {.per_minute = 10};
    char key[REDIS_PREFIX_MAX + sizeof("dead:out")];
    int len = snprintf(key, sizeof(key), "%sdead:out", d->prefix);
    const struct bytes argv[] = {BYTES_LIT("XADD"),
                                 bytes_of(key, (size_t)len),
                                 BYTES_LIT("MAXLEN"),
                                 BYTES_LIT("~"),
                                 BYTES_LIT(DEAD_LETTERS_MAX),
                                 BYTES_LIT("*"),
                                 BYTES_LIT("gw"),
                                 bytes_str(d->gateway),
                                 BYTES_LIT("id"),
                                 id,
                                 BYTES_LIT("err"),
                                 bytes_str(err_name(why)),
                                 BYTES_LIT("e"),
                                 sections};
    int err = redis_link_command(d->commands, argv, sizeof(argv) / sizeof(argv[0]), NULL, NULL);

    metric_add_label(gateway_metrics.downlink_bad, err_name(why), 1);
    if (log_limit_pass(&limit, clock_mono_ms())) {
        log_error(EV_DOWNLINK_BAD_ENTRY, LOG_BYTES("id", id), LOG_ERR(why),
                  LOG_STR("buried", err == 0 ? "yes" : err_name(err)),
                  LOG_U64("bytes", sections.len));
    }
}

static void read_entry(struct downlink *d, const struct redis_value *entry)
{
    struct bytes id = redis_value_bytes(redis_value_at(entry, 0));
    struct bytes sections = field(redis_value_at(entry, 1), "e");
    struct entry_id at;
    int err = entry_id_parse(id, &at);

    metric_add(gateway_metrics.downlink_entries, 1);
    if (err == 0) {
        d->last = at;
        err = sections.ptr ? read_sections(d, sections) : ERR_MISSING;
    }
    if (err != 0) {
        bury(d, id, sections, err);
    }
}

/* --- reading ------------------------------------------------------------------------------- */

static void on_read(void *arg, int err, const struct redis_value *v)
{
    static struct log_limit limit = {.per_minute = 10};
    struct downlink *d = arg;
    const struct redis_value *entries = redis_value_at(redis_value_at(v, 0), 1);

    d->is_reading = false;
    if (err == ERR_REMOTE && log_limit_pass(&limit, clock_mono_ms())) {
        log_error(EV_DOWNLINK_FAILED, LOG_BYTES("answer", redis_value_bytes(v)));
    }
    if (err != 0) {
        loop_timer_start(d->retry, RETRY_MS, 0);
        return;
    }
    for (size_t i = 0; i < redis_value_count(entries); i++) {
        read_entry(d, redis_value_at(entries, i));
    }
    read_on(d);
}

static void read_on(void *arg)
{
    struct downlink *d = arg;
    char id[ENTRY_ID_TEXT_MAX];

    if (d->is_reading || !redis_link_is_up(d->link)) {
        return;
    }
    entry_id_format(d->last, id);
    const struct bytes argv[] = {
        BYTES_LIT("XREAD"),    BYTES_LIT("BLOCK"),   BYTES_LIT(BLOCK_MS),       BYTES_LIT("COUNT"),
        BYTES_LIT(READ_COUNT), BYTES_LIT("STREAMS"), stream_key_bytes(&d->key), bytes_str(id)};
    if (redis_link_command(d->link, argv, sizeof(argv) / sizeof(argv[0]), on_read, d) == 0) {
        d->is_reading = true;
    } else {
        loop_timer_start(d->retry, RETRY_MS, 0);
    }
}

static void trim(void *arg)
{
    struct downlink *d = arg;
    char id[ENTRY_ID_TEXT_MAX];

    if (entry_id_cmp(d->last, d->trimmed) == 0) {
        return;
    }
    entry_id_format(d->last, id);
    const struct bytes argv[] = {BYTES_LIT("XTRIM"), stream_key_bytes(&d->key), BYTES_LIT("MINID"),
                                 bytes_str(id)};
    if (redis_link_command(d->commands, argv, sizeof(argv) / sizeof(argv[0]), NULL, NULL) == 0) {
        d->trimmed = d->last;
    }
}

static void on_up(void *arg, struct bytes run_id, bool is_new_server)
{
    struct downlink *d = arg;

    (void)run_id;
    if (is_new_server) {
        d->last = d->trimmed = (struct entry_id){0, 0};
        memset(d->seen, 0, sizeof(d->seen));
    }
    read_on(d);
}

static void on_down(void *arg)
{
    (void)arg; /* the commands link tells the story; reading goes on at the next on_up */
}

struct downlink *downlink_new(struct loop *loop, const struct downlink_conf *conf,
                              struct redis_link *commands, downlink_item_fn *fn, void *arg)
{
    static const struct redis_link_events events = {on_up, on_down};
    const struct redis_link_conf link_conf = {conf->redis_url, conf->prefix, conf->link_name,
                                              READ_TIMEOUT_MS};
    struct downlink *d = mem_zalloc(sizeof(*d));

    if (!d) {
        return NULL;
    }
    d->commands = commands;
    d->prefix = conf->prefix;
    d->gateway = conf->gateway;
    d->key = key_out(conf->prefix, bytes_str(conf->gateway));
    d->fn = fn;
    d->arg = arg;
    d->trim = loop_timer_new(loop, trim, d);
    d->retry = loop_timer_new(loop, read_on, d);
    d->link = d->trim && d->retry ? redis_link_new(loop, &link_conf, &events, d) : NULL;
    if (!d->link) {
        downlink_free(d);
        return NULL;
    }
    loop_timer_start(d->trim, TRIM_EVERY_MS, TRIM_EVERY_MS);
    return d;
}

void downlink_free(struct downlink *d)
{
    if (d) {
        redis_link_free(d->link);
        loop_timer_free(d->trim);
        loop_timer_free(d->retry);
        mem_free(d);
    }
}

bool downlink_is_up(const struct downlink *d)
{
    return redis_link_is_up(d->link);
}
