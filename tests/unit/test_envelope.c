/* SPDX-License-Identifier: MIT */
/* Envelopes: each kind's bytes, its way there and back, and everything that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "proto/envelope.h"
#include "proto/mp_write.h"
#include "tests/unit/wire_test.h"

#define BUF_MAX (40u * 1024u * 1024u)

/* --- one sample of each kind, no two fields alike ---------------------------------------- */

static struct actor sample_actor(void)
{
    return (struct actor){42, BYTES_LIT("j\xC3\xBCrgen"), BYTES_LIT("/a.png"), true};
}

static struct credentials sample_credentials(void)
{
    return (struct credentials){
        .authorization = BYTES_LIT("Bearer A"),
        .query_token = BYTES_LIT("t%2E"),
        .subprotocol = BYTES_LIT("bearer, S"),
        .cookie = BYTES_LIT("sessionid=\xFF"),
        .has_query_token = true,
    };
}

static struct up_envelope sample_open(void)
{
    return (struct up_envelope){.kind = UP_OPEN,
                                .conn = 7,
                                .open = {.endpoint = ENDPOINT_ECHO,
                                         .room = BYTES_LIT("general"),
                                         .cred = sample_credentials(),
                                         .address = BYTES_LIT("10.0.0.1")}};
}

static struct up_envelope sample_join(void)
{
    return (struct up_envelope){.kind = UP_JOIN,
                                .conn = UINT64_MAX,
                                .join = {.actor = sample_actor(),
                                         .topic = BYTES_LIT("chat:7"),
                                         .is_rejoin = true,
                                         .has_since = true,
                                         .since = 300}};
}

static struct up_envelope sample_leave(void)
{
    return (struct up_envelope){.kind = UP_LEAVE,
                                .conn = 300,
                                .leave = {.user_id = 42,
                                          .username = BYTES_LIT("bob"),
                                          .topic = BYTES_LIT("chat:7"),
                                          .is_clean = true,
                                          .is_typing = true}};
}

static struct up_envelope sample_frame(void)
{
    return (struct up_envelope){.kind = UP_FRAME,
                                .conn = 9,
                                .frame = {.frame_no = 1,
                                          .received_us = UINT64_C(5000000000),
                                          .actor = sample_actor(),
                                          .topic = BYTES_LIT("chat:7"),
                                          .is_outside = true,
                                          .msg = {.kind = KIND_CHAT_MESSAGE,
                                                  .client_id = BYTES_LIT("c-1"),
                                                  .text = BYTES_LIT("hi \xF0\x9F\x98\x80"),
                                                  .channel_id = 7,
                                                  .reply_to = 300,
                                                  .message_id = 8,
                                                  .notification_id = 6,
                                                  .is_typing = true,
                                                  .attachments = {5, ID_MAX},
                                                  .attachment_count = 2}}};
}

static struct up_envelope sample_http(void)
{
    return (struct up_envelope){.kind = UP_HTTP,
                                .conn = 11,
                                .http = {.method = BYTES_LIT("POST"),
                                         .path = BYTES_LIT("/api/token/"),
                                         .query = BYTES_LIT("a=1"),
                                         .body = BYTES_LIT("{\xFE}"),
                                         .content_type = BYTES_LIT("application/json"),
                                         .address = BYTES_LIT("::1"),
                                         .cred = sample_credentials(),
                                         .range = BYTES_LIT("b=1"),
                                         .if_range = BYTES_LIT("\"e"),
                                         .if_none_match = BYTES_LIT("\"f"),
                                         .body_bytes = 300}};
}

static struct up_envelope sample_upload(void)
{
    return (struct up_envelope){.kind = UP_UPLOAD,
                                .conn = 15,
                                .upload = {.frame_no = 2,
                                           .received_us = 3,
                                           .actor = sample_actor(),
                                           .topic = BYTES_LIT("chat:7"),
                                           .client_id = BYTES_LIT("c"),
                                           .action = UPLOAD_CHUNK,
                                           .is_http = true,
                                           .upload_id = BYTES_LIT("u"),
                                           .file_name = BYTES_LIT("n"),
                                           .file_type = BYTES_LIT("t"),
                                           .file_size = 300,
                                           .channel_id = 7,
                                           .is_posted = true,
                                           .chunk_index = 5,
                                           .chunk_bytes = 6,
                                           .blob = 9}};
}

