/* SPDX-License-Identifier: MIT */
/* Handlers as pure functions: every kind of envelope and of client message in every state of its
 * work, against a list written by hand; then the rules of chat messages one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/content.h"
#include "proto/mp_read.h"

#define GATEWAY BYTES_LIT("gw.1")

struct fixture {
    struct arena *arena;
    struct rooms rooms;
    struct room *room;
    struct effects fx;
    struct buf scratch;
    struct recent *recent;
    struct targets *targets;
    struct world world;
    struct work work;
    int64_t ids[8];
};

static void begin(struct fixture *f)
{
    bool flag;
    memset(f, 0, sizeof(*f));
    f->arena = arena_new(1u << 20);
    f->recent = recent_new();
    f->targets = targets_new();
    buf_init(&f->scratch, 1u << 20);
    effects_init(&f->fx, f->arena);
    f->room = rooms_get(&f->rooms, BYTES_LIT("chat:7"));
    f->room->channel_id = 7;
    f->room->last_seq = 41;
    f->room->is_loaded = true;
    assert_int_equal(room_set_name(f->room, BYTES_LIT("general")), 0);
    assert_int_equal(room_add(f->room, GATEWAY, 1, 10, BYTES_LIT("ann"), &flag), 0);
    for (size_t i = 0; i < 8; i++) {
        f->ids[i] = 1000 + (int64_t)i;
    }
    f->world = (struct world){.now_ms = 1704110400000u,
                              .sanitize_mode = SANITIZE_MARKUP,
                              .message_max_chars = 10,
                              .room_presence_limit = 3,
                              .resume_limit = 5,
                              .recent = f->recent,
                              .targets = f->targets,
                              .ids = f->ids,
                              .id_count = 8,
                              .scratch = &f->scratch,
                              .fx = &f->fx};
    f->work = (struct work){.origin = {2, {50, 0}, 0}, .gateway = GATEWAY, .room = f->room};
    effects_begin(&f->fx, 2, f->work.origin.entry);
}

static void end(struct fixture *f)
{
    effects_done(&f->fx);
    rooms_clear(&f->rooms);
    recent_free(f->recent);
    targets_free(f->targets);
    buf_done(&f->scratch);
    arena_free(f->arena);
}

static void as_chat(struct fixture *f, const char *text)
{
    f->work.env = (struct up_envelope){.kind = UP_FRAME, .conn = 1};
    f->work.env.frame.frame_no = 5;
    f->work.env.frame.actor.user_id = 10;
    f->work.env.frame.actor.username = BYTES_LIT("ann");
    f->work.env.frame.topic = BYTES_LIT("chat:7");
    f->work.env.frame.msg.kind = KIND_CHAT_MESSAGE;
    f->work.env.frame.msg.text = bytes_str(text);
}

/* The items for the one gateway, as a word: T topic, R reply, A ack, J joined, X refused,
 * Y typing. */
static void outcome(struct fixture *f, char word[8], struct down_item items[7])
{
    struct effects_gateway *g;
    struct mp_read r;
    size_t n = 0;

    effects_end(&f->fx);
    assert_int_equal(f->fx.err, 0);
    memset(word, 0, 8);
    HASH_FIND(hh, f->fx.gateways, GATEWAY.ptr, GATEWAY.len, g);
    if (!g) {
        return;
    }
    mp_read_init(&r, buf_bytes(&g->sections));
    while (!mp_at_end(&r)) {
        struct down_section s;
        assert_int_equal(down_section_decode(&r, &s), 0);
        for (uint32_t i = 0; i < s.item_count && n < 7; i++) {
            assert_int_equal(down_item_decode(&r, &items[n]), 0);
            word[n] = "?GXJTRAHKY"[items[n].kind];
            n++;
        }
    }
}

static const char *code_of(struct bytes json, char out[64])
{
    json_t *o = json_loadb(json.ptr, json.len, 0, NULL);
    const char *code = json_string_value(json_object_get(o, "code"));
    snprintf(out, 64, "%s", code ? code : "");
    json_decref(o);
    return out;
}

/* ---- kind x state ---- */

enum work_state { FRESH, STALE, REPLAY, REPLAY_STORED, NO_CHANNEL, WORK_STATES };

