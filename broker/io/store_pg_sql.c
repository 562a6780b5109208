/* SPDX-License-Identifier: MIT */
/* The SQL of the running daemon, all of it: the statements that the store prepares on its two
 * connections. broker_commit is a function of ours, see sql/0003. Values are always parameters. */
#include "broker/io/store_pg_impl.h"

const struct pg_statement store_pg_commit_statements[STMT_COMMIT_COUNT] = {
    [STMT_COMMIT] = {"commit", "SELECT broker_commit($1,$2,$3,$4,$5,$6,$7, $8,$9,$10,"
                               " $11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,"
                               " $25,$26,$27,$28, $29)"},
    /* The same, then what of it has attachments: the second looks at what the first has written. */
    [STMT_COMMIT_FILES] =
        {"commit_files", "WITH c AS MATERIALIZED (SELECT broker_commit($1,$2,$3,$4,$5,$6,$7,"
                         " $8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,"
                         " $25,$26,$27,$28, $34)) SELECT chat_attach($29,$30,$31,$32,$33) FROM c"},
    [STMT_CLAIM] = {"claim", "INSERT INTO broker_partition AS b (partition, fence, owner)"
                             " VALUES ($1::bigint, 1, $2::text)"
                             " ON CONFLICT (partition) DO UPDATE"
                             " SET fence = b.fence + 1, owner = excluded.owner, claimed_at = now()"
                             " RETURNING fence, last_entry_ms, last_entry_seq, redeliver_from"},
};

/* Columns of Django's tables are cast: when one of its migrations alters their types under a
 * running broker, PostgreSQL goes on with statements that give the same types as before, and
 * refuses the others until they are prepared anew. */

/* A content_row, from a row m of MESSAGES or EVENTS and its author. */
#define CONTENT_COLUMNS                                                                            \
    "m.id, m.channel_id, m.author_id, coalesce(u.username::text, ''), coalesce(p.avatar, ''),"     \
    " m.content, m.client_id, (extract(epoch FROM m.created_at) * 1000)::bigint,"                  \
    " m.seq, m.reply_to, m.entry_partition, m.entry_ms, m.entry_seq, m.entry_index,"               \
    " m.kind, m.message_id, m.attachments"
#define MESSAGES                                                                                   \
    "SELECT id, channel_id, author_id, chat_first_content(channel_id, id, content) AS content,"    \
    " coalesce(client_id, '') AS client_id, created_at, seq, coalesce(reply_to, 0) AS reply_to,"   \
    " entry_partition, entry_ms, entry_seq, entry_index, 0 AS kind, 0::bigint AS message_id,"      \
    " attachments"                                                                                 \
    " FROM chat_message"
#define EVENTS                                                                                     \
    "SELECT id, channel_id, user_id, content, '', created_at, seq, 0::bigint,"                     \
    " entry_partition, entry_ms, entry_seq, entry_index, kind, coalesce(message_id, 0), ''"        \
    " FROM chat_event"
#define CONTENT_BYTES "(octet_length(content) + octet_length(attachments))"
#define UNDELIVERED                                                                                \
    " WHERE id >= $1::bigint AND entry_partition = $2::bigint"                                     \
    " AND (entry_ms, entry_seq) > ($3::bigint, $4::bigint) ORDER BY id LIMIT $5::bigint"
#define IN_RANGE                                                                                   \
    " WHERE channel_id = $1::bigint AND seq > $2::bigint AND seq <= $3::bigint"                    \
    " ORDER BY seq LIMIT $4::bigint"
#define MESSAGE_AUTHOR                                                                             \
    " LEFT JOIN auth_user u ON u.id = m.author_id"                                                 \
    " LEFT JOIN user_profile p ON p.user_id = m.author_id"

/* A user_row. */
#define USER_SELECT                                                                                \
    "SELECT u.id::bigint, u.username::text, u.password::text, coalesce(p.avatar, ''),"             \
    " u.is_active, u.is_staff"                                                                     \
    " FROM auth_user u LEFT JOIN user_profile p ON p.user_id = u.id"

/* A channel_row, from a row c; $1 is the user asked for. */
#define CHANNEL_COLUMNS                                                                            \
    "c.id, c.name, c.is_private, EXISTS (SELECT FROM chat_membership m"                            \
    " WHERE m.channel_id = c.id AND m.user_id = $1::bigint), c.last_seq"

#define ACCESS_LIMIT "500" /* ACCESS_CHANGES_MAX */