static struct up_envelope sample_pull(void)
{
    return (struct up_envelope){
        .kind = UP_PULL,
        .conn = 16,
        .pull = {.ref = BYTES_LIT("f/a"), .offset = 300, .bytes = PULL_MAX_BYTES, .blob = 9}};
}

static struct up_envelope sample_history(void)
{
    return (struct up_envelope){
        .kind = UP_HISTORY,
        .conn = 12,
        .history = {.topic = BYTES_LIT("chat:7"), .after = 5, .until = ID_MAX}};
}

static struct up_envelope sample_refresh(void)
{
    return (struct up_envelope){.kind = UP_REFRESH,
                                .conn = 13,
                                .refresh = {.frame_no = 2,
                                            .received_us = UINT64_C(5000000000),
                                            .user_id = 42,
                                            .client_id = BYTES_LIT("c"),
                                            .token = BYTES_LIT("e.y.J")}};
}

static struct up_envelope sample_notify(void)
{
    return (struct up_envelope){.kind = UP_NOTIFY,
                                .conn = 14,
                                .notify = {.source = BYTES_LIT("1-2"),
                                           .channel_id = 7,
                                           .message_id = 8,
                                           .created_ms = 9,
                                           .title = BYTES_LIT("t"),
                                           .message = BYTES_LIT("m"),
                                           .category = BYTES_LIT("c"),
                                           .url = BYTES_LIT("/u"),
                                           .users = BYTES_LIT("\x2a\0\0\0\0\0\0\0")}};
}

/* --- helpers ----------------------------------------------------------------------------- */

#define ACTOR_HEX "94 2a a7 6a c3 bc 72 67 65 6e a6 2f 61 2e 70 6e 67 c3"
#define CRED_HEX                                                                                   \
    "95 c4 08 42 65 61 72 65 72 20 41 c4 04 74 25 32 45 c4 09 62 65 61 72 65 72 2c 20 53"          \
    " c4 0b 73 65 73 73 69 6f 6e 69 64 3d ff c3"
#define TOPIC_HEX "a6 63 68 61 74 3a 37"

/* The wire form, byte by byte: processes of two releases talk to each other. */
static const struct {
    struct up_envelope (*make)(void);
    const char *hex;
} SAMPLES[] = {
    {sample_open, "97 04 01 07 04 a7 67 65 6e 65 72 61 6c " CRED_HEX " a8 31 30 2e 30 2e 30 2e 31"},
    {sample_join, "98 04 02 cf ff ff ff ff ff ff ff ff " ACTOR_HEX " " TOPIC_HEX " c3 c3 cd 01 2c"},
    {sample_leave, "98 04 03 cd 01 2c 2a a3 62 6f 62 " TOPIC_HEX " c3 c3"},
    {sample_frame, "99 04 04 09 01 cf 00 00 00 01 2a 05 f2 00 " ACTOR_HEX " " TOPIC_HEX
                   " c3 99 01 a3 63 2d 31 a7 68 69 20 f0 9f 98 80 07 cd 01 2c 08 06 c3"
                   " 92 05 cf 00 1f ff ff ff ff ff ff"},
    {sample_http,
     "9e 04 05 0b c4 04 50 4f 53 54 c4 0b 2f 61 70 69 2f 74 6f 6b 65 6e 2f"
     " c4 03 61 3d 31 c4 03 7b fe 7d c4 10 61 70 70 6c 69 63 61 74 69 6f 6e 2f 6a"
     " 73 6f 6e a3 3a 3a 31 " CRED_HEX " c4 03 62 3d 31 c4 02 22 65 c4 02 22 66 cd 01 2c"},
    {sample_history, "96 04 06 0c " TOPIC_HEX " 05 cf 00 1f ff ff ff ff ff ff"},
    {sample_refresh, "98 04 07 0d 02 cf 00 00 00 01 2a 05 f2 00 2a a1 63 a5 65 2e 79 2e 4a"},
    {sample_notify, "9c 04 08 0e a3 31 2d 32 07 08 09 a1 74 a1 6d a1 63 a2 2f 75"
                    " c4 08 2a 00 00 00 00 00 00 00"},
    {sample_upload, "dc 00 12 04 09 0f 02 03 " ACTOR_HEX " " TOPIC_HEX
                    " a1 63 02 c3 a1 75 a1 6e a1 74 cd 01 2c 07 c3"
                    " cf 00 00 00 05 00 00 00 06 09"},
    {sample_pull, "97 04 0a 10 a3 66 2f 61 cd 01 2c ce 00 04 00 00 09"},
};
#define SAMPLE_COUNT (sizeof(SAMPLES) / sizeof(SAMPLES[0]))

