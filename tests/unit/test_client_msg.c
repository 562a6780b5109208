/* SPDX-License-Identifier: MIT */
/* What a browser may send: every field, missing, of the wrong type, and at each bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/client_msg.h"

#define CHAT "\"type\":\"chat_message\""
#define TEXT "\"message\":\"hi\""

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
/* U+1F600, four bytes */
#define FACE4 "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98\x80"
#define FACE64                                                                                     \
    FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4 FACE4
#define TEN_IDS "1,2,3,4,5,6,7,8,9,10"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(1u << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct {
    const char *json;
    int err;
    enum client_kind kind;
    const char *client_id; /* NULL: none */
} VERDICTS[] = {
    /* the kinds */
    {"{" CHAT "," TEXT "}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{\"type\":\"ping\"}", 0, KIND_PING, NULL},
    {"{\"action\":\"heartbeat\"}", 0, KIND_HEARTBEAT, NULL},
    {"{\"type\":null,\"action\":\"heartbeat\"}", 0, KIND_HEARTBEAT, NULL},
    {" \t\r\n{ \"type\" : \"ping\" } \n", 0, KIND_PING, NULL},
    {"{\"type\":\"p\\u0069ng\"}", 0, KIND_PING, NULL},
    {"{}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":\"\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":\"invalid\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":\"PING\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":null}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"Type\":\"ping\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"action\":\"ping\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"action\":1}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":\"x\",\"action\":\"heartbeat\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    {"{\"type\":1}", ERR_TYPE, KIND_INVALID, NULL},
    {"{\"type\":true}", ERR_TYPE, KIND_INVALID, NULL},
    {"{\"type\":[\"ping\"]}", ERR_TYPE, KIND_INVALID, NULL},
    {"{\"type\":{}}", ERR_TYPE, KIND_INVALID, NULL},
    {"{\"type\":\"nope\",\"client_id\":\"c\"}", ERR_NOT_FOUND, KIND_INVALID, "c"},
    {"{\"client_id\":\"c\"}", ERR_NOT_FOUND, KIND_INVALID, "c"},
    {"{\"type\":\"ping\",\"client_id\":5,\"message\":5}", 0, KIND_PING, NULL},
    /* edits, deletions, receipts */
    {"{\"type\":\"edit_message\",\"message_id\":7,\"new_content\":\"x\"}", 0, KIND_EDIT_MESSAGE,
     NULL},
    {"{\"type\":\"edit_message\",\"message_id\":7,\"new_content\":\"\"}", 0, KIND_EDIT_MESSAGE,
     NULL},
    {"{\"type\":\"edit_message\",\"message_id\":7}", ERR_MISSING, KIND_EDIT_MESSAGE, NULL},
    {"{\"type\":\"edit_message\",\"message_id\":7,\"new_content\":null}", ERR_MISSING,
     KIND_EDIT_MESSAGE, NULL},
    {"{\"type\":\"edit_message\",\"message_id\":7,\"new_content\":7}", ERR_TYPE, KIND_EDIT_MESSAGE,
     NULL},
    {"{\"type\":\"edit_message\",\"new_content\":\"x\",\"client_id\":\"c\"}", ERR_MISSING,
     KIND_EDIT_MESSAGE, "c"},
    {"{\"type\":\"delete_message\",\"message_id\":7,\"client_id\":7}", 0, KIND_DELETE_MESSAGE,
     NULL},
    {"{\"type\":\"delete_message\"}", ERR_MISSING, KIND_DELETE_MESSAGE, NULL},
    {"{\"type\":\"delete_message\",\"message_id\":0}", ERR_RANGE, KIND_DELETE_MESSAGE, NULL},
    {"{\"type\":\"delete_message\",\"message_id\":\"7\"}", ERR_TYPE, KIND_DELETE_MESSAGE, NULL},
    {"{\"type\":\"read_receipt\",\"message_id\":9007199254740991}", 0, KIND_READ_RECEIPT, NULL},
    {"{\"type\":\"read_receipt\",\"message_id\":9007199254740992}", ERR_RANGE, KIND_READ_RECEIPT,
     NULL},
    {"{\"type\":\"mark_read\",\"message_id\":7}", 0, KIND_MARK_READ, NULL},
    {"{\"type\":\"mark_read\",\"notification_id\":7}", 0, KIND_MARK_READ, NULL},
    {"{\"type\":\"mark_read\"}", ERR_MISSING, KIND_MARK_READ, NULL},
    {"{\"type\":\"mark_read\",\"notification_id\":\"7\"}", ERR_TYPE, KIND_MARK_READ, NULL},
    {"{\"type\":\"mark_all_read\"}", 0, KIND_MARK_ALL_READ, NULL},
    {"{\"type\":\"dismiss\",\"notification_id\":7}", 0, KIND_DISMISS, NULL},
    {"{\"type\":\"dismiss\"}", ERR_MISSING, KIND_DISMISS, NULL},
    {"{\"type\":\"dismiss\",\"notification_id\":0}", ERR_RANGE, KIND_DISMISS, NULL},
    {"{\"type\":\"status_update\",\"status\":\"away\"}", 0, KIND_STATUS_UPDATE, NULL},
    {"{\"type\":\"status_update\",\"status\":\"Away\"}", ERR_RANGE, KIND_STATUS_UPDATE, NULL},
    {"{\"type\":\"status_update\"}", ERR_MISSING, KIND_STATUS_UPDATE, NULL},
    /* typing */
    {"{\"type\":\"typing\",\"is_typing\":true}", 0, KIND_TYPING, NULL},
    {"{\"type\":\"typing\",\"is_typing\":false,\"channel_id\":7}", 0, KIND_TYPING, NULL},
    {"{\"type\":\"typing\"}", ERR_MISSING, KIND_TYPING, NULL},
    {"{\"type\":\"typing\",\"is_typing\":1}", ERR_TYPE, KIND_TYPING, NULL},
    {"{\"type\":\"typing\",\"is_typing\":true,\"channel_id\":1.0}", ERR_TYPE, KIND_TYPING, NULL},
    /* tokens */
    {"{\"type\":\"refresh_token\",\"token\":\"t\"}", 0, KIND_REFRESH_TOKEN, NULL},
    {"{\"type\":\"refresh_token\"}", ERR_MISSING, KIND_REFRESH_TOKEN, NULL},
    /* files */
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     0, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"post\":false,\"upload_id\":\"u\"}",
     0, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"post\":null,\"upload_id\":null}",
     0, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_size\":5,\"file_type\":\"text/plain\",\"channel_id\":7}",
     ERR_MISSING, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_LIMIT, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":7,\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_TYPE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_MISSING, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":0,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_RANGE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":-1,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_RANGE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":1.0,\"file_type\":\"text/"
     "plain\",\"channel_id\":7}",
     ERR_TYPE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":9007199254740992,\"file_"
     "type\":\"text/plain\",\"channel_id\":7}",
     ERR_RANGE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"channel_id\":7}",
     ERR_MISSING, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\"}",
     ERR_MISSING, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":\"7\"}",
     ERR_TYPE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"post\":1}",
     ERR_TYPE, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"upload_id\":\"\"}",
     ERR_LIMIT, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"upload_id\":"
     "\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
     0, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_file\",\"file_name\":\"a.txt\",\"file_size\":5,\"file_type\":\"text/"
     "plain\",\"channel_id\":7,\"upload_id\":"
     "\"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu\"}",
     ERR_LIMIT, KIND_UPLOAD_FILE, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk=\"}", 0,
     KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":4095,\"chunk_data\":\"aGk=\"}",
     0, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":4096,\"chunk_data\":\"aGk=\"}",
     ERR_RANGE, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":-1,\"chunk_data\":\"aGk=\"}",
     ERR_RANGE, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0.0,\"chunk_data\":\"aGk=\"}",
     ERR_TYPE, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":\"0\",\"chunk_data\":\"aGk="
     "\"}",
     ERR_TYPE, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_data\":\"aGk=\"}", ERR_MISSING,
     KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"chunk_index\":0,\"chunk_data\":\"aGk=\"}", ERR_MISSING,
     KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":5,\"chunk_index\":0,\"chunk_data\":\"aGk=\"}",
     ERR_TYPE, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0}", ERR_MISSING,
     KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":5}", ERR_TYPE,
     KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"\"}",
     ERR_LIMIT, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk==\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"a===\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"====\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aG=k\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGl=\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk= \"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\" aGk=\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aG k\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk=\\n\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk-\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aG_=\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGk=aGk="
     "\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"=aGk\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"upload_chunk\",\"upload_id\":\"u\",\"chunk_index\":0,\"chunk_data\":\"aGkü\"}",
     ERR_SYNTAX, KIND_UPLOAD_CHUNK, NULL},
    {"{\"type\":\"cancel_upload\",\"upload_id\":\"u\"}", 0, KIND_CANCEL_UPLOAD, NULL},
    {"{\"type\":\"cancel_upload\"}", ERR_MISSING, KIND_CANCEL_UPLOAD, NULL},
    /* batches */
    {"{\"type\":\"batch_update\",\"updates\":[{}]}", 0, KIND_BATCH_UPDATE, NULL},
    {"{\"type\":\"batch_update\"}", ERR_MISSING, KIND_BATCH_UPDATE, NULL},
    {"{\"type\":\"batch_update\",\"updates\":{}}", ERR_TYPE, KIND_BATCH_UPDATE, NULL},
    {"{\"type\":\"batch_update\",\"updates\":[]}", ERR_LIMIT, KIND_BATCH_UPDATE, NULL},
    {"{\"type\":\"batch_update\",\"updates\":[{},7]}", ERR_TYPE, KIND_BATCH_UPDATE, NULL},
    {"{\"type\":\"batch_update\",\"updates\":[{},[]],\"client_id\":\"c\"}", ERR_TYPE,
     KIND_BATCH_UPDATE, "c"},
    /* not JSON, not an object */
    {"", ERR_SYNTAX, KIND_INVALID, NULL},
    {" ", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{", ERR_SYNTAX, KIND_INVALID, NULL},
    {"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"}}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"}{\"type\":\"ping\"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"} x", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\",}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{'type':'ping'}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{type:\"ping\"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"p\\xing\"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"/**/}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\",\"n\":NaN}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\",\"n\":01}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\",\"n\":\"a\nb\"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"[]", ERR_SYNTAX, KIND_INVALID, NULL},
    {"[{\"type\":\"ping\"}]", ERR_SYNTAX, KIND_INVALID, NULL},
    {"\"ping\"", ERR_SYNTAX, KIND_INVALID, NULL},
    {"null", ERR_SYNTAX, KIND_INVALID, NULL},
    {"1", ERR_SYNTAX, KIND_INVALID, NULL},
    {"\xEF\xBB\xBF{\"type\":\"ping\"}", ERR_SYNTAX, KIND_INVALID, NULL}, /* a byte order mark */
    /* bad UTF-8 */
    {"{\"type\":\"ping\",\"x\":\"\xFF\"}", ERR_UTF8, KIND_INVALID, NULL},
    {"{\"type\":\"ping\"}\xC3", ERR_UTF8, KIND_INVALID, NULL},
    {"{\"type\":\"ping\",\"x\":\"\xED\xA0\x80\"}", ERR_UTF8, KIND_INVALID, NULL},
    /* duplicate keys: the last one counts */
    {"{\"type\":\"chat_message\",\"type\":\"ping\"}", 0, KIND_PING, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":\"a\",\"client_id\":\"b\"}", 0, KIND_CHAT_MESSAGE, "b"},
    {"{" CHAT ",\"message\":1,\"message\":\"hi\"}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"hi\",\"message\":1}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    /* unknown keys, whatever is in them */
    {"{" CHAT "," TEXT ",\"x\":{\"y\":[1,2.5,null,true,\"z\"]}}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"\":-1e-300,\"__proto__\":{}}", 0, KIND_CHAT_MESSAGE, NULL},
    /* message */
    {"{" CHAT "}", ERR_MISSING, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":null}", ERR_MISSING, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"Message\":\"hi\"}", ERR_MISSING, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\"}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":1}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":true}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":[\"hi\"]}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":{}}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"client_id\":\"c\"}", ERR_MISSING, KIND_CHAT_MESSAGE, "c"},
    {"{" CHAT ",\"message\":1,\"client_id\":\"c\"}", ERR_TYPE, KIND_CHAT_MESSAGE, "c"},
    /* NUL in any string, and the error still knows the client_id */
    {"{" CHAT ",\"message\":\"a\\u0000b\",\"client_id\":\"c\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE,
     "c"},
    {"{" CHAT "," TEXT ",\"client_id\":\"c\\u0000\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"x\":\"\\u0000\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"x\":[0,{\"y\":[\"\\u0000\"]}]}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"x\\u0000\":1}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{\"type\":\"ping\\u0000\"}", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{" CHAT ",\"message\":\"a\\\\u0000b\"}", 0, KIND_CHAT_MESSAGE, NULL}, /* a backslash */
    {"{" CHAT ",\"message\":\"a\\u0001b\"}", 0, KIND_CHAT_MESSAGE, NULL},
    /* surrogates; the error still knows the client_id */
    {"{" CHAT ",\"message\":\"\\ud83d\\ude00\"}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\\ud83d\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\\ude00\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\\ude00\\ud83d\",\"client_id\":\"c\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE,
     "c"},
    {"{" CHAT ",\"message\":\"\\ud83dx\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\\ud83d\\u0041\"}", ERR_SYNTAX, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"message\":\"\\ud83d\"", ERR_SYNTAX, KIND_INVALID, NULL},
    {"{" CHAT ",\"message\":\"\\\\ud83d\"}", 0, KIND_CHAT_MESSAGE, NULL}, /* a backslash */
    {"{\"type\":\"heartbeat\"}", ERR_NOT_FOUND, KIND_INVALID, NULL},
    /* client_id */
    {"{" CHAT "," TEXT ",\"client_id\":\"c\"}", 0, KIND_CHAT_MESSAGE, "c"},
    {"{" CHAT "," TEXT ",\"client_id\":null}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":\"\"}", ERR_LIMIT, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":\"" X64 "\"}", 0, KIND_CHAT_MESSAGE, X64},
    {"{" CHAT "," TEXT ",\"client_id\":\"" X64 "x\"}", ERR_LIMIT, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":\"" FACE64 "\"}", 0, KIND_CHAT_MESSAGE, FACE64},
    {"{" CHAT "," TEXT ",\"client_id\":\"" FACE64 "x\"}", ERR_LIMIT, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":1}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":[]}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"client_id\":false}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    /* numbers that no reader can hold: refused as a whole, but the client_id is known */
    {"{" CHAT "," TEXT ",\"channel_id\":99999999999999999999,\"client_id\":\"c\"}", ERR_RANGE,
     KIND_CHAT_MESSAGE, "c"},
    {"{" CHAT "," TEXT ",\"channel_id\":-99999999999999999999}", ERR_RANGE, KIND_CHAT_MESSAGE,
     NULL},
    {"{" CHAT "," TEXT ",\"x\":1e999}", ERR_RANGE, KIND_INVALID, NULL},
    /* attachments */
    {"{" CHAT ",\"attachments\":[1]}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"attachments\":[1],\"message\":null}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"attachments\":[1],\"message\":1}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":null}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[]}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT ",\"attachments\":[]}", ERR_MISSING, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[" TEN_IDS "," TEN_IDS "]}", 0, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[" TEN_IDS "," TEN_IDS ",1]}", ERR_LIMIT,
     KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":1}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":\"1\"}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":{\"0\":1}}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[1,null]}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[1,[2]]}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[1,2.0]}", ERR_TYPE, KIND_CHAT_MESSAGE, NULL},
    {"{" CHAT "," TEXT ",\"attachments\":[1,0]}", ERR_RANGE, KIND_CHAT_MESSAGE, NULL},
};