static void set_work_state(struct fixture *f, enum work_state s)
{
    f->work.is_stale = s == STALE;
    f->work.is_replay = s == REPLAY || s == REPLAY_STORED;
    f->work.is_stored = s == REPLAY_STORED;
    f->room->is_missing = s == NO_CHANNEL;
}

/* What the kind needs to be accepted. */
static void as_kind(struct fixture *f)
{
    struct client_msg *msg = &f->work.env.frame.msg;

    if (msg->kind == KIND_EDIT_MESSAGE || msg->kind == KIND_DELETE_MESSAGE ||
        msg->kind == KIND_READ_RECEIPT || msg->kind == KIND_MARK_READ) {
        msg->message_id = 99;
        f->work.is_target_known = f->work.has_target = true;
        f->work.target = (struct target_state){.author_id = 10};
    } else if (msg->kind == KIND_BATCH_UPDATE) {
        msg->text = BYTES_LIT("[{}]");
    }
}

static bool is_content(unsigned kind)
{
    return kind == KIND_CHAT_MESSAGE || kind == KIND_EDIT_MESSAGE || kind == KIND_DELETE_MESSAGE ||
           kind == KIND_BATCH_UPDATE;
}

static void test_every_kind_in_every_state(void **state)
{
    /* What the sender's gateway gets, by kind and state. */
    static const char *const frames[KIND_COUNT][WORK_STATES] = {
        [KIND_INVALID] = {"R", "R", "R", "A", "R"},
        [KIND_CHAT_MESSAGE] = {"TA", "R", "R", "A", "R"},
        [KIND_EDIT_MESSAGE] = {"TA", "R", "R", "A", "R"},
        [KIND_DELETE_MESSAGE] = {"TA", "R", "R", "A", "R"},
        [KIND_TYPING] = {"YA", "R", "YA", "A", "R"},
        [KIND_READ_RECEIPT] = {"TA", "R", "R", "A", "R"},
        [KIND_MARK_READ] = {"TA", "R", "R", "A", "R"},
        [KIND_BATCH_UPDATE] = {"TA", "R", "R", "A", "R"},
        [KIND_MARK_ALL_READ] = {"R", "R", "R", "A", "R"},
        [KIND_DISMISS] = {"R", "R", "R", "A", "R"},
        [KIND_STATUS_UPDATE] = {"R", "R", "R", "A", "R"},
        [KIND_UPLOAD_FILE] = {"R", "R", "R", "A", "R"},
        [KIND_UPLOAD_CHUNK] = {"R", "R", "R", "A", "R"},
        [KIND_CANCEL_UPLOAD] = {"R", "R", "R", "A", "R"},
        [KIND_REFRESH_TOKEN] = {"R", "R", "R", "A", "R"},
        [KIND_PING] = {"R", "R", "R", "A", "R"},
        [KIND_HEARTBEAT] = {"R", "R", "R", "A", "R"},
    };
    static const char *const joins[WORK_STATES] = {"JT", "JT", "JT", "JT", "X"};
    static const char *const leaves[WORK_STATES] = {"", "", "", "", ""};
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    for (unsigned s = 0; s < WORK_STATES; s++) {
        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            begin(&f);
            as_chat(&f, "hello");
            f.work.env.frame.msg.kind = (enum client_kind)kind;
            as_kind(&f);
            set_work_state(&f, (enum work_state)s);
            dispatch(&f.world, &f.work);
            outcome(&f, word, items);
            assert_string_equal(word, frames[kind][s]);
            assert_int_equal(f.fx.row_count, s == FRESH && is_content(kind));
            assert_int_equal(f.fx.read_count,
                             s == FRESH && (kind == KIND_READ_RECEIPT || kind == KIND_MARK_READ));
            assert_int_equal(f.room->last_seq, 41 + f.fx.row_count);
            end(&f);
        }
        begin(&f);
        f.work.env = (struct up_envelope){.kind = UP_JOIN, .conn = 2};
        f.work.env.join.actor.user_id = 11;
        f.work.env.join.actor.username = BYTES_LIT("bob");
        set_work_state(&f, (enum work_state)s);
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, joins[s]);
        end(&f);

        begin(&f);
        f.work.env = (struct up_envelope){.kind = UP_LEAVE, .conn = 1};
        f.work.env.leave.user_id = 10;
        set_work_state(&f, (enum work_state)s);
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, leaves[s]);
        assert_true(room_is_empty(f.room));
        end(&f);
    }
}

/* ---- chat messages ---- */

