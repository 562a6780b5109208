/* SPDX-License-Identifier: MIT */
/* Deliveries: sections, each kind of item, and entry ids; there and back, and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "proto/delivery.h"
#include "tests/unit/wire_test.h"

#define BUF_MAX (40u * 1024u * 1024u)
#define TOPIC BYTES_LIT("chat:7")
#define JSON BYTES_LIT("{\"a\":\"\xC3\xBC\"}")

/* --- one sample of each kind ------------------------------------------------------------- */

static struct down_item sample_granted(void)
{
    return (struct down_item){
        .kind = DOWN_GRANTED,
        .conn = 7,
        .granted = {{42, BYTES_LIT("bob"), BYTES_LIT("/a.png"), true}, TOPIC, 300, UINT64_MAX, 1}};
}

static struct down_item sample_refused(void)
{
    return (struct down_item){
        .kind = DOWN_REFUSED, .conn = 7, .refused = {CODE_PERMISSION_DENIED, CLOSE_DENIED}};
}

static struct down_item sample_joined(void)
{
    return (struct down_item){
        .kind = DOWN_JOINED, .conn = UINT64_MAX, .joined = {TOPIC, 300, true, JSON}};
}

static struct down_item sample_topic(void)
{
    return (struct down_item){
        .kind = DOWN_TOPIC, .conn = 0, .topic = {TOPIC, 301, 42, 9, 43, JSON}};
}

static struct down_item sample_reply(void)
{
    return (struct down_item){.kind = DOWN_REPLY, .conn = 7, .reply = {1, 5000, JSON}};
}

static struct down_item sample_ack(void)
{
    return (struct down_item){.kind = DOWN_ACK, .conn = 7, .ack = {1, UINT64_MAX}};
}

static struct down_item sample_http(void)
{
    return (struct down_item){.kind = DOWN_HTTP,
                              .conn = 7,
                              .http = {200, BYTES_LIT("text/plain"), BYTES_LIT("A: b\r\n"),
                                       BYTES_LIT("\xFF\x00"
                                                 "x"),
                                       BYTES_LIT("f/a"), 5, 300}};
}

static struct down_item sample_kick(void)
{
    return (struct down_item){
        .kind = DOWN_KICK,
        .conn = 0,
        .kick = {42, TOPIC, 300, 301, CODE_AUTHENTICATION_FAILED, CLOSE_AUTH}};
}

static struct down_item sample_typing(void)
{
    return (struct down_item){
        .kind = DOWN_TYPING, .conn = 0, .typing = {TOPIC, 7, 42, BYTES_LIT("bob"), TYPING_STOP}};
}

static struct down_item sample_history(void)
{
    return (struct down_item){.kind = DOWN_HISTORY, .conn = 7, .history = {TOPIC, 5, 300, JSON}};
}

static struct down_item sample_refreshed(void)
{
    return (struct down_item){
        .kind = DOWN_REFRESHED, .conn = 7, .refreshed = {1, 5000, 300, UINT64_C(5000000000)}};
}

static struct down_item sample_send(void)
{
    return (struct down_item){.kind = DOWN_SEND, .conn = 7, .send = {JSON}};
}

static struct down_item sample_wanted(void)
{
    return (struct down_item){
        .kind = DOWN_WANTED,
        .conn = 7,
        .wanted = {{42, BYTES_LIT("bob"), BYTES_LIT("/a.png"), true}, TOPIC, BYTES_LIT("u")}};
}

static struct down_item sample_pulled(void)
{
    return (struct down_item){.kind = DOWN_PULLED, .conn = 7, .pulled = {300, 9, PULL_MAX_BYTES}};
}

#define TOPIC_HEX "a6 63 68 61 74 3a 37"
#define JSON_HEX "aa 7b 22 61 22 3a 22 c3 bc 22 7d"