static void check_is_zero_but_for_kind_and_id(const struct client_msg *msg)
{
    assert_int_equal(msg->text.len, 0);
    assert_int_equal(msg->channel_id, 0);
    assert_int_equal(msg->reply_to, 0);
    assert_int_equal(msg->attachment_count, 0);
    for (size_t i = 0; i < ATTACHMENTS_MAX; i++) {
        assert_int_equal(msg->attachments[i], 0);
    }
}

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(VERDICTS) / sizeof(VERDICTS[0]); i++) {
        struct client_msg msg;
        memset(&msg, 0xAA, sizeof(msg));
        arena_reset(arena);
        int err = client_msg_parse(bytes_str(VERDICTS[i].json), arena, &msg);
        if (err != VERDICTS[i].err || msg.kind != VERDICTS[i].kind) {
            fail_msg("%s: %s, kind %d", VERDICTS[i].json, err_name(err), (int)msg.kind);
        }
        assert_true(bytes_eq(msg.client_id, bytes_str(VERDICTS[i].client_id)));
        if (err) {
            check_is_zero_but_for_kind_and_id(&msg);
        }
    }
}

/* The same for every field that is an id. */
static const struct {
    const char *value;
    int err;
    int64_t id;
} IDS[] = {
    {"1", 0, 1},
    {"9007199254740991", 0, ID_MAX},
    {"null", 0, 0},
    {"9007199254740992", ERR_RANGE, 0},
    {"9223372036854775807", ERR_RANGE, 0},
    {"9223372036854775808", ERR_RANGE, 0},
    {"18446744073709551617", ERR_RANGE, 0}, /* 2^64 + 1 */
    {"0", ERR_RANGE, 0},
    {"-0", ERR_RANGE, 0},
    {"-1", ERR_RANGE, 0},
    {"-9223372036854775808", ERR_RANGE, 0},
    {"1.0", ERR_TYPE, 0},
    {"1e0", ERR_TYPE, 0},
    {"1E0", ERR_TYPE, 0},
    {"0.5", ERR_TYPE, 0},
    {"\"1\"", ERR_TYPE, 0},
    {"\"\"", ERR_TYPE, 0},
    {"true", ERR_TYPE, 0},
    {"false", ERR_TYPE, 0},
    {"[]", ERR_TYPE, 0},
    {"[1]", ERR_TYPE, 0},
    {"{}", ERR_TYPE, 0},
    {"+1", ERR_SYNTAX, 0},
    {"01", ERR_SYNTAX, 0},
    {"0x1", ERR_SYNTAX, 0},
    {"1.", ERR_SYNTAX, 0},
};