static void encode(const struct up_envelope *env, struct buf *out)
{
    buf_reset(out);
    assert_int_equal(up_envelope_encode(env, out), 0);
}

/* Decode all of `in`; bytes left over are an error, too. */
static int decode(struct bytes in)
{
    struct up_envelope env;
    size_t used;

    int err = up_envelope_decode(in, &env, &used);
    return err ? err : used == in.len ? 0 : ERR_TRAILING;
}

static int encode_and_decode(const struct up_envelope *env, struct buf *scratch)
{
    encode(env, scratch);
    return decode(buf_bytes(scratch));
}

static void check_actor(struct actor a, struct actor b)
{
    assert_int_equal(a.user_id, b.user_id);
    wire_assert_bytes(a.username, b.username);
    wire_assert_bytes(a.avatar, b.avatar);
    assert_int_equal(a.is_staff, b.is_staff);
}

static void check_credentials(const struct credentials *a, const struct credentials *b)
{
    wire_assert_bytes(a->authorization, b->authorization);
    wire_assert_bytes(a->query_token, b->query_token);
    wire_assert_bytes(a->subprotocol, b->subprotocol);
    wire_assert_bytes(a->cookie, b->cookie);
    assert_int_equal(a->has_query_token, b->has_query_token);
}

static void check_msg(const struct client_msg *a, const struct client_msg *b)
{
    assert_int_equal(a->kind, b->kind);
    wire_assert_bytes(a->client_id, b->client_id);
    wire_assert_bytes(a->text, b->text);
    assert_int_equal(a->channel_id, b->channel_id);
    assert_int_equal(a->reply_to, b->reply_to);
    assert_int_equal(a->message_id, b->message_id);
    assert_int_equal(a->notification_id, b->notification_id);
    assert_int_equal(a->is_typing, b->is_typing);
    assert_int_equal(a->attachment_count, b->attachment_count);
    for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
        assert_int_equal(a->attachments[i], b->attachments[i]);
    }
}

static void check_upload(const struct up_upload *a, const struct up_upload *b)
{
    assert_int_equal(a->frame_no, b->frame_no);
    assert_int_equal(a->received_us, b->received_us);
    check_actor(a->actor, b->actor);
    wire_assert_bytes(a->topic, b->topic);
    wire_assert_bytes(a->client_id, b->client_id);
    assert_int_equal(a->action, b->action);
    assert_int_equal(a->is_http, b->is_http);
    wire_assert_bytes(a->upload_id, b->upload_id);
    wire_assert_bytes(a->file_name, b->file_name);
    wire_assert_bytes(a->file_type, b->file_type);
    assert_int_equal(a->file_size, b->file_size);
    assert_int_equal(a->channel_id, b->channel_id);
    assert_int_equal(a->is_posted, b->is_posted);
    assert_int_equal(a->chunk_index, b->chunk_index);
    assert_int_equal(a->chunk_bytes, b->chunk_bytes);
    assert_int_equal(a->blob, b->blob);
}