/* The wire form, byte by byte: processes of two releases talk to each other. */
static const struct {
    struct down_item (*make)(void);
    const char *hex;
} SAMPLES[] = {
    {sample_granted, "97 01 07 94 2a a3 62 6f 62 a6 2f 61 2e 70 6e 67 c3 " TOPIC_HEX
                     " cd 01 2c cf ff ff ff ff ff ff ff ff 01"},
    {sample_refused, "94 02 07 04 cd 11 33"},
    {sample_joined, "96 03 cf ff ff ff ff ff ff ff ff " TOPIC_HEX " cd 01 2c c3 " JSON_HEX},
    {sample_topic, "98 04 00 " TOPIC_HEX " cd 01 2d 2a 09 2b " JSON_HEX},
    {sample_reply, "95 05 07 01 cd 13 88 " JSON_HEX},
    {sample_ack, "94 06 07 01 cf ff ff ff ff ff ff ff ff"},
    {sample_http, "99 07 07 cc c8 c4 0a 74 65 78 74 2f 70 6c 61 69 6e"
                  " c4 06 41 3a 20 62 0d 0a c4 03 ff 00 78 a3 66 2f 61 05 cd 01 2c"},
    {sample_kick, "98 08 00 2a " TOPIC_HEX " cd 01 2c cd 01 2d 01 cd 11 31"},
    {sample_typing, "97 09 00 " TOPIC_HEX " 07 2a a3 62 6f 62 02"},
    {sample_history, "96 0a 07 " TOPIC_HEX " 05 cd 01 2c " JSON_HEX},
    {sample_refreshed, "96 0b 07 01 cd 13 88 cd 01 2c cf 00 00 00 01 2a 05 f2 00"},
    {sample_send, "93 0c 07 " JSON_HEX},
    {sample_wanted, "95 0d 07 94 2a a3 62 6f 62 a6 2f 61 2e 70 6e 67 c3 " TOPIC_HEX " a1 75"},
    {sample_pulled, "95 0e 07 cd 01 2c 09 ce 00 04 00 00"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

static void encode(const struct down_item *item, struct buf *out)
{
    buf_reset(out);
    assert_int_equal(down_item_encode(item, out), 0);
}

static int decode_item(struct bytes in)
{
    struct down_item item;
    struct mp_read r;

    mp_read_init(&r, in);
    int err = down_item_decode(&r, &item);
    return err ? err : mp_read_finish(&r);
}

static int encode_and_decode(const struct down_item *item, struct buf *scratch)
{
    encode(item, scratch);
    return decode_item(buf_bytes(scratch));
}

/* Everything in a stream entry: sections with their items. */
static int decode_sections(struct bytes in)
{
    struct mp_read r;

    mp_read_init(&r, in);
    do {
        struct down_section s;
        int err = down_section_decode(&r, &s);
        for (uint32_t i = 0; !err && i < s.item_count; i++) {
            struct down_item item;
            err = down_item_decode(&r, &item);
        }
        if (err) {
            return err;
        }
    } while (!mp_at_end(&r));
    return mp_read_finish(&r);
}

static void check_same(const struct down_item *a, const struct down_item *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->conn, b->conn);
    switch (a->kind) {
    case DOWN_GRANTED:
        assert_int_equal(a->granted.actor.user_id, b->granted.actor.user_id);
        wire_assert_bytes(a->granted.actor.username, b->granted.actor.username);
        wire_assert_bytes(a->granted.actor.avatar, b->granted.actor.avatar);
        assert_int_equal(a->granted.actor.is_staff, b->granted.actor.is_staff);
        wire_assert_bytes(a->granted.topic, b->granted.topic);
        assert_int_equal(a->granted.as_of_ms, b->granted.as_of_ms);
        assert_int_equal(a->granted.login, b->granted.login);
        assert_int_equal(a->granted.expires_s, b->granted.expires_s);
        break;
    case DOWN_REFUSED:
        assert_int_equal(a->refused.code, b->refused.code);
        assert_int_equal(a->refused.close, b->refused.close);
        break;
    case DOWN_JOINED:
        wire_assert_bytes(a->joined.topic, b->joined.topic);
        assert_int_equal(a->joined.seq, b->joined.seq);
        assert_int_equal(a->joined.is_resumed, b->joined.is_resumed);
        wire_assert_bytes(a->joined.json, b->joined.json);
        break;
    case DOWN_TOPIC:
        wire_assert_bytes(a->topic.topic, b->topic.topic);
        assert_int_equal(a->topic.seq, b->topic.seq);
        assert_int_equal(a->topic.exclude_user, b->topic.exclude_user);
        assert_int_equal(a->topic.exclude_conn, b->topic.exclude_conn);
        assert_int_equal(a->topic.author, b->topic.author);
        wire_assert_bytes(a->topic.json, b->topic.json);
        break;
    case DOWN_REPLY:
        assert_int_equal(a->reply.frame_no, b->reply.frame_no);
        assert_int_equal(a->reply.received_us, b->reply.received_us);
        wire_assert_bytes(a->reply.json, b->reply.json);
        break;
    case DOWN_ACK:
        assert_int_equal(a->ack.frame_no, b->ack.frame_no);
        assert_int_equal(a->ack.received_us, b->ack.received_us);
        break;
    case DOWN_HTTP:
        assert_int_equal(a->http.status, b->http.status);
        wire_assert_bytes(a->http.content_type, b->http.content_type);
        wire_assert_bytes(a->http.headers, b->http.headers);
        wire_assert_bytes(a->http.body, b->http.body);
        wire_assert_bytes(a->http.ref, b->http.ref);
        assert_int_equal(a->http.ref_offset, b->http.ref_offset);
        assert_int_equal(a->http.ref_bytes, b->http.ref_bytes);
        break;
    case DOWN_KICK:
        assert_int_equal(a->kick.user_id, b->kick.user_id);
        wire_assert_bytes(a->kick.topic, b->kick.topic);
        assert_int_equal(a->kick.login, b->kick.login);
        assert_int_equal(a->kick.as_of_ms, b->kick.as_of_ms);
        assert_int_equal(a->kick.code, b->kick.code);
        assert_int_equal(a->kick.close, b->kick.close);
        break;
    case DOWN_TYPING:
        wire_assert_bytes(a->typing.topic, b->typing.topic);
        assert_int_equal(a->typing.channel_id, b->typing.channel_id);
        assert_int_equal(a->typing.user_id, b->typing.user_id);
        wire_assert_bytes(a->typing.username, b->typing.username);
        assert_int_equal(a->typing.change, b->typing.change);
        break;
    case DOWN_HISTORY:
        wire_assert_bytes(a->history.topic, b->history.topic);
        assert_int_equal(a->history.after, b->history.after);
        assert_int_equal(a->history.until, b->history.until);
        wire_assert_bytes(a->history.frames, b->history.frames);
        break;
    case DOWN_REFRESHED:
        assert_int_equal(a->refreshed.frame_no, b->refreshed.frame_no);
        assert_int_equal(a->refreshed.received_us, b->refreshed.received_us);
        assert_int_equal(a->refreshed.login, b->refreshed.login);
        assert_int_equal(a->refreshed.expires_s, b->refreshed.expires_s);
        break;
    case DOWN_SEND:
        wire_assert_bytes(a->send.json, b->send.json);
        break;
    case DOWN_WANTED:
        assert_int_equal(a->wanted.actor.user_id, b->wanted.actor.user_id);
        wire_assert_bytes(a->wanted.topic, b->wanted.topic);
        wire_assert_bytes(a->wanted.upload_id, b->wanted.upload_id);
        break;
    case DOWN_PULLED:
        assert_int_equal(a->pulled.offset, b->pulled.offset);
        assert_int_equal(a->pulled.blob, b->pulled.blob);
        assert_int_equal(a->pulled.bytes, b->pulled.bytes);
        break;
    }
}

/* --- items ------------------------------------------------------------------------------- */

static void every_kind_there_and_back(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct down_item item = SAMPLES[i].make();
        struct down_item back;
        struct mp_read r;
        encode(&item, &out);
        wire_assert_hex(buf_bytes(&out), SAMPLES[i].hex);
        mp_read_init(&r, buf_bytes(&out));
        assert_int_equal(down_item_decode(&r, &back), 0);
        assert_int_equal(mp_read_finish(&r), 0);
        check_same(&item, &back);
        assert_int_equal(buf_append_char(&out, '\0'), 0);
        assert_int_equal(decode_item(buf_bytes(&out)), ERR_TRAILING);
    }
    buf_done(&out);
}