static void test_message_is_stored_and_shown(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    json_t *frame;
    (void)state;

    begin(&f);
    as_chat(&f, "a <b>");
    f.work.env.frame.msg.client_id = BYTES_LIT("c-1");
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "TA");
    assert_int_equal(items[0].topic.seq, 42);
    assert_int_equal(items[0].topic.exclude_user, 0);
    assert_int_equal(items[1].ack.frame_no, 5);
    assert_int_equal(f.fx.rows[0].id, 1000);
    assert_int_equal(f.fx.rows[0].seq, 42);
    assert_int_equal(f.room->last_seq, 42);
    assert_true(bytes_eq_str(f.fx.rows[0].content, "a <\xe2\x80\x8b"
                                                   "b>"));
    frame = json_loadb(items[0].topic.json.ptr, items[0].topic.json.len, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(frame, "seq")), 42);
    assert_string_equal(json_string_value(json_object_get(frame, "client_id")), "c-1");
    json_decref(frame);

    /* Again: nothing new, the first copy for the sender alone. */
    f.work.env.frame.frame_no = 6;
    f.work.env.frame.msg.text = BYTES_LIT("other");
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "TAR");
    assert_int_equal(f.fx.row_count, 1);
    assert_true(bytes_eq(items[2].reply.json, items[0].topic.json));
    assert_int_equal(items[2].reply.frame_no, 6);
    end(&f);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        int64_t channel_id, reply_to;
        bool reply_exists;
        enum channel_access other;
        uint32_t attachments;
        const char *code; /* NULL: accepted */
    } rows[] = {
        {"1234567890", 0, 0, false, 0, 0, NULL},
        {"12345678901", 0, 0, false, 0, 0, "MESSAGE_TOO_LARGE"},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 0, 0,
         false, 0, 0, NULL},
        {"1234567890javascript:", 0, 0, false, 0, 0, NULL},
        {"", 0, 0, false, 0, 0, "INVALID_MESSAGE"},
        {"javascript:", 0, 0, false, 0, 0, "INVALID_MESSAGE"},
        {"x", 7, 0, false, 0, 0, NULL},
        {"x", 8, 0, false, ACCESS_NO_CHANNEL, 0, "CHANNEL_NOT_FOUND"},
        {"x", 8, 0, false, ACCESS_DENIED, 0, "PERMISSION_DENIED"},
        {"x", 8, 0, false, ACCESS_ALLOWED, 0, "INVALID_MESSAGE"},
        {"x", 0, 99, true, 0, 0, NULL},
        {"x", 0, 99, false, 0, 0, "INVALID_MESSAGE"},
        {"x", 0, 0, false, 0, 1, "INVALID_MESSAGE"},
    };
    struct down_item items[7];
    struct fixture f;
    char word[8], code[64];
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&f);
        as_chat(&f, rows[i].text);
        f.work.env.frame.msg.channel_id = rows[i].channel_id;
        f.work.env.frame.msg.reply_to = rows[i].reply_to;
        f.work.env.frame.msg.attachment_count = rows[i].attachments;
        f.work.is_target_known = rows[i].reply_to != 0;
        f.work.has_target = rows[i].reply_exists;
        f.work.other_channel = rows[i].other;
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        if (rows[i].code) {
            assert_string_equal(word, "R");
            assert_string_equal(code_of(items[0].reply.json, code), rows[i].code);
            assert_int_equal(f.fx.row_count, 0);
            assert_int_equal(f.room->last_seq, 41);
            assert_int_equal(f.world.id_count, 8);
        } else {
            assert_string_equal(word, "TA");
        }
        end(&f);
    }
}