const struct pg_statement store_pg_read_statements[STMT_READ_COUNT] = {
    /* Cut off by id, so that a caller who met the limit goes on from the highest id + 1; only
     * then put in order. */
    [STMT_UNDELIVERED] = {"undelivered", "SELECT " CONTENT_COLUMNS " FROM ((" MESSAGES UNDELIVERED
                                         ") UNION ALL (" EVENTS UNDELIVERED
                                         ") ORDER BY id LIMIT $5::bigint) m" MESSAGE_AUTHOR
                                         " ORDER BY m.channel_id, m.seq"},
    [STMT_CONTENT] = {"content", "SELECT " CONTENT_COLUMNS " FROM (SELECT *, sum(" CONTENT_BYTES ")"
                                 " OVER (ORDER BY seq) - " CONTENT_BYTES " AS bytes_before"
                                 " FROM ((" MESSAGES IN_RANGE ") UNION ALL (" EVENTS IN_RANGE
                                 ") ORDER BY seq LIMIT $4::bigint) c) m" MESSAGE_AUTHOR
                                 " WHERE m.bytes_before < $5::bigint ORDER BY m.seq"},
    [STMT_FIND_CLIENTS] = {"find_clients",
                           "SELECT " CONTENT_COLUMNS
                           " FROM unnest($1::bigint[], $2::bigint[], $3::text[])"
                           " AS k (channel_id, author_id, client_id)"
                           " CROSS JOIN LATERAL (" MESSAGES " WHERE channel_id = k.channel_id"
                           " AND author_id = k.author_id"
                           " AND client_id = k.client_id) m" MESSAGE_AUTHOR
                           " ORDER BY m.channel_id, m.seq"},
    [STMT_TAKE_IDS] = {"take_ids",
                       "SELECT nextval('chat_message_id_seq') FROM generate_series(1, $1::bigint)"},
    [STMT_TARGET] = {"target",
                     "SELECT m.author_id, m.deleted_at IS NOT NULL,"
                     " coalesce((SELECT r.message_id FROM chat_read r"
                     " WHERE r.channel_id = $1::bigint AND r.user_id = $3::bigint), 0)"
                     " FROM chat_message m WHERE m.channel_id = $1::bigint AND m.id = $2::bigint"},
    /* $1 ids, $2 channel, $3 user: those that may come into a new message */
    [STMT_ATTACHMENTS] = {"attachments",
                          "SELECT a.id, a.file_size, a.file_name, a.file_type, a.sha256,"
                          " a.storage_name, a.thumbnail_type, a.thumbnail_bytes FROM"
                          " chat_attachment a"
                          " WHERE a.id = ANY ($1::bigint[]) AND a.channel_id = $2::bigint"
                          " AND a.user_id = $3::bigint AND a.message_id IS NULL"},
    [STMT_USER_BY_ID] = {"user_by_id", USER_SELECT " WHERE u.id = $1::bigint"},
    [STMT_USER_BY_NAME] = {"user_by_name", USER_SELECT " WHERE u.username = $1::text"},
    [STMT_SESSION] = {"session",
                      "SELECT session_data::text, expire_date <= now() FROM django_session"
                      " WHERE session_key = $1::text"},
    /* By name ($2), else by id ($3, may be NULL), else made when $4. Two who make it at the same
     * time both get the one row: the second one's DO UPDATE waits for the first and returns it. */
    [STMT_CHANNEL] = {"channel",
                      "WITH named AS (SELECT * FROM chat_channel WHERE name = $2::text),"
                      " found AS (SELECT * FROM named UNION ALL SELECT * FROM chat_channel"
                      " WHERE id = $3::bigint AND NOT EXISTS (SELECT FROM named)),"
                      " made AS (INSERT INTO chat_channel (name, created_by)"
                      " SELECT $2::text, nullif($1::bigint, 0)"
                      " WHERE $4::bigint <> 0 AND NOT EXISTS (SELECT FROM found)"
                      " ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING *)"
                      " SELECT " CHANNEL_COLUMNS
                      " FROM (SELECT * FROM found UNION ALL SELECT * FROM made) c"},
    [STMT_CHANNEL_BY_ID] = {"channel_by_id", "SELECT " CHANNEL_COLUMNS
                                             " FROM chat_channel c WHERE c.id = $2::bigint"},
    [STMT_NOTE_LOGIN] = {"note_login",
                         "UPDATE auth_user SET last_login = now() WHERE id = $1::bigint"},
    [STMT_SESSION_PUT] = {"session_put",
                          "INSERT INTO django_session (session_key, session_data, expire_date)"
                          " VALUES ($1::text, $2::text, now() + $3::bigint * interval '1 second')"},
    [STMT_SESSION_DELETE] = {"session_delete",
                             "DELETE FROM django_session WHERE session_key = $1::text"},
    [STMT_IS_REVOKED] = {"is_revoked", "SELECT EXISTS (SELECT FROM token_blacklist"
                                       " WHERE jti IN ($1::text, $2::text))"},
    /* Of two who revoke the same at the same time the second waits for the first. */
    [STMT_REVOKE] = {"revoke",
                     "WITH old AS (SELECT FROM token_blacklist WHERE jti IN ($1::text, $2::text)),"
                     " made AS (INSERT INTO token_blacklist (jti, expires_at)"
                     " SELECT DISTINCT n.name, to_timestamp($3::bigint)"
                     " FROM (VALUES ($1::text), ($2::text)) AS n (name)"
                     " WHERE n.name <> '' AND NOT EXISTS (SELECT FROM old)"
                     " ON CONFLICT DO NOTHING RETURNING jti)"
                     " SELECT NOT EXISTS (SELECT FROM made)"},
    [STMT_DIRECT_CHANNEL] = {"direct_channel",
                             "SELECT channel_id, channel_name, private, member, seq"
                             " FROM chat_direct_channel($1::bigint, $2::bigint)"},
    [STMT_ACCESS_CHANGES] = {"access_changes",
                             "SELECT id, what, user_id, channel_id, login FROM access_change"
                             " WHERE id <> ALL ($1::bigint[])"
                             " ORDER BY id LIMIT " ACCESS_LIMIT},
    [STMT_ACCESS_FORGET] = {"access_forget",
                            "DELETE FROM access_change WHERE id = ANY ($1::bigint[])"},
    [STMT_TRIM] = {"trim", "SELECT chat_event_trim($1::bigint), token_blacklist_trim()"},
};