static void damaged_items(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct down_item item = SAMPLES[i].make();
        encode(&item, &out);
        wire_check_truncations(buf_bytes(&out), decode_item);
        wire_check_types(buf_bytes(&out), decode_item);
        wire_check_counts(buf_bytes(&out), decode_item);
    }
    buf_done(&out);
}

static const struct {
    const char *hex;
    int err;
} ITEM_HEADS[] = {
    {"", ERR_SHORT},
    {"90", ERR_SHORT},
    {"94 00", ERR_RANGE},
    {"94 0f", ERR_RANGE},
    {"94 ff", ERR_RANGE},
    {"95 06 07 01 02", ERR_TYPE},
    {"93 06 07 01", ERR_TYPE},
    {"94 06 00 01 02", ERR_RANGE},             /* an ack for nobody */
    {"98 08 07 2a a0 00 00 00 00", ERR_RANGE}, /* a kick is for many */
    {"98 08 00 00 a0 00 00 00 00", ERR_RANGE}, /* but never for all */
    {"98 08 00 00 a0 01 00 00 00", 0},
    {"98 04 07 a1 61 01 00 00 00 a1 62", ERR_RANGE}, /* a topic's frame is for a topic */
    {"98 04 00 a1 61 01 00 00 00 a1 62", 0},
    {"98 04 00 a1 61 ff 00 00 00 a1 62", ERR_RANGE},   /* seq -1 */
    {"98 04 00 c4 01 61 01 00 00 00 a1 62", ERR_TYPE}, /* bin for a text */
    {"98 04 00 a1 61 01 00 00 00 a1 ff", ERR_UTF8},
    {"84 06 07 01 02", ERR_TYPE},
};