/* Each attachment can be in one message only, also within a batch. */
static void test_attachments(void **state)
{
    const struct attachment OWN[] = {{.id = 5,
                                      .file_size = 3,
                                      .file_name = BYTES_LIT("a b.txt"),
                                      .file_type = BYTES_LIT("text/plain")},
                                     {.id = 6,
                                      .file_size = 4,
                                      .file_name = BYTES_LIT("\""),
                                      .file_type = BYTES_LIT("image/png")}};
    static const struct {
        const char *text;
        int64_t ids[3];
        uint32_t count;
        bool is_accepted;
    } rows[] = {
        {"x", {7}, 1, false}, /* not one's own, not complete, in a message, of another room */
        {"x", {5, 5}, 2, false}, {"x", {5, 7}, 2, false},
        {"", {5, 6}, 2, true},   {"x", {6}, 1, false} /* taken by the one before */,
    };
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t before = f.fx.row_count;
        as_chat(&f, rows[i].text);
        memcpy(f.work.env.frame.msg.attachments, rows[i].ids, sizeof(rows[i].ids));
        f.work.env.frame.msg.attachment_count = rows[i].count;
        f.work.attachments = OWN;
        f.work.attachment_count = 2;
        dispatch(&f.world, &f.work);
        assert_int_equal(f.fx.row_count - before, rows[i].is_accepted);
    }
    outcome(&f, word, items);
    assert_string_equal(word, "RRRTAR");
    assert_int_equal(f.fx.rows[0].attachment_count, 2);
    assert_int_equal(f.fx.rows[0].attachment_ids[1], 6);
    assert_true(bytes_eq_str(
        f.fx.rows[0].attachments,
        "[{\"id\":5,\"file_name\":\"a b.txt\",\"file_size\":3,\"file_type\":\"text/plain\","
        "\"url\":\"/media/attachments/5/"
        "a%20b.txt\"},{\"id\":6,\"file_name\":\"\\\"\",\"file_size\":4,"
        "\"file_type\":\"image/png\",\"url\":\"/media/attachments/6/%22\"}]"));
    assert_non_null(memmem(items[3].topic.json.ptr, items[3].topic.json.len,
                           "\"attachments\":[{\"id\":5,", 22));
    end(&f);
}

/* A broker's own frame (the message of an upload): nobody is answered, and it is never too old. */
static void test_a_frame_of_a_broker(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    as_chat(&f, "hello");
    f.work.env.frame.frame_no = 0;
    f.work.is_stale = true;
    dispatch(&f.world, &f.work);
    as_chat(&f, "");
    f.work.env.frame.frame_no = 0;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "T");
    assert_int_equal(f.fx.row_count, 1);
    end(&f);
}

/* What is stored must fit into everything that shows it, now and later. */
static void test_a_frame_that_gets_too_long_changes_nothing(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8], code[64], text[1024];
    (void)state;

    memset(text, '1', sizeof(text));
    text[0] = '[';
    text[sizeof(text) - 2] = ']';
    text[sizeof(text) - 1] = '\0';
    begin(&f);
    f.scratch.max = sizeof(text) + 20; /* the updates fit, not what the frame has around them */
    as_chat(&f, text);
    f.work.env.frame.msg.kind = KIND_BATCH_UPDATE;
    for (char *p = text + 2; p < text + sizeof(text) - 2; p += 2) {
        *p = ',';
    }
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "R");
    assert_string_equal(code_of(items[0].reply.json, code), "MESSAGE_TOO_LARGE");
    assert_int_equal(f.fx.row_count, 0);
    assert_int_equal(f.room->last_seq, 41);
    assert_int_equal(f.world.id_count, 8);
    end(&f);
}

static void test_without_ids_nothing_is_stored(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8], code[64];
    (void)state;

    begin(&f);
    as_chat(&f, "hello");
    f.world.id_count = 0;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "R");
    assert_string_equal(code_of(items[0].reply.json, code), "SERVICE_UNAVAILABLE");
    end(&f);
}

/* ---- presence in rooms ---- */

static void join(struct fixture *f, uint64_t conn, int64_t user)
{
    f->work.env = (struct up_envelope){.kind = UP_JOIN, .conn = conn};
    f->work.env.join.actor.user_id = user;
    f->work.env.join.actor.username = BYTES_LIT("u");
    dispatch(&f->world, &f->work);
}

static void test_presence_is_for_first_and_last_sockets(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    join(&f, 2, 10); /* ann's second socket */
    join(&f, 3, 11); /* somebody new */
    outcome(&f, word, items);
    assert_string_equal(word, "JJT");
    assert_int_equal(items[0].joined.seq, 41);
    assert_int_equal(items[2].topic.exclude_user, 11);
    assert_int_equal(items[2].topic.seq, 0);
    f.work.env = (struct up_envelope){.kind = UP_LEAVE, .conn = 1};
    dispatch(&f.world, &f.work);
    f.work.env = (struct up_envelope){.kind = UP_LEAVE, .conn = 2};
    f.work.env.leave.user_id = 10;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "JJTT");
    assert_int_equal(items[3].topic.exclude_user, 10);
    end(&f);
}