static int parse_with(const char *format, const char *value, struct client_msg *out_msg)
{
    struct buf json;

    buf_init(&json, 4096);
    assert_int_equal(buf_append(&json, BYTES_LIT("{" CHAT "," TEXT ",")), 0);
    const char *hole = strchr(format, '#');
    assert_int_equal(buf_append(&json, bytes_of(format, (size_t)(hole - format))), 0);
    assert_int_equal(buf_append(&json, bytes_str(value)), 0);
    assert_int_equal(buf_append(&json, bytes_str(hole + 1)), 0);
    assert_int_equal(buf_append(&json, BYTES_LIT("}")), 0);
    int err = client_msg_parse(buf_bytes(&json), arena, out_msg);
    buf_done(&json);
    return err;
}

static void ids(void **state)
{
    struct client_msg msg;

    (void)state;
    for (size_t i = 0; i < sizeof(IDS) / sizeof(IDS[0]); i++) {
        assert_int_equal(parse_with("\"channel_id\":#", IDS[i].value, &msg), IDS[i].err);
        assert_int_equal(msg.channel_id, IDS[i].id);
        assert_int_equal(parse_with("\"reply_to\":#", IDS[i].value, &msg), IDS[i].err);
        assert_int_equal(msg.reply_to, IDS[i].id);
        bool is_null = strcmp(IDS[i].value, "null") == 0;
        int err = is_null ? ERR_TYPE : IDS[i].err;
        assert_int_equal(parse_with("\"attachments\":[7,#]", IDS[i].value, &msg), err);
        assert_int_equal(msg.attachment_count, err ? 0 : 2);
        assert_int_equal(msg.attachments[1], err ? 0 : IDS[i].id);
    }
}