static void item_heads(void **state)
{
    struct buf in;

    (void)state;
    buf_init(&in, BUF_MAX);
    for (size_t i = 0; i < sizeof(ITEM_HEADS) / sizeof(ITEM_HEADS[0]); i++) {
        int err = decode_item(wire_unhex(ITEM_HEADS[i].hex, &in));
        if (err != ITEM_HEADS[i].err) {
            fail_msg("%s: %s", ITEM_HEADS[i].hex, err_name(err));
        }
    }
    buf_done(&in);
}

static const struct {
    struct down_item (*make)(void);
    size_t offset, max;
    bool is_text;
} STRING_FIELDS[] = {
#define FIELD(make, path, max, is_text)                                                            \
    {                                                                                              \
        make, offsetof(struct down_item, path), max, is_text                                       \
    }
    FIELD(sample_granted, granted.actor.username, USERNAME_MAX_BYTES, true),
    FIELD(sample_granted, granted.actor.avatar, AVATAR_MAX_BYTES, true),
    FIELD(sample_granted, granted.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_joined, joined.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_joined, joined.json, ENVELOPE_MAX_BYTES, true),
    FIELD(sample_topic, topic.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_topic, topic.json, ENVELOPE_MAX_BYTES, true),
    FIELD(sample_reply, reply.json, ENVELOPE_MAX_BYTES, true),
    FIELD(sample_http, http.content_type, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_http, http.headers, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_http, http.body, HTTP_REPLY_MAX_BYTES, false),
#undef FIELD
};