static void test_typing_ends_with_the_last_socket(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    join(&f, 2, 10); /* ann's second socket */
    join(&f, 3, 11);
    f.work.env = (struct up_envelope){.kind = UP_LEAVE, .conn = 1};
    f.work.env.leave.user_id = 10;
    f.work.env.leave.is_typing = true;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "JJT");
    f.work.env.conn = 2;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "JJTYT");
    assert_int_equal(items[3].typing.user_id, 10);
    assert_int_equal(items[3].typing.change, TYPING_STOP);
    end(&f);
}

/* A first run took the connection out of the room's record, but died before it told the others. */
static void test_a_leave_run_again_tells_the_others(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    f.work.env = (struct up_envelope){.kind = UP_LEAVE, .conn = 9};
    f.work.env.leave.user_id = 11;
    dispatch(&f.world, &f.work);
    f.work.env.leave.user_id = 10; /* has another connection here */
    dispatch(&f.world, &f.work);
    f.work.env.leave.user_id = 0; /* nobody was told who it is */
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "T");
    assert_int_equal(items[0].topic.exclude_user, 11);
    end(&f);
}

static void test_large_rooms_have_no_presence(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    json_t *first;
    (void)state;

    begin(&f); /* limit 3 */
    join(&f, 2, 11);
    join(&f, 3, 12);
    join(&f, 4, 13);
    outcome(&f, word, items);
    assert_string_equal(word, "JTJTJ");
    first = json_loadb(items[4].joined.json.ptr, items[4].joined.json.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(first, "online_users")), 3);
    json_decref(first);
    end(&f);
}

static void test_rejoin_is_silent(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    begin(&f);
    f.work.env = (struct up_envelope){.kind = UP_JOIN, .conn = 2};
    f.work.env.join.actor.user_id = 11;
    f.work.env.join.is_rejoin = true;
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "J");
    assert_int_equal(items[0].joined.json.len, 0);
    assert_int_equal(items[0].joined.seq, 41);
    end(&f);
}

/* ---- frames about other messages ---- */

static void as_frame(struct fixture *f, enum client_kind kind, int64_t message_id, const char *text)
{
    as_chat(f, text);
    f->work.env.frame.msg.kind = kind;
    f->work.env.frame.msg.message_id = message_id;
}

static void test_who_may_change_what(void **state)
{
    static const struct {
        enum client_kind kind;
        const char *text;
        bool is_there, is_deleted, is_own, is_staff;
        const char *code; /* NULL: accepted */
    } rows[] = {
        {KIND_EDIT_MESSAGE, "new", true, false, true, false, NULL},
        {KIND_EDIT_MESSAGE, "new", true, false, false, false, "PERMISSION_DENIED"},
        {KIND_EDIT_MESSAGE, "new", true, false, false, true, "PERMISSION_DENIED"},
        {KIND_EDIT_MESSAGE, "new", true, true, true, false, "INVALID_MESSAGE"},
        {KIND_EDIT_MESSAGE, "new", true, true, false, false, "INVALID_MESSAGE"},
        {KIND_EDIT_MESSAGE, "new", false, false, false, false, "INVALID_MESSAGE"},
        {KIND_EDIT_MESSAGE, "", true, false, true, false, "INVALID_MESSAGE"},
        {KIND_EDIT_MESSAGE, "12345678901", true, false, true, false, "MESSAGE_TOO_LARGE"},
        {KIND_DELETE_MESSAGE, "", true, false, true, false, NULL},
        {KIND_DELETE_MESSAGE, "", true, false, false, false, "PERMISSION_DENIED"},
        {KIND_DELETE_MESSAGE, "", true, false, false, true, NULL},
        {KIND_DELETE_MESSAGE, "", true, true, true, false, "INVALID_MESSAGE"},
        {KIND_DELETE_MESSAGE, "", true, true, false, true, "INVALID_MESSAGE"},
        {KIND_DELETE_MESSAGE, "", false, false, false, true, "INVALID_MESSAGE"},
        {KIND_READ_RECEIPT, "", true, false, false, false, NULL},
        {KIND_READ_RECEIPT, "", true, true, false, false, NULL},
        {KIND_READ_RECEIPT, "", false, false, false, false, "INVALID_MESSAGE"},
    };
    struct down_item items[7];
    struct fixture f;
    char word[8], code[64];
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&f);
        as_frame(&f, rows[i].kind, 99, rows[i].text);
        f.work.env.frame.actor.is_staff = rows[i].is_staff;
        f.work.is_target_known = true;
        f.work.has_target = rows[i].is_there;
        f.work.target = (struct target_state){rows[i].is_own ? 10 : 11, rows[i].is_deleted};
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, rows[i].code ? "R" : "TA");
        if (rows[i].code) {
            assert_string_equal(code_of(items[0].reply.json, code), rows[i].code);
            assert_int_equal(f.fx.row_count + f.fx.read_count, 0);
            assert_int_equal(f.room->last_seq, 41);
        } else if (rows[i].kind != KIND_READ_RECEIPT) {
            assert_int_equal(f.fx.rows[0].message_id, 99);
            assert_int_equal(items[0].topic.seq, 42);
        }
        end(&f);
    }
}

