/* SPDX-License-Identifier: MIT */
#pragma once
/* The statements that the store prepares: indexes into the tables of the store_pg*_sql.c. Only the
 * store's own files include it. */
#include "broker/io/pg_link.h"

/* Indexes into the tables of statements in store_pg_sql.c and store_pg_api_sql.c. */
enum commit_statement { STMT_COMMIT, STMT_COMMIT_FILES, STMT_CLAIM, STMT_COMMIT_COUNT };
extern const struct pg_statement store_pg_commit_statements[];

enum read_statement {
    STMT_UNDELIVERED,
    STMT_CONTENT,
    STMT_FIND_CLIENTS,
    STMT_TAKE_IDS,
    STMT_TARGET,
    STMT_ATTACHMENTS,
    STMT_USER_BY_ID,
    STMT_USER_BY_NAME,
    STMT_SESSION,
    STMT_CHANNEL,
    STMT_CHANNEL_BY_ID,
    STMT_NOTE_LOGIN,
    STMT_SESSION_PUT,
    STMT_SESSION_DELETE,
    STMT_IS_REVOKED,
    STMT_REVOKE,
    STMT_DIRECT_CHANNEL,
    STMT_ACCESS_CHANGES,
    STMT_ACCESS_FORGET,
    STMT_TRIM,
    STMT_READ_COUNT
};
extern const struct pg_statement store_pg_read_statements[];

enum people_statement {
    STMT_USER_OPS,
    STMT_PRESENCE,
    STMT_PRESENCE_SHOWN,
    STMT_AUDIENCE,
    STMT_PEOPLE_COUNT
};
extern const struct pg_statement store_pg_people_statements[];

enum api_statement {
    STMT_PROFILE,
    STMT_CHANNELS,
    STMT_CREATE_CHANNEL,
    STMT_SET_MEMBER,
    STMT_PAGE_BACK,
    STMT_PAGE_FORWARD,
    STMT_SEARCH,
    STMT_NOTIFICATIONS,
    STMT_PREFERENCES,
    STMT_SET_PREFERENCES,
    STMT_DEVICES,
    STMT_ADD_DEVICE,
    STMT_REMOVE_DEVICE,
    STMT_PUSH_TEST,
    STMT_PUSH_CLAIM,
    STMT_PUSH_SETTLE,
    STMT_NOTIFICATION_TRIM,
    STMT_USAGE_PUT,
    STMT_USAGE_HISTORY,
    STMT_CHANNEL_NAMES,
    STMT_API_COUNT
};
extern const struct pg_statement store_pg_api_statements[];

enum files_statement {
    STMT_UPLOAD_START,
    STMT_UPLOAD_CANCEL,
    STMT_UPLOAD_RESUME,
    STMT_CHUNK_RESERVE,
    STMT_CHUNK_STORED,
    STMT_UPLOAD_PARTS,
    STMT_UPLOAD_DONE,
    STMT_UPLOAD_REFUSE,
    STMT_UPLOAD_REOPEN,
    STMT_UPLOAD_CLAIM,
    STMT_UPLOAD_EXPIRE,
    STMT_GARBAGE_TAKE,
    STMT_GARBAGE_DONE,
    STMT_ATTACHMENT,
    STMT_FILES_COUNT
};
extern const struct pg_statement store_pg_files_statements[];