static void string_bounds(void **state)
{
    char *filler = malloc(ENVELOPE_MAX_BYTES + 1);
    struct buf out;

    (void)state;
    memset(filler, 'x', ENVELOPE_MAX_BYTES + 1);
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < sizeof(STRING_FIELDS) / sizeof(STRING_FIELDS[0]); i++) {
        struct down_item item = STRING_FIELDS[i].make();
        struct bytes *field = (struct bytes *)(void *)((char *)&item + STRING_FIELDS[i].offset);
        size_t max = STRING_FIELDS[i].max;
        *field = BYTES_NONE;
        assert_int_equal(encode_and_decode(&item, &out), 0);
        *field = bytes_of(filler, max);
        assert_int_equal(encode_and_decode(&item, &out), 0);
        *field = bytes_of(filler, max + 1);
        assert_int_equal(encode_and_decode(&item, &out), ERR_LIMIT);
        *field = BYTES_LIT("\xC3(");
        assert_int_equal(encode_and_decode(&item, &out), STRING_FIELDS[i].is_text ? ERR_UTF8 : 0);
        *field = BYTES_LIT("a\0");
        assert_int_equal(encode_and_decode(&item, &out), STRING_FIELDS[i].is_text ? ERR_UTF8 : 0);
    }
    buf_done(&out);
    free(filler);
}

/* Every integer and its range; the encoder writes the same bytes for both signs of a type. */
static const struct {
    struct down_item (*make)(void);
    size_t offset;
    int64_t min, max;
    size_t size;
} NUMBER_FIELDS[] = {
#define FIELD(make, path, min, max)                                                                \
    {                                                                                              \
        make, offsetof(struct down_item, path), min, max, sizeof(((struct down_item *)0)->path)    \
    }
    FIELD(sample_granted, granted.actor.user_id, 1, ID_MAX),
    FIELD(sample_refused, refused.code, CODE_NONE + 1, CODE_COUNT - 1),
    FIELD(sample_joined, joined.seq, 0, ID_MAX),
    FIELD(sample_topic, topic.seq, 0, ID_MAX),
    FIELD(sample_topic, topic.exclude_user, 0, ID_MAX),
    FIELD(sample_http, http.status, 100, 599),
    FIELD(sample_topic, topic.author, 0, ID_MAX),
    FIELD(sample_kick, kick.user_id, 0, ID_MAX),
    FIELD(sample_kick, kick.code, CODE_NONE, CODE_COUNT - 1),
    FIELD(sample_typing, typing.channel_id, 1, ID_MAX),
    FIELD(sample_typing, typing.user_id, 1, ID_MAX),
    FIELD(sample_typing, typing.change, TYPING_ON, TYPING_STOP),
    FIELD(sample_history, history.after, 0, ID_MAX),
    FIELD(sample_history, history.until, 0, ID_MAX),
#undef FIELD
};

static void number_ranges(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < sizeof(NUMBER_FIELDS) / sizeof(NUMBER_FIELDS[0]); i++) {
        const struct {
            int64_t n;
            int err;
        } CASES[] = {
            {NUMBER_FIELDS[i].min, 0},
            {NUMBER_FIELDS[i].max, 0},
            {NUMBER_FIELDS[i].min - 1, ERR_RANGE},
            {NUMBER_FIELDS[i].max + 1, ERR_RANGE},
        };
        for (size_t k = 0; k < 4; k++) {
            struct down_item item = NUMBER_FIELDS[i].make();
            memcpy((char *)&item + NUMBER_FIELDS[i].offset, &CASES[k].n, NUMBER_FIELDS[i].size);
            assert_int_equal(encode_and_decode(&item, &out), CASES[k].err);
        }
    }
    buf_done(&out);
}