static void check_same(const struct up_envelope *a, const struct up_envelope *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->conn, b->conn);
    switch (a->kind) {
    case UP_OPEN:
        assert_int_equal(a->open.endpoint, b->open.endpoint);
        wire_assert_bytes(a->open.room, b->open.room);
        check_credentials(&a->open.cred, &b->open.cred);
        wire_assert_bytes(a->open.address, b->open.address);
        break;
    case UP_JOIN:
        check_actor(a->join.actor, b->join.actor);
        wire_assert_bytes(a->join.topic, b->join.topic);
        assert_int_equal(a->join.is_rejoin, b->join.is_rejoin);
        assert_int_equal(a->join.has_since, b->join.has_since);
        assert_int_equal(a->join.since, b->join.since);
        break;
    case UP_LEAVE:
        assert_int_equal(a->leave.user_id, b->leave.user_id);
        wire_assert_bytes(a->leave.username, b->leave.username);
        wire_assert_bytes(a->leave.topic, b->leave.topic);
        assert_int_equal(a->leave.is_clean, b->leave.is_clean);
        assert_int_equal(a->leave.is_typing, b->leave.is_typing);
        break;
    case UP_FRAME:
        assert_int_equal(a->frame.frame_no, b->frame.frame_no);
        assert_int_equal(a->frame.received_us, b->frame.received_us);
        check_actor(a->frame.actor, b->frame.actor);
        wire_assert_bytes(a->frame.topic, b->frame.topic);
        assert_int_equal(a->frame.is_outside, b->frame.is_outside);
        check_msg(&a->frame.msg, &b->frame.msg);
        break;
    case UP_HTTP:
        wire_assert_bytes(a->http.method, b->http.method);
        wire_assert_bytes(a->http.path, b->http.path);
        wire_assert_bytes(a->http.query, b->http.query);
        wire_assert_bytes(a->http.body, b->http.body);
        wire_assert_bytes(a->http.content_type, b->http.content_type);
        wire_assert_bytes(a->http.address, b->http.address);
        check_credentials(&a->http.cred, &b->http.cred);
        wire_assert_bytes(a->http.range, b->http.range);
        wire_assert_bytes(a->http.if_range, b->http.if_range);
        wire_assert_bytes(a->http.if_none_match, b->http.if_none_match);
        assert_int_equal(a->http.body_bytes, b->http.body_bytes);
        break;
    case UP_HISTORY:
        wire_assert_bytes(a->history.topic, b->history.topic);
        assert_int_equal(a->history.after, b->history.after);
        assert_int_equal(a->history.until, b->history.until);
        break;
    case UP_REFRESH:
        assert_int_equal(a->refresh.frame_no, b->refresh.frame_no);
        assert_int_equal(a->refresh.received_us, b->refresh.received_us);
        assert_int_equal(a->refresh.user_id, b->refresh.user_id);
        wire_assert_bytes(a->refresh.client_id, b->refresh.client_id);
        wire_assert_bytes(a->refresh.token, b->refresh.token);
        break;
    case UP_NOTIFY:
        wire_assert_bytes(a->notify.source, b->notify.source);
        assert_int_equal(a->notify.channel_id, b->notify.channel_id);
        assert_int_equal(a->notify.message_id, b->notify.message_id);
        assert_int_equal(a->notify.created_ms, b->notify.created_ms);
        wire_assert_bytes(a->notify.title, b->notify.title);
        wire_assert_bytes(a->notify.message, b->notify.message);
        wire_assert_bytes(a->notify.category, b->notify.category);
        wire_assert_bytes(a->notify.url, b->notify.url);
        wire_assert_bytes(a->notify.users, b->notify.users);
        break;
    case UP_UPLOAD:
        check_upload(&a->upload, &b->upload);
        break;
    case UP_PULL:
        wire_assert_bytes(a->pull.ref, b->pull.ref);
        assert_int_equal(a->pull.offset, b->pull.offset);
        assert_int_equal(a->pull.bytes, b->pull.bytes);
        assert_int_equal(a->pull.blob, b->pull.blob);
        break;
    }
}

/* --- tests ------------------------------------------------------------------------------- */

static void every_kind_there_and_back(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct up_envelope env = SAMPLES[i].make();
        struct up_envelope back;
        size_t used = 0;
        encode(&env, &out);
        wire_assert_hex(buf_bytes(&out), SAMPLES[i].hex);
        assert_int_equal(up_envelope_decode(buf_bytes(&out), &back, &used), 0);
        assert_int_equal(used, out.len);
        check_same(&env, &back);
    }
    buf_done(&out);
}

static void damaged_encodings(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct up_envelope env = SAMPLES[i].make();
        encode(&env, &out);
        wire_check_truncations(buf_bytes(&out), decode);
        wire_check_types(buf_bytes(&out), decode);
        wire_check_counts(buf_bytes(&out), decode);
    }
    buf_done(&out);
}

static void envelopes_follow_one_another(void **state)
{
    struct buf out;
    size_t pos = 0;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct up_envelope env = SAMPLES[i].make();
        assert_int_equal(up_envelope_encode(&env, &out), 0);
    }
    assert_int_equal(buf_append_char(&out, '\x01'), 0);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct up_envelope want = SAMPLES[i].make();
        struct up_envelope env;
        size_t used;
        assert_int_equal(up_envelope_decode(bytes_skip(buf_bytes(&out), pos), &env, &used), 0);
        check_same(&want, &env);
        pos += used;
    }
    assert_int_equal(pos, out.len - 1);
    struct up_envelope env;
    size_t used;
    assert_int_equal(up_envelope_decode(bytes_skip(buf_bytes(&out), pos), &env, &used), ERR_TYPE);
    buf_done(&out);
}

