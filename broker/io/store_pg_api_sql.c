/* SPDX-License-Identifier: MIT */
/* The SQL of the HTTP API: the statements that the store prepares on its third connection. The
 * functions are those of sql/0005 and sql/0008. Values are always parameters. */
#include "broker/io/store_pg_impl.h"

/* Public channels are open to everybody, private and direct ones to their members: of a row c of
 * chat_channel, left-joined with the membership `me` of the user. */
#define IS_OPEN "NOT c.is_private AND c.kind <> 'direct'"
#define MAY_ENTER "(me.user_id IS NOT NULL OR " IS_OPEN ")"

/* A listed_message, from a row m of chat_message and its author. */
#define TIME_MS(column) "coalesce((extract(epoch FROM " column ") * 1000)::bigint, 0)"
#define MESSAGE_COLUMNS                                                                            \
    "m.id, m.channel_id, m.author_id, coalesce(u.username::text, ''), coalesce(p.avatar, ''),"     \
    " m.content, " TIME_MS("m.created_at") ", coalesce(m.reply_to, 0), m.attachments, " TIME_MS(   \
        "m.edited_at") ", " TIME_MS("m.deleted_at")
#define AUTHOR                                                                                     \
    " LEFT JOIN auth_user u ON u.id = m.author_id"                                                 \
    " LEFT JOIN user_profile p ON p.user_id = m.author_id"

/* What a page begins with: $1 the channel, $2 the user. Always a row when the channel exists. */
#define PAGE_OF(scan_end) "SELECT " MAY_ENTER ", c.last_seq, " scan_end ", " MESSAGE_COLUMNS
#define PAGE_CHANNEL                                                                               \
    " FROM chat_channel c"                                                                         \
    " LEFT JOIN chat_membership me ON me.channel_id = c.id AND me.user_id = $2::bigint"
/* $3 after, $4 before, $5 limit. Who may not enter reads nothing. */
#define PAGE_MESSAGES(direction)                                                                   \
    PAGE_OF("0")                                                                                   \
    PAGE_CHANNEL                                                                                   \
    " LEFT JOIN LATERAL (SELECT * FROM chat_message WHERE channel_id = c.id"                       \
    " AND id > $3::bigint AND id < $4::bigint ORDER BY id " direction                              \
    " LIMIT CASE WHEN " MAY_ENTER " THEN $5::bigint ELSE 0 END) m ON true" AUTHOR                  \
    " WHERE c.id = $1::bigint ORDER BY m.id " direction