static void close_codes(void **state)
{
    static const unsigned KNOWN[] = {0,    1001, 1002, 1007, 1008, 1009, 1011, 1012,
                                     1013, 4401, 4403, 4404, 4408, 4413, 4429};
    const size_t known_count = sizeof(KNOWN) / sizeof(KNOWN[0]);
    struct buf out;
    size_t next = 0;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (unsigned n = 0; n <= UINT16_MAX + 1u; n++) {
        struct down_item refused = sample_refused();
        struct down_item kick = sample_kick();
        bool is_known = next < known_count && KNOWN[next] == n;
        next += is_known;
        refused.refused.close = (enum close_code)n;
        kick.kick.close = (enum close_code)n;
        assert_int_equal(encode_and_decode(&refused, &out), is_known ? 0 : ERR_RANGE);
        assert_int_equal(encode_and_decode(&kick, &out), is_known ? 0 : ERR_RANGE);
    }
    assert_int_equal(next, known_count);
    buf_done(&out);
}

/* --- sections ---------------------------------------------------------------------------- */

static void put_section(struct buf *out, uint32_t partition, uint32_t item_count)
{
    struct down_section s = {partition, {1704110400000, 5}, item_count};

    assert_int_equal(down_section_encode(&s, out), 0);
}

static void sections_there_and_back(void **state)
{
    struct buf out;
    struct mp_read r;
    struct down_section s;
    struct down_item item;

    (void)state;
    buf_init(&out, BUF_MAX);
    put_section(&out, 3, 2);
    wire_assert_hex(buf_bytes(&out), "95 04 03 cf 00 00 01 8c c4 e5 22 00 05 92");
    struct down_item ack = sample_ack();
    struct down_item topic = sample_topic();
    assert_int_equal(down_item_encode(&ack, &out), 0);
    assert_int_equal(down_item_encode(&topic, &out), 0);
    put_section(&out, PARTITIONS_MAX - 1, 0);

    mp_read_init(&r, buf_bytes(&out));
    assert_int_equal(down_section_decode(&r, &s), 0);
    assert_int_equal(s.partition, 3);
    assert_int_equal(s.origin.ms, 1704110400000);
    assert_int_equal(s.origin.seq, 5);
    assert_int_equal(s.item_count, 2);
    assert_int_equal(down_item_decode(&r, &item), 0);
    check_same(&item, &ack);
    assert_int_equal(down_item_decode(&r, &item), 0);
    check_same(&item, &topic);
    assert_false(mp_at_end(&r));
    assert_int_equal(down_section_decode(&r, &s), 0);
    assert_int_equal(s.partition, PARTITIONS_MAX - 1);
    assert_int_equal(s.item_count, 0);
    assert_true(mp_at_end(&r));
    assert_int_equal(mp_read_finish(&r), 0);

    assert_int_equal(buf_append_char(&out, '\x01'), 0);
    assert_int_equal(decode_sections(buf_bytes(&out)), ERR_TYPE);
    buf_done(&out);
}

static void damaged_sections(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    put_section(&out, 3, 2);
    struct down_item ack = sample_ack();
    struct down_item topic = sample_topic();
    assert_int_equal(down_item_encode(&ack, &out), 0);
    assert_int_equal(down_item_encode(&topic, &out), 0);
    assert_int_equal(decode_sections(buf_bytes(&out)), 0);
    wire_check_truncations(buf_bytes(&out), decode_sections);
    wire_check_types(buf_bytes(&out), decode_sections);
    buf_done(&out);
}

static void section_heads(void **state)
{
    static const struct {
        const char *hex;
        int err;
    } CASES[] = {
        {"", ERR_SHORT},
        {"90", ERR_TYPE},
        {"95 00 00 00 00 90", ERR_VERSION},
        {"95 01 00 00 00 90", ERR_VERSION},
        {"95 02 00 00 00 90", ERR_VERSION},
        {"91 05", ERR_VERSION}, /* a later version may be anything */
        {"95 04 00 00 00 90", 0},
        {"94 04 00 00 90", ERR_TYPE},
        {"96 04 00 00 00 90 00", ERR_TYPE},
        {"95 04 cc ff 00 00 90", 0},
        {"95 04 cd 01 00 00 00 90", ERR_RANGE},
        {"95 04 ff 00 00 90", ERR_RANGE},
        {"95 04 00 cf ff ff ff ff ff ff ff ff cf ff ff ff ff ff ff ff ff 90", 0},
        {"95 04 00 00 00 dd 00 01 00 01", ERR_LIMIT},
        {"95 04 00 00 00 dd 00 01 00 00", ERR_SHORT}, /* the items are missing */
        {"95 04 00 00 00 80", ERR_TYPE},
        {"95 04 00 00 00 91 94 06 07 01 02", 0},
        {"95 04 00 00 00 92 94 06 07 01 02", ERR_SHORT},
        {"95 04 00 00 00 90 94 06 07 01 02", ERR_VERSION},
    };
    struct buf in;

    (void)state;
    buf_init(&in, BUF_MAX);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        int err = decode_sections(wire_unhex(CASES[i].hex, &in));
        if (err != CASES[i].err) {
            fail_msg("%s: %s", CASES[i].hex, err_name(err));
        }
    }
    buf_done(&in);
}