static const struct {
    const char *hex;
    int err;
} HEADS[] = {
    {"", ERR_SHORT},
    {"90", ERR_TYPE},
    {"91 04", ERR_SHORT},
    {"91 02", ERR_VERSION},
    {"91 05", ERR_VERSION},
    {"93 00 04 09", ERR_VERSION},
    {"93 01 04 09", ERR_VERSION},
    {"97 05 63 c0 c0 c0 c0 c0", ERR_VERSION}, /* a later version may be anything */
    {"97 a1 31 01", ERR_TYPE},
    {"97 04 00", ERR_RANGE}, /* unknown kinds */
    {"97 04 0b", ERR_RANGE},
    {"97 04 ff", ERR_RANGE},
    {"97 04 cf ff ff ff ff ff ff ff ff", ERR_RANGE},
    {"97 04 03 09 2a a1 62 " TOPIC_HEX " c3 c3", ERR_TYPE}, /* too few fields */
    {"99 04 03 09 2a a1 62 " TOPIC_HEX " c3 c3", ERR_TYPE},
    {"dd ff ff ff ff 04 03 09", ERR_TYPE},
    {"98 04 03 00 2a a1 62 " TOPIC_HEX " c3 c3", ERR_RANGE}, /* conn 0 */
    {"98 04 03 ff 2a a1 62 " TOPIC_HEX " c3 c3", ERR_RANGE}, /* conn -1 */
    {"98 04 03 09 00 a1 62 " TOPIC_HEX " c3 c3", ERR_RANGE}, /* user 0 */
    {"98 04 03 09 cf 00 20 00 00 00 00 00 00 a1 62 " TOPIC_HEX " c3 c3", ERR_RANGE},
    {"98 04 03 09 2a c4 01 62 " TOPIC_HEX " c3 c3", ERR_TYPE}, /* bin for a text */
    {"98 04 03 09 2a a1 62 " TOPIC_HEX " 01 c3", ERR_TYPE},
    {"98 04 03 09 2a a1 62 " TOPIC_HEX " c3 c3", 0},
    {"98 04 03 09 2a a0 a0 c2 c2", 0},
    {"98 04 03 cc 09 ce 00 00 00 2a d9 01 62 " TOPIC_HEX " c3 c3", 0}, /* longer than needed */
    {"98 04 03 09 2a a1 62 " TOPIC_HEX " c3 c3 00", ERR_TRAILING},
    {"88 03 03 09 2a a1 62 " TOPIC_HEX " c3 c3", ERR_TYPE}, /* a map */
    {"c1", ERR_TYPE},
};

static void heads(void **state)
{
    struct buf in;

    (void)state;
    buf_init(&in, BUF_MAX);
    for (size_t i = 0; i < sizeof(HEADS) / sizeof(HEADS[0]); i++) {
        int err = decode(wire_unhex(HEADS[i].hex, &in));
        if (err != HEADS[i].err) {
            fail_msg("%s: %s", HEADS[i].hex, err_name(err));
        }
    }
    buf_done(&in);
}

static void people_are_told_by_eight_bytes_each(void **state)
{
    static char text[8 * NOTIFY_USERS_MAX];
    struct up_envelope env = sample_notify();
    char users[24];
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < 3; i++) {
        notify_user_put(users + 8 * i, i == 2 ? ID_MAX : (int64_t)(i + 1));
    }
    env.notify.users = bytes_of(users, sizeof(users));
    assert_int_equal(encode_and_decode(&env, &out), 0);
    assert_int_equal(notify_user_count(&env.notify), 3);
    assert_int_equal(notify_user(&env.notify, 1), 2);
    assert_int_equal(notify_user(&env.notify, 2), ID_MAX);
    users[23] = '\xff'; /* no id is so large */
    assert_int_equal(notify_user(&env.notify, 2), 0);
    env.notify.users = bytes_of(users, 8); /* the frames of all its people have a bound */
    env.notify.message = bytes_of(text, NOTIFY_MESSAGE_MAX_BYTES);
    assert_int_equal(encode_and_decode(&env, &out), 0);
    env.notify.users = bytes_of(text, 8 * NOTIFY_USERS_MAX);
    assert_true(notify_frames_bytes(&env.notify) > NOTIFY_FRAMES_MAX_BYTES);
    assert_int_equal(encode_and_decode(&env, &out), ERR_LIMIT);
    env.notify.message = BYTES_LIT("m");
    assert_int_equal(encode_and_decode(&env, &out), 0);
    env.notify.users = bytes_of(users, sizeof(users));
    env.notify.users.len = 23;
    assert_int_equal(encode_and_decode(&env, &out), ERR_RANGE);
    env.notify.users.len = 0;
    assert_int_equal(encode_and_decode(&env, &out), ERR_RANGE);
    buf_done(&out);
}