/* What earlier frames of the same batch did counts, though nothing of it is committed. */
static void test_a_deletion_is_known_at_once(void **state)
{
    static const enum client_kind after[] = {KIND_DELETE_MESSAGE, KIND_EDIT_MESSAGE};
    struct down_item items[7];
    struct fixture f;
    char word[8], code[64];
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        begin(&f);
        as_chat(&f, "text");
        dispatch(&f.world, &f.work);
        as_frame(&f, KIND_DELETE_MESSAGE, 1000, "");
        dispatch(&f.world, &f.work);
        as_frame(&f, after[i], 1000, "new");
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, "TATAR");
        assert_string_equal(code_of(items[4].reply.json, code), "INVALID_MESSAGE");
        as_chat(&f, "answer");
        f.work.env.frame.msg.reply_to = 1000;
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, "TATARR");
        end(&f);
    }
}

/* The author sends it again: told of the message as the database has it now. */
static void test_a_repeat_does_not_bring_a_deleted_text_back(void **state)
{
    struct down_item items[7];
    struct fixture f;
    struct content_row row;
    struct buf json;
    char word[8];
    (void)state;

    buf_init(&json, 4096);
    for (int is_committed = 0; is_committed < 2; is_committed++) {
        begin(&f);
        as_chat(&f, "secret");
        f.work.env.frame.msg.client_id = BYTES_LIT("c");
        dispatch(&f.world, &f.work);
        if (is_committed) {
            recent_commit(f.recent, &(struct client_key){7, 10, BYTES_LIT("c")});
        }
        row = f.fx.rows[0];
        as_frame(&f, KIND_DELETE_MESSAGE, row.id, "");
        dispatch(&f.world, &f.work);
        as_chat(&f, "secret");
        f.work.env.frame.msg.client_id = BYTES_LIT("c");
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, "TATAR");
        row.content = BYTES_NONE;
        buf_reset(&json);
        assert_int_equal(content_render(&row, &json), 0);
        assert_true(bytes_eq(items[4].reply.json, buf_bytes(&json)));
        end(&f);
    }
    buf_done(&json);
}

static void test_receipts_move_forward_only(void **state)
{
    static const struct {
        int64_t message_id, stored;
        bool is_replay;
        const char *word;
        size_t reads;
    } rows[] = {
        {99, 0, false, "TA", 1},  {99, 98, false, "TA", 1}, {99, 99, false, "A", 0},
        {99, 100, false, "A", 0}, {99, 99, true, "TA", 0},  {99, 100, true, "A", 0},
        {99, 98, true, "R", 0},
    };
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&f);
        as_frame(&f, KIND_READ_RECEIPT, rows[i].message_id, "");
        f.work.is_target_known = f.work.has_target = true;
        f.work.read_id = rows[i].stored;
        f.work.is_replay = rows[i].is_replay;
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, rows[i].word);
        assert_int_equal(f.fx.read_count, rows[i].reads);
        end(&f);
    }
    begin(&f); /* the second of two in a batch */
    for (size_t i = 0; i < 2; i++) {
        as_frame(&f, KIND_READ_RECEIPT, 99, "");
        f.work.is_target_known = f.work.has_target = true;
        dispatch(&f.world, &f.work);
    }
    outcome(&f, word, items);
    assert_string_equal(word, "TAA");
    assert_int_equal(f.fx.reads[0].message_id, 99);
    end(&f);
}