static void nesting_does_no_harm(void **state)
{
    const size_t len = 1000000;
    char *deep = malloc(len);

    (void)state;
    memset(deep, '\x95', len);
    assert_int_equal(decode_sections(bytes_of(deep, len)), ERR_TYPE);
    assert_int_equal(decode_item(bytes_of(deep, len)), ERR_TYPE);
    free(deep);
}

static void a_failure_leaves_the_outputs(void **state)
{
    struct down_item item, item_before;
    struct down_section s, s_before;
    struct mp_read r;

    (void)state;
    memset(&item, 0xAA, sizeof(item));
    memset(&item_before, 0xAA, sizeof(item));
    memset(&s, 0xAA, sizeof(s));
    memset(&s_before, 0xAA, sizeof(s));
    mp_read_init(&r, BYTES_LIT("\x94\x06\x07\x01"));
    assert_int_equal(down_item_decode(&r, &item), ERR_SHORT);
    assert_memory_equal(&item, &item_before, sizeof(item));
    mp_read_init(&r, BYTES_LIT("\x95\x04\x00\x00\x00"));
    assert_int_equal(down_section_decode(&r, &s), ERR_SHORT);
    assert_memory_equal(&s, &s_before, sizeof(s));
    assert_int_equal(down_item_decode(&r, &item), ERR_SHORT); /* the error of the reader stays */
}

static void written_whole_or_not_at_all(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct down_item item = SAMPLES[i].make();
        buf_init(&out, BUF_MAX);
        encode(&item, &out);
        size_t len = out.len;
        buf_done(&out);
        for (size_t max = 1; max <= len + 1; max++) {
            buf_init(&out, max);
            assert_int_equal(buf_append_char(&out, '#'), 0);
            int err = down_item_encode(&item, &out);
            assert_int_equal(err, max < len + 1 ? ERR_FULL : 0);
            assert_int_equal(out.len, err ? 1 : len + 1);
            buf_done(&out);
        }
    }
    const struct down_section s = {3, {1, 2}, 0};
    for (size_t max = 0; max < 6; max++) {
        buf_init(&out, max);
        assert_int_equal(down_section_encode(&s, &out), ERR_FULL);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
    buf_init(&out, BUF_MAX);
    mem_fail_after(1);
    int err = down_section_encode(&s, &out);
    mem_fail_after(0);
    assert_int_equal(err, ERR_NOMEM);
    buf_done(&out);
}

static void random_damage(void **state)
{
    uint64_t random = 17;
    struct buf out, again;

    (void)state;
    buf_init(&out, BUF_MAX);
    buf_init(&again, BUF_MAX);
    for (int i = 0; i < 100000; i++) {
        struct down_item item = SAMPLES[wire_random(&random) % SAMPLE_COUNT].make();
        encode(&item, &out);
        for (uint64_t n = wire_random(&random) % 4; n > 0; n--) {
            out.data[wire_random(&random) % out.len] = (char)wire_random(&random);
        }
        struct mp_read r;
        mp_read_init(&r, buf_bytes(&out));
        if (down_item_decode(&r, &item) == 0) {
            struct down_item back;
            encode(&item, &again);
            mp_read_init(&r, buf_bytes(&again));
            assert_int_equal(down_item_decode(&r, &back), 0);
            assert_int_equal(mp_read_finish(&r), 0);
            check_same(&item, &back);
        }
    }
    buf_done(&out);
    buf_done(&again);
}