static void every_field_arrives(void **state)
{
    struct client_msg msg;

    (void)state;
    struct bytes json = BYTES_LIT("{\"client_id\":\"c-1\",\"attachments\":[5,9007199254740991,5],"
                                  "\"reply_to\":3,\"channel_id\":7,\"message\":\"a \\\"b\\\" "
                                  "\\u00fc \\ud83d\\ude00 \xE2\x82\xAC\\n\",\"type\":"
                                  "\"chat_message\",\"user_id\":99}");
    char *copy = mem_dup_str(json);
    assert_int_equal(client_msg_parse(bytes_of(copy, json.len), arena, &msg), 0);
    memset(copy, 'x', json.len); /* nothing points into the input */
    mem_free(copy);
    assert_int_equal(msg.kind, KIND_CHAT_MESSAGE);
    assert_true(bytes_eq_str(msg.client_id, "c-1"));
    assert_true(bytes_eq_str(msg.text, "a \"b\" \xC3\xBC \xF0\x9F\x98\x80 \xE2\x82\xAC\n"));
    assert_int_equal(msg.channel_id, 7);
    assert_int_equal(msg.reply_to, 3);
    assert_int_equal(msg.attachment_count, 3);
    assert_int_equal(msg.attachments[0], 5);
    assert_int_equal(msg.attachments[1], ID_MAX);
    assert_int_equal(msg.attachments[2], 5);
}