static void test_a_batch_is_not_for_its_own_socket(void **state)
{
    struct down_item items[7];
    struct fixture f;
    char word[8];
    bool flag;
    (void)state;

    begin(&f);
    assert_int_equal(room_add(f.room, BYTES_LIT("gw.2"), 1, 11, BYTES_LIT("bob"), &flag), 0);
    as_frame(&f, KIND_BATCH_UPDATE, 0, "[{\"a\":\"<b>\"}]");
    dispatch(&f.world, &f.work);
    outcome(&f, word, items);
    assert_string_equal(word, "TA");
    assert_int_equal(items[0].topic.exclude_conn, 1);
    assert_int_equal(items[0].topic.author, 0);
    assert_true(bytes_eq_str(f.fx.rows[0].content, "[{\"a\":\"<\xe2\x80\x8b"
                                                   "b>\"}]"));
    struct effects_gateway *other;
    struct down_section section;
    struct down_item item;
    struct mp_read r;
    HASH_FIND(hh, f.fx.gateways, "gw.2", 4, other);
    mp_read_init(&r, buf_bytes(&other->sections));
    assert_int_equal(down_section_decode(&r, &section), 0);
    assert_int_equal(down_item_decode(&r, &item), 0);
    assert_int_equal(item.topic.exclude_conn, 0); /* the same number is somebody else there */
    end(&f);
}

static void test_content_goes_into_the_log_a_deletion_begins_it_anew(void **state)
{
    const struct channel_log *log;
    struct fixture f;
    (void)state;

    begin(&f);
    as_chat(&f, "secret");
    dispatch(&f.world, &f.work);
    as_chat(&f, "other");
    dispatch(&f.world, &f.work);
    log = f.fx.logs.table;
    assert_int_equal(log->channel_id, 7);
    assert_int_equal(log->pieces->first, 42);
    assert_int_equal(log->pieces->last, 43);
    as_frame(&f, KIND_DELETE_MESSAGE, 1000, "");
    dispatch(&f.world, &f.work);
    assert_true(log->is_emptied);
    assert_int_equal(log->pieces->first, 44);
    assert_null(memmem(log->pieces->lines.data, log->pieces->lines.len, "secret", 6));
    end(&f);
}

static void test_who_comes_back_is_resumed_within_the_limit(void **state)
{
    static const struct {
        bool has_since;
        uint64_t since;
        bool is_resumed;
    } rows[] = {{false, 0, false}, {true, 41, true},  {true, 36, true},     {true, 35, false},
                {true, 0, false},  {true, 42, false}, {true, ID_MAX, false}};
    struct down_item items[7];
    struct fixture f;
    char word[8];
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&f);
        f.work.env = (struct up_envelope){.kind = UP_JOIN, .conn = 2};
        f.work.env.join.actor.user_id = 10;
        f.work.env.join.has_since = rows[i].has_since;
        f.work.env.join.since = rows[i].since;
        dispatch(&f.world, &f.work);
        outcome(&f, word, items);
        assert_string_equal(word, "J");
        assert_int_equal(items[0].joined.is_resumed, rows[i].is_resumed);
        assert_int_equal(memmem(items[0].joined.json.ptr, items[0].joined.json.len,
                                "\"resumed\":true", 14) != NULL,
                         rows[i].is_resumed);
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_in_every_state),
        cmocka_unit_test(test_message_is_stored_and_shown),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_a_frame_of_a_broker),
        cmocka_unit_test(test_a_frame_that_gets_too_long_changes_nothing),
        cmocka_unit_test(test_without_ids_nothing_is_stored),
        cmocka_unit_test(test_presence_is_for_first_and_last_sockets),
        cmocka_unit_test(test_typing_ends_with_the_last_socket),
        cmocka_unit_test(test_a_leave_run_again_tells_the_others),
        cmocka_unit_test(test_large_rooms_have_no_presence),
        cmocka_unit_test(test_who_may_change_what),
        cmocka_unit_test(test_a_deletion_is_known_at_once),
        cmocka_unit_test(test_a_repeat_does_not_bring_a_deleted_text_back),
        cmocka_unit_test(test_receipts_move_forward_only),
        cmocka_unit_test(test_a_batch_is_not_for_its_own_socket),
        cmocka_unit_test(test_content_goes_into_the_log_a_deletion_begins_it_anew),
        cmocka_unit_test(test_who_comes_back_is_resumed_within_the_limit),
        cmocka_unit_test(test_rejoin_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