static void nesting_does_no_harm(void **state)
{
    const size_t len = 1000000;
    char *deep = malloc(len);

    (void)state;
    memset(deep, '\x97', len);
    assert_int_equal(decode(bytes_of(deep, len)), ERR_TYPE);
    memset(deep, '\x91', len);
    assert_int_equal(decode(bytes_of(deep, len)), ERR_TYPE);
    free(deep);
}

/* Every string field and its bound. */
static const struct {
    struct up_envelope (*make)(void);
    size_t offset, max;
    bool is_text;
} STRING_FIELDS[] = {
#define FIELD(make, path, max, is_text)                                                            \
    {                                                                                              \
        make, offsetof(struct up_envelope, path), max, is_text                                     \
    }
    FIELD(sample_open, open.room, ROOM_NAME_MAX, true),
    FIELD(sample_open, open.cred.authorization, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_open, open.cred.query_token, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_open, open.cred.subprotocol, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_open, open.cred.cookie, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_open, open.address, ADDRESS_MAX_BYTES, true),
    FIELD(sample_join, join.actor.username, USERNAME_MAX_BYTES, true),
    FIELD(sample_join, join.actor.avatar, AVATAR_MAX_BYTES, true),
    FIELD(sample_join, join.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_leave, leave.username, USERNAME_MAX_BYTES, true),
    FIELD(sample_leave, leave.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_frame, frame.actor.username, USERNAME_MAX_BYTES, true),
    FIELD(sample_frame, frame.actor.avatar, AVATAR_MAX_BYTES, true),
    FIELD(sample_frame, frame.topic, TOPIC_MAX_BYTES, true),
    FIELD(sample_frame, frame.msg.client_id, CLIENT_ID_MAX_BYTES, true),
    FIELD(sample_frame, frame.msg.text, MESSAGE_MAX_BYTES, true),
    FIELD(sample_http, http.method, HTTP_METHOD_MAX_BYTES, false),
    FIELD(sample_http, http.path, HTTP_PATH_MAX_BYTES, false),
    FIELD(sample_http, http.query, HTTP_PATH_MAX_BYTES, false),
    FIELD(sample_http, http.body, HTTP_BODY_MAX_BYTES, false),
    FIELD(sample_http, http.content_type, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_http, http.address, ADDRESS_MAX_BYTES, true),
    FIELD(sample_http, http.cred.cookie, HEADER_VALUE_MAX_BYTES, false),
    FIELD(sample_notify, notify.source, NOTIFY_SOURCE_MAX_BYTES, true),
    FIELD(sample_notify, notify.title, NOTIFY_TITLE_MAX_BYTES, true),
    FIELD(sample_notify, notify.message, NOTIFY_MESSAGE_MAX_BYTES, true),
    FIELD(sample_notify, notify.category, NOTIFY_CATEGORY_MAX_BYTES, true),
    FIELD(sample_notify, notify.url, NOTIFY_URL_MAX_BYTES, true),
#undef FIELD
};

static void string_bounds(void **state)
{
    char *filler = malloc(MESSAGE_MAX_BYTES + 1);
    struct buf out;

    (void)state;
    memset(filler, 'x', MESSAGE_MAX_BYTES + 1);
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < sizeof(STRING_FIELDS) / sizeof(STRING_FIELDS[0]); i++) {
        struct up_envelope env = STRING_FIELDS[i].make();
        struct bytes *field = (struct bytes *)(void *)((char *)&env + STRING_FIELDS[i].offset);
        size_t max = STRING_FIELDS[i].max;
        *field = BYTES_NONE;
        assert_int_equal(encode_and_decode(&env, &out), 0);
        *field = bytes_of(filler, max);
        assert_int_equal(encode_and_decode(&env, &out), 0);
        *field = bytes_of(filler, max + 1);
        assert_int_equal(encode_and_decode(&env, &out), ERR_LIMIT);
        *field = BYTES_LIT("\xC3(");
        assert_int_equal(encode_and_decode(&env, &out), STRING_FIELDS[i].is_text ? ERR_UTF8 : 0);
        *field = BYTES_LIT("a\0");
        assert_int_equal(encode_and_decode(&env, &out), STRING_FIELDS[i].is_text ? ERR_UTF8 : 0);
    }
    buf_done(&out);
    free(filler);
}