const struct pg_statement store_pg_api_statements[STMT_API_COUNT] = {
    [STMT_PROFILE] = {"profile", "SELECT u.id::bigint, u.username::text, u.first_name::text,"
                                 " u.last_name::text, u.email::text,"
                                 " coalesce(p.avatar, ''), u.is_staff FROM auth_user u"
                                 " LEFT JOIN user_profile p ON p.user_id = u.id"
                                 " WHERE u.id = $1::bigint"},
    /* $1 the user; $2 channels, $3 considered, $4 unread, $5 looked at, $6 members at most. One's
     * own channels are considered first. A channel with its newest thousand messages deleted
     * counts as one without messages. */
    [STMT_CHANNELS] =
        {"channels",
         "WITH seen AS (SELECT c.*, me.role FROM chat_channel c"
         " LEFT JOIN chat_membership me ON me.channel_id = c.id AND me.user_id = $1::bigint"
         " WHERE " MAY_ENTER " ORDER BY me.user_id IS NULL, c.id LIMIT $3::bigint),"
         " active AS (SELECT s.*, last.id AS message_id FROM seen s LEFT JOIN LATERAL"
         " (SELECT n.id FROM (SELECT id, deleted_at FROM chat_message WHERE channel_id = s.id"
         " ORDER BY id DESC LIMIT 1000) n WHERE n.deleted_at IS NULL ORDER BY n.id DESC LIMIT 1)"
         " last ON true ORDER BY last.id DESC NULLS LAST, s.id DESC LIMIT $2::bigint)"
         " SELECT c.id, c.name, c.kind, coalesce(c.role, ''), CASE WHEN NOT (" IS_OPEN ") THEN"
         " (SELECT coalesce(json_agg(l.user_id ORDER BY l.user_id), '[]') FROM"
         " (SELECT user_id FROM chat_membership WHERE channel_id = c.id"
         " ORDER BY user_id LIMIT $6::bigint) l) END,"
         " c.is_private, c.last_seq,"
         " (SELECT count(*) FROM (SELECT FROM (SELECT author_id, deleted_at FROM chat_message"
         " WHERE channel_id = c.id AND id > coalesce((SELECT r.message_id FROM chat_read r"
         " WHERE r.channel_id = c.id AND r.user_id = $1::bigint), 0)"
         " ORDER BY id DESC LIMIT $5::bigint) n"
         " WHERE n.author_id <> $1::bigint AND n.deleted_at IS NULL LIMIT $4::bigint) unread),"
         " " MESSAGE_COLUMNS " FROM active c"
         " LEFT JOIN chat_message m ON m.channel_id = c.id AND m.id = c.message_id" AUTHOR
         " ORDER BY c.message_id DESC NULLS LAST, c.id DESC"},
    [STMT_CREATE_CHANNEL] = {"create_channel",
                             "SELECT coalesce(id, 0), coalesce(unknown_user, 0),"
                             " array_to_json(members) FROM chat_create_channel("
                             "$1::text, $2::bigint <> 0, $3::bigint, $4::bigint[])"},
    [STMT_SET_MEMBER] = {"set_member", "SELECT chat_set_member($1::bigint, $2::bigint,"
                                       " $3::bigint <> 0, $4::bigint, $5::bigint <> 0)"},
    [STMT_PAGE_BACK] = {"page_back", PAGE_MESSAGES("DESC")},
    [STMT_PAGE_FORWARD] = {"page_forward", PAGE_MESSAGES("ASC")},
    /* $3 before, $4 words, $5 limit, $6 rows and $7 bytes looked at. */
    [STMT_SEARCH] =
        {"search", PAGE_OF("s.scan_end") PAGE_CHANNEL
         " CROSS JOIN LATERAL chat_search(c.id, $3::bigint, $4::text,"
         " CASE WHEN " MAY_ENTER " THEN $5::bigint ELSE 0 END,"
         " $6::bigint, $7::bigint) s"
         " LEFT JOIN chat_message m ON m.channel_id = c.id AND m.id = ANY (s.ids)" AUTHOR
         " WHERE c.id = $1::bigint ORDER BY m.id DESC"},
    /* $1 user, $2 before, $3 unread ones only, $4 limit */
    [STMT_NOTIFICATIONS] =
        {"notifications",
         "SELECT n.id, n.title, n.message, n.category, n.url, n.status,"
         " " TIME_MS("n.created_at") " FROM notification n"
                                     " WHERE n.user_id = $1::bigint AND n.id < $2::bigint"
                                     " AND ($3::bigint = 0 OR n.status = 'unread')"
                                     " ORDER BY n.id DESC LIMIT $4::bigint"},
    [STMT_PREFERENCES] = {"preferences",
                          "SELECT coalesce(p.push_enabled, true), coalesce(p.categories, '{}'),"
                          " to_char(p.quiet_start, 'HH24:MI'), to_char(p.quiet_end, 'HH24:MI'),"
                          " coalesce(p.time_zone, 'UTC') FROM (SELECT) one"
                          " LEFT JOIN notification_preference p ON p.user_id = $1::bigint"},
    /* $2 push, below 0: as it is; $4, $6: are there times? */
    [STMT_SET_PREFERENCES] = {"set_preferences",
                              "SELECT notification_preference_set($1::bigint,"
                              " CASE WHEN $2::bigint >= 0 THEN $2::bigint::integer END,"
                              " nullif($3::text, '')::jsonb,"
                              " $4::bigint <> 0, nullif($5::text, '')::time,"
                              " $6::bigint <> 0, nullif($7::text, '')::time,"
                              " nullif($8::text, ''), $9::bigint::integer)"},
    [STMT_DEVICES] = {"devices", "SELECT d.id, d.device_type, d.token, " TIME_MS(
                                     "d.created_at") " FROM device_token d"
                                                     " WHERE d.user_id = $1::bigint"
                                                     " ORDER BY d.created_at DESC, d.id DESC"},
    [STMT_ADD_DEVICE] = {"add_device",
                         "SELECT r.device, " TIME_MS(
                             "r.made") ", r.is_new FROM device_register($1::bigint, $2::text,"
                                       " $3::text, $4::bigint) r"},
    [STMT_REMOVE_DEVICE] = {"remove_device",
                            "DELETE FROM device_token WHERE user_id = $1::bigint"
                            " AND md5(token) = md5($2::text) AND token = $2::text"},
    [STMT_PUSH_TEST] = {"push_test", "SELECT push_test($1::bigint, $2::text, $3::text)"},
    [STMT_PUSH_CLAIM] = {"push_claim", "SELECT * FROM push_claim($1::bigint, $2::bigint)"},
    [STMT_PUSH_SETTLE] = {"push_settle", "SELECT push_settle($1::bigint[], $2::bigint[],"
                                         " $3::bigint[], $4::integer[], $5::bigint[])"},
    [STMT_NOTIFICATION_TRIM] = {"notification_trim",
                                "SELECT next_id, removed"
                                " FROM notification_trim($1::bigint, $2::bigint, $3::bigint)"},
    [STMT_USAGE_PUT] = {"usage_put",
                        "SELECT usage_put(to_timestamp($1::bigint / 1000.0), $2::bigint,"
                        " $3::bigint, $4::bigint, $5::bigint, $6::double precision,"
                        " $7::double precision, $8::double precision, $9::double precision,"
                        " $10::bigint)"},
    /* The last $2 of the last $1 hours. */
    [STMT_USAGE_HISTORY] =
        {"usage_history",
         "SELECT * FROM (SELECT " TIME_MS(
             "h.at") ", h.connections, h.created, h.closed, h.errors,"
                     " h.messages_per_second, h.p50_ms, h.p95_ms, h.p99_ms FROM usage_history h"
                     " WHERE h.at > now() - $1::bigint * interval '1 hour'"
                     " ORDER BY h.at DESC LIMIT $2::bigint) p ORDER BY 1"},
    [STMT_CHANNEL_NAMES] = {"channel_names", "SELECT c.id, c.name FROM chat_channel c"
                                             " WHERE c.id = ANY ($1::bigint[])"},
};