static void raw_nul_bytes(void **state)
{
    struct client_msg msg;
    static const struct {
        const char *text;
        size_t len;
    } CASES[] = {
        {"{\"type\":\"ping\"}\0", 16},
        {"\0{\"type\":\"ping\"}", 16},
        {"{\"type\":\"pi\0ng\"}", 16},
        {"{\"type\"\0:\"ping\"}", 16},
        {"\0", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct bytes json = bytes_of(CASES[i].text, CASES[i].len);
        assert_int_equal(client_msg_parse(json, arena, &msg), ERR_SYNTAX);
    }
    assert_int_equal(client_msg_parse(BYTES_NONE, arena, &msg), ERR_SYNTAX);
}

/* A ping with `levels` - 1 arrays inside its object. */
static int parse_nested(size_t levels)
{
    struct client_msg msg;
    struct buf json;

    buf_init(&json, 1u << 22);
    assert_int_equal(buf_append(&json, BYTES_LIT("{\"type\":\"ping\",\"x\":")), 0);
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_append_char(&json, '['), 0);
    }
    assert_int_equal(buf_append_char(&json, '0'), 0);
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_append_char(&json, ']'), 0);
    }
    assert_int_equal(buf_append_char(&json, '}'), 0);
    int err = client_msg_parse(buf_bytes(&json), arena, &msg);
    buf_done(&json);
    return err;
}