/* Every id and its range. */
static const struct {
    struct up_envelope (*make)(void);
    size_t offset;
    int64_t min;
} ID_FIELDS[] = {
    {sample_join, offsetof(struct up_envelope, join.actor.user_id), 1},
    {sample_leave, offsetof(struct up_envelope, leave.user_id), 1},
    {sample_frame, offsetof(struct up_envelope, frame.actor.user_id), 1},
    {sample_frame, offsetof(struct up_envelope, frame.msg.channel_id), 0},
    {sample_frame, offsetof(struct up_envelope, frame.msg.reply_to), 0},
    {sample_frame, offsetof(struct up_envelope, frame.msg.notification_id), 0},
    {sample_notify, offsetof(struct up_envelope, notify.channel_id), 0},
    {sample_notify, offsetof(struct up_envelope, notify.message_id), 0},
    {sample_frame, offsetof(struct up_envelope, frame.msg.attachments[0]), 1},
    {sample_frame, offsetof(struct up_envelope, frame.msg.attachments[1]), 1},
};

static void id_ranges(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (size_t i = 0; i < sizeof(ID_FIELDS) / sizeof(ID_FIELDS[0]); i++) {
        struct up_envelope env = ID_FIELDS[i].make();
        int64_t *field = (int64_t *)(void *)((char *)&env + ID_FIELDS[i].offset);
        *field = ID_FIELDS[i].min;
        assert_int_equal(encode_and_decode(&env, &out), 0);
        *field = ID_FIELDS[i].min - 1;
        assert_int_equal(encode_and_decode(&env, &out), ERR_RANGE);
        *field = ID_MAX;
        assert_int_equal(encode_and_decode(&env, &out), 0);
        *field = ID_MAX + 1;
        assert_int_equal(encode_and_decode(&env, &out), ERR_RANGE);
        *field = INT64_MIN;
        assert_int_equal(encode_and_decode(&env, &out), ERR_RANGE);
    }
    buf_done(&out);
}

static void enumerations_and_counts(void **state)
{
    struct up_envelope env = sample_open();
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (int i = -1; i <= ENDPOINT_COUNT + 1; i++) {
        bool is_known = i > ENDPOINT_NONE && i < ENDPOINT_COUNT;
        env.open.endpoint = (enum endpoint)i;
        assert_int_equal(encode_and_decode(&env, &out), is_known ? 0 : ERR_RANGE);
    }
    env = sample_frame();
    for (int i = -1; i <= KIND_COUNT + 1; i++) {
        bool is_known = i > KIND_INVALID && i < KIND_COUNT;
        env.frame.msg.kind = (enum client_kind)i;
        assert_int_equal(encode_and_decode(&env, &out), is_known ? 0 : ERR_RANGE);
    }
    env = sample_frame();
    for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
        env.frame.msg.attachments[i] = (int64_t)i + 1;
    }
    env.frame.msg.attachment_count = ATTACHMENTS_MAX;
    assert_int_equal(encode_and_decode(&env, &out), 0);
    env.frame.msg.attachment_count = 0;
    assert_int_equal(encode_and_decode(&env, &out), 0);

    /* one attachment more cannot be made by our encoder: the array of the sample is its end */
    env = sample_frame();
    encode(&env, &out);
    out.len -= strlen("\x92\x05") + 9;
    struct mp_write w;
    mp_write_init(&w, &out);
    mp_put_array(&w, ATTACHMENTS_MAX + 1);
    for (size_t i = 0; i <= ATTACHMENTS_MAX; i++) {
        mp_put_u64(&w, 1);
    }
    assert_int_equal(w.err, 0);
    assert_int_equal(decode(buf_bytes(&out)), ERR_LIMIT);
    buf_done(&out);
}

static void a_failure_leaves_the_outputs(void **state)
{
    struct up_envelope env;
    struct up_envelope before;
    size_t used = 77;

    (void)state;
    memset(&env, 0xAA, sizeof(env));
    memset(&before, 0xAA, sizeof(before));
    assert_int_equal(up_envelope_decode(BYTES_LIT("\x98\x04\x03\x09\x2a"), &env, &used), ERR_SHORT);
    assert_memory_equal(&env, &before, sizeof(env));
    assert_int_equal(used, 77);
}