/* --- entry ids --------------------------------------------------------------------------- */

static void entry_ids(void **state)
{
    static const struct {
        const char *text;
        int err;
        struct entry_id id;
    } CASES[] = {
        {"0-0", 0, {0, 0}},
        {"1704110400000-5", 0, {1704110400000, 5}},
        {"123", 0, {123, 0}},
        {"18446744073709551615-18446744073709551615", 0, {UINT64_MAX, UINT64_MAX}},
        {"18446744073709551616-0", ERR_SYNTAX, {0, 0}},
        {"0-18446744073709551616", ERR_SYNTAX, {0, 0}},
        {"99999999999999999999999", ERR_SYNTAX, {0, 0}},
        {"", ERR_SYNTAX, {0, 0}},
        {"-", ERR_SYNTAX, {0, 0}},
        {"1-", ERR_SYNTAX, {0, 0}},
        {"-1", ERR_SYNTAX, {0, 0}},
        {"1-2-3", ERR_SYNTAX, {0, 0}},
        {"1--2", ERR_SYNTAX, {0, 0}},
        {"+1-2", ERR_SYNTAX, {0, 0}},
        {" 1-2", ERR_SYNTAX, {0, 0}},
        {"1-2 ", ERR_SYNTAX, {0, 0}},
        {"1-$", ERR_SYNTAX, {0, 0}},
        {"$", ERR_SYNTAX, {0, 0}},
        {"0x1-2", ERR_SYNTAX, {0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct entry_id id = {77, 78};
        assert_int_equal(entry_id_parse(bytes_str(CASES[i].text), &id), CASES[i].err);
        assert_int_equal(id.ms, CASES[i].err ? 77 : CASES[i].id.ms);
        assert_int_equal(id.seq, CASES[i].err ? 78 : CASES[i].id.seq);
    }
    struct entry_id id = {0, 0};
    assert_int_equal(entry_id_parse(bytes_of("1\0-2", 4), &id), ERR_SYNTAX);
    assert_int_equal(entry_id_parse(BYTES_NONE, &id), ERR_SYNTAX);

    char text[ENTRY_ID_TEXT_MAX];
    entry_id_format((struct entry_id){UINT64_MAX, UINT64_MAX}, text);
    assert_string_equal(text, "18446744073709551615-18446744073709551615");
    assert_int_equal(strlen(text), ENTRY_ID_TEXT_MAX - 1);
    entry_id_format((struct entry_id){1704110400000, 5}, text);
    assert_string_equal(text, "1704110400000-5");
}

static void entry_ids_are_ordered(void **state)
{
    static const struct entry_id ORDERED[] = {
        {0, 0}, {0, 1}, {0, UINT64_MAX}, {1, 0}, {1, 1}, {UINT64_MAX, 0}, {UINT64_MAX, UINT64_MAX},
    };

    (void)state;
    for (int a = 0; a < 7; a++) {
        for (int b = 0; b < 7; b++) {
            assert_int_equal(entry_id_cmp(ORDERED[a], ORDERED[b]), (a > b) - (a < b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_there_and_back),
        cmocka_unit_test(damaged_items),
        cmocka_unit_test(item_heads),
        cmocka_unit_test(string_bounds),
        cmocka_unit_test(number_ranges),
        cmocka_unit_test(close_codes),
        cmocka_unit_test(sections_there_and_back),
        cmocka_unit_test(damaged_sections),
        cmocka_unit_test(section_heads),
        cmocka_unit_test(nesting_does_no_harm),
        cmocka_unit_test(a_failure_leaves_the_outputs),
        cmocka_unit_test(written_whole_or_not_at_all),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(entry_ids),
        cmocka_unit_test(entry_ids_are_ordered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