static void depth(void **state)
{
    static const struct {
        const char *json;
        int err;
    } CASES[] = {
        {"", 0},
        {"[][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][][]", 0},
        {"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 0},
        {"\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 0},
        {"\"\\\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", ERR_DEPTH},
        {"]]]]]]]]]]]]]]]]]]]][[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", ERR_DEPTH},
        {"{{{{{{{{{{{{{{{{[[[[[[[[[[[[[[[[", 0},
        {"{{{{{{{{{{{{{{{{[[[[[[[[[[[[[[[[[", ERR_DEPTH},
        {"\"\\", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        assert_int_equal(json_check_depth(bytes_str(CASES[i].json)), CASES[i].err);
    }
    assert_int_equal(parse_nested(JSON_DEPTH_MAX), 0);
    assert_int_equal(parse_nested(JSON_DEPTH_MAX + 1), ERR_DEPTH);
    assert_int_equal(parse_nested(1000000), ERR_DEPTH);
}

/* Whatever is cut off, it is an error, and never a read past the end. */
static void truncations(void **state)
{
    static const char JSON[] = "{\"type\":\"chat_message\",\"message\":\"a\\u00fc\xE2\x82\xAC\","
                               "\"channel_id\":12,\"attachments\":[1,2],\"x\":{\"y\":-1.5e3}}";
    struct client_msg msg;

    (void)state;
    for (size_t len = 0; len < sizeof(JSON) - 1; len++) {
        char *copy = mem_alloc(len);
        memcpy(copy, JSON, len);
        int err = client_msg_parse(bytes_of(copy, len), arena, &msg);
        assert_true(err == ERR_SYNTAX || err == ERR_UTF8);
        mem_free(copy);
    }
    assert_int_equal(client_msg_parse(bytes_of(JSON, sizeof(JSON) - 1), arena, &msg), 0);
}

static void no_memory(void **state)
{
    struct bytes json = BYTES_LIT("{" CHAT "," TEXT ",\"client_id\":\"c\"}");
    struct client_msg msg;

    (void)state;
    struct arena *fresh = arena_new(1024);
    mem_fail_after(1);
    int err = client_msg_parse(json, fresh, &msg);
    mem_fail_after(0);
    assert_int_equal(err, ERR_NOMEM);
    assert_int_equal(msg.kind, KIND_CHAT_MESSAGE);
    assert_int_equal(msg.client_id.len, 0);
    assert_int_equal(client_msg_parse(json, fresh, &msg), 0);
    arena_free(fresh);

    fresh = arena_new(1); /* over its maximum, as with any long text */
    assert_int_equal(client_msg_parse(json, fresh, &msg), ERR_NOMEM);
    arena_free(fresh);
}

/* Frames become texts of their own, the rest stays together; order is kept in both. */
static void batches_are_sorted(void **state)
{
    static const char JSON[] =
        "{\"type\":\"batch_update\",\"updates\":["
        "{\"op\":\"a\",\"n\":1.5},{\"type\":\"chat_message\",\"message\":\"x\"},{\"type\":7},"
        "{\"action\":\"heartbeat\"},{\"type\":\"upload_chunk\"},{\"type\":\"cursor\"},"
        "{\"type\":\"batch_update\",\"updates\":[{}]},{\"type\":\"typing\"}]}";
    static const char *const PARTS[] = {"{\"type\":\"chat_message\",\"message\":\"x\"}",
                                        "{\"action\":\"heartbeat\"}", "{\"type\":\"upload_chunk\"}",
                                        "{\"type\":\"batch_update\",\"updates\":[{}]}",
                                        "{\"type\":\"typing\"}"};
    struct client_msg msg;

    (void)state;
    arena_reset(arena);
    assert_int_equal(client_msg_parse(bytes_str(JSON), arena, &msg), 0);
    assert_true(
        bytes_eq_str(msg.text, "[{\"op\":\"a\",\"n\":1.5},{\"type\":7},{\"type\":\"cursor\"}]"));
    assert_int_equal(msg.part_count, sizeof(PARTS) / sizeof(PARTS[0]));
    for (size_t i = 0; i < msg.part_count; i++) {
        assert_true(bytes_eq_str(msg.parts[i], PARTS[i]));
    }
}

/* One bad update is an error of its own, and spoils none of the others. */
static void a_bad_update_is_a_part_that_is_refused(void **state)
{
#define MESSAGE(text, id)                                                                          \
    "{\"type\":\"chat_message\",\"message\":\"" text "\",\"client_id\":\"" id "\"}"
    static const char JSON[] =
        "{\"type\":\"batch_update\",\"updates\":[" MESSAGE("good", "1") "," MESSAGE(
            "a\\u0000b", "2") "," MESSAGE("\\ud800", "3") ",{\"x\":[\"\\udc00\"]},"
                                                          "{\"y\":\"\\ud83d\\ude00\"}," MESSAGE(
                                                              "good", "6") "]}";
    static const struct {
        int err;
        const char *client_id;
    } PARTS[] = {{0, "1"}, {ERR_SYNTAX, "2"}, {ERR_SYNTAX, "3"}, {ERR_SYNTAX, ""}, {0, "6"}};
    struct client_msg msg, part;

    (void)state;
    arena_reset(arena);
    assert_int_equal(client_msg_parse(bytes_str(JSON), arena, &msg), 0);
    assert_true(bytes_eq_str(msg.text, "[{\"y\":\"\xf0\x9f\x98\x80\"}]"));
    assert_int_equal(msg.part_count, sizeof(PARTS) / sizeof(PARTS[0]));
    for (size_t i = 0; i < msg.part_count; i++) {
        assert_int_equal(client_msg_parse(msg.parts[i], arena, &part), PARTS[i].err);
        assert_true(bytes_eq_str(part.client_id, PARTS[i].client_id));
    }
}

/* What is wrong with the frame around them is not an update's. */
static void what_spoils_a_whole_batch(void **state)
{
    static const struct {
        const char *json;
        int err;
    } rows[] = {
        {"{\"type\":\"batch_update\",\"updates\":[{}],\"x\":\"\\u0000\"}", ERR_SYNTAX},
        {"{\"type\":\"batch_update\",\"updates\":[{}],\"x\":\"\\ud800\"}", ERR_SYNTAX},
        {"{\"type\":\"batch_update\",\"updates\":[{},{\"\\u0000\":1}]}", ERR_SYNTAX},
        {"{\"type\":\"batch_update\",\"updates\":[{},{\"\\ud800\":1}]}", ERR_SYNTAX},
        {"{\"type\":\"batch_update\",\"updates\":[{},{\"n\":9223372036854775808}]}", ERR_RANGE},
        {"{\"type\":\"batch_update\",\"updates\":[{},{\"n\":1e999}]}", ERR_RANGE},
    };
    struct client_msg msg;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        arena_reset(arena);
        assert_int_equal(client_msg_parse(bytes_str(rows[i].json), arena, &msg), rows[i].err);
        assert_int_equal(msg.part_count, 0);
    }
}

static void a_batch_has_its_bounds(void **state)
{
    char json[2048] = "{\"type\":\"batch_update\",\"updates\":[{}";
    struct client_msg msg;

    (void)state;
    for (unsigned n = 1; n <= BATCH_UPDATES_MAX; n++) {
        size_t len = strlen(json);
        memcpy(json + len, "]}", 3);
        arena_reset(arena);
        assert_int_equal(client_msg_parse(bytes_str(json), arena, &msg), 0);
        assert_int_equal(msg.part_count, 0);
        memcpy(json + len, ",{}", 4);
    }
    strcat(json, "]}");
    assert_int_equal(client_msg_parse(bytes_str(json), arena, &msg), ERR_LIMIT);
}

static void a_token_has_its_bound(void **state)
{
    static char json[CREDENTIAL_MAX_BYTES + 64];
    struct client_msg msg;

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        size_t at = (size_t)sprintf(json, "{\"type\":\"refresh_token\",\"token\":\"");
        memset(json + at, 'x', CREDENTIAL_MAX_BYTES + more);
        strcpy(json + at + CREDENTIAL_MAX_BYTES + more, "\"}");
        arena_reset(arena);
        assert_int_equal(client_msg_parse(bytes_str(json), arena, &msg), more ? ERR_LIMIT : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(ids),
        cmocka_unit_test(raw_nul_bytes),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(depth),
        cmocka_unit_test(truncations),
        cmocka_unit_test(batches_are_sorted),
        cmocka_unit_test(a_bad_update_is_a_part_that_is_refused),
        cmocka_unit_test(what_spoils_a_whole_batch),
        cmocka_unit_test(a_batch_has_its_bounds),
        cmocka_unit_test(a_token_has_its_bound),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