static void an_envelope_is_written_whole_or_not_at_all(void **state)
{
    struct buf out;

    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct up_envelope env = SAMPLES[i].make();
        buf_init(&out, BUF_MAX);
        encode(&env, &out);
        size_t len = out.len;
        buf_done(&out);
        for (size_t max = 1; max <= len + 1; max++) {
            buf_init(&out, max);
            assert_int_equal(buf_append_char(&out, '#'), 0);
            int err = up_envelope_encode(&env, &out);
            assert_int_equal(err, max < len + 1 ? ERR_FULL : 0);
            assert_int_equal(out.len, err ? 1 : len + 1);
            buf_done(&out);
        }
    }
    struct up_envelope env = sample_http();
    for (size_t nth = 1; nth <= 2; nth++) {
        buf_init(&out, BUF_MAX);
        mem_fail_after(nth);
        int err = up_envelope_encode(&env, &out);
        mem_fail_after(0);
        assert_int_equal(err, ERR_NOMEM);
        assert_int_equal(out.len, 0);
        buf_done(&out);
    }
}

/* --- random round trips ------------------------------------------------------------------ */

static struct bytes random_text(uint64_t *random, size_t max)
{
    static const char POOL[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789";

    return bytes_of(POOL, wire_random(random) % (max + 1));
}

static int64_t random_id(uint64_t *random)
{
    return (int64_t)(wire_random(random) >> (12 + wire_random(random) % 52)) + 1;
}

static struct up_envelope random_frame(uint64_t *random)
{
    struct up_envelope env = {.kind = UP_FRAME, .conn = wire_random(random) | 1};
    struct client_msg *msg = &env.frame.msg;

    env.frame.frame_no = wire_random(random) >> (wire_random(random) % 64);
    env.frame.received_us = wire_random(random) >> (wire_random(random) % 64);
    env.frame.actor = (struct actor){random_id(random), random_text(random, 60),
                                     random_text(random, 60), wire_random(random) & 1};
    env.frame.topic = random_text(random, 60);
    msg->kind = KIND_CHAT_MESSAGE;
    msg->client_id = random_text(random, 60);
    msg->text = random_text(random, 60);
    msg->channel_id = random_id(random);
    msg->reply_to = random_id(random);
    msg->attachment_count = (uint32_t)(wire_random(random) % (ATTACHMENTS_MAX + 1));
    for (size_t i = 0; i < msg->attachment_count; i++) {
        msg->attachments[i] = random_id(random);
    }
    return env;
}

static void random_frames_there_and_back(void **state)
{
    uint64_t random = 11;
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX);
    for (int i = 0; i < 20000; i++) {
        struct up_envelope env = random_frame(&random);
        struct up_envelope back;
        size_t used;
        encode(&env, &out);
        assert_int_equal(up_envelope_decode(buf_bytes(&out), &back, &used), 0);
        assert_int_equal(used, out.len);
        check_same(&env, &back);
    }
    buf_done(&out);
}

/* Random bytes in a valid encoding: whatever is accepted must be encodable to the same meaning. */
static void random_damage(void **state)
{
    uint64_t random = 13;
    struct buf out, again;

    (void)state;
    buf_init(&out, BUF_MAX);
    buf_init(&again, BUF_MAX);
    for (int i = 0; i < 100000; i++) {
        struct up_envelope env = SAMPLES[wire_random(&random) % SAMPLE_COUNT].make();
        encode(&env, &out);
        for (uint64_t n = wire_random(&random) % 4; n > 0; n--) {
            out.data[wire_random(&random) % out.len] = (char)wire_random(&random);
        }
        size_t used;
        if (up_envelope_decode(buf_bytes(&out), &env, &used) == 0) {
            struct up_envelope back;
            encode(&env, &again);
            assert_int_equal(up_envelope_decode(buf_bytes(&again), &back, &used), 0);
            check_same(&env, &back);
        }
    }
    buf_done(&out);
    buf_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_there_and_back),
        cmocka_unit_test(damaged_encodings),
        cmocka_unit_test(envelopes_follow_one_another),
        cmocka_unit_test(heads),
        cmocka_unit_test(people_are_told_by_eight_bytes_each),
        cmocka_unit_test(nesting_does_no_harm),
        cmocka_unit_test(string_bounds),
        cmocka_unit_test(id_ranges),
        cmocka_unit_test(enumerations_and_counts),
        cmocka_unit_test(a_failure_leaves_the_outputs),
        cmocka_unit_test(an_envelope_is_written_whole_or_not_at_all),
        cmocka_unit_test(random_frames_there_and_back),
        cmocka_unit_test(random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
