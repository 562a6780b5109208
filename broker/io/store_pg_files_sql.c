/* SPDX-License-Identifier: MIT */
/* The SQL about files: the statements that the store prepares on its connection for them. The
 * functions are those of sql/0010. Values are always parameters. */
#include "broker/io/store_pg_impl.h"

#define ATTACHMENT_COLUMNS                                                                         \
    "a.id, a.file_size, a.file_name, a.file_type, a.sha256, a.storage_name, a.thumbnail_type,"     \
    " a.thumbnail_bytes"

const struct pg_statement store_pg_files_statements[STMT_FILES_COUNT] = {
    [STMT_UPLOAD_START] = {"upload_start",
                           "SELECT upload_start($1::text, $2::bigint, $3::bigint, $4::text,"
                           " $5::text, $6::bigint, $7::bigint <> 0, $8::text, $9::bigint,"
                           " $10::text, $11::bigint)"},
    [STMT_UPLOAD_CANCEL] = {"upload_cancel", "SELECT upload_cancel($1::text, $2::bigint)"},
    [STMT_UPLOAD_RESUME] = {"upload_resume",
                            "SELECT code, chunks, attachment FROM upload_resume($1::text,"
                            " $2::bigint, $3::bigint, $4::bigint, $5::text, $6::bigint)"},
    [STMT_CHUNK_RESERVE] = {"chunk_reserve",
                            "SELECT code, a_part, a_storage, received, total FROM"
                            " upload_reserve($1::text, $2::bigint, $3::bigint::integer,"
                            " $4::bigint::integer, $5::text, $6::text, $7::bigint)"},
    [STMT_CHUNK_STORED] = {"chunk_stored",
                           "SELECT code, received, total, is_last FROM upload_stored($1::text,"
                           " $2::bigint::integer, $3::bigint, $4::bigint)"},
    [STMT_UPLOAD_PARTS] = {"upload_parts", "SELECT person, channel, a_size, a_name, a_type,"
                                           " a_storage, part, part_size, part_digest"
                                           " FROM upload_parts($1::text)"},
    [STMT_UPLOAD_DONE] = {"upload_done",
                          "SELECT code, attachment, a_gateway, a_conn, posted, a_username,"
                          " a_avatar, a_is_staff FROM upload_done($1::text, $2::text, $3::text,"
                          " $4::bigint::integer, $5::bigint)"},
    [STMT_UPLOAD_REFUSE] = {"upload_refuse",
                            "SELECT 0, 0, a_gateway, a_conn FROM upload_refuse($1::text)"},
    [STMT_UPLOAD_REOPEN] = {"upload_reopen", "SELECT 0, 0, a_gateway, a_conn"
                                             " FROM upload_reopen($2::text, $1::bigint[])"},
    [STMT_UPLOAD_CLAIM] = {"upload_claim",
                           "SELECT a_id, posts, attachment, channel, person, username, avatar,"
                           " is_staff FROM upload_claim($1::bigint, $2::bigint, $3::bigint)"},
    [STMT_UPLOAD_EXPIRE] = {"upload_expire",
                            "SELECT upload_expire($1::bigint, $2::bigint, $3::bigint)"},
    [STMT_GARBAGE_TAKE] = {"garbage_take",
                           "SELECT a_key FROM storage_garbage_take($1::bigint, $2::bigint)"},
    [STMT_GARBAGE_DONE] = {"garbage_done",
                           "DELETE FROM storage_garbage WHERE key = ANY ($1::text[])"},
    [STMT_ATTACHMENT] = {"attachment",
                         "SELECT " ATTACHMENT_COLUMNS
                         " FROM chat_attachment a WHERE a.id = $1::bigint"
                         " AND CASE WHEN a.message_id IS NULL THEN a.user_id = $2::bigint"
                         " ELSE upload_may_enter(a.channel_id, $2::bigint) = 0 END"},
};
