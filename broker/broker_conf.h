/* SPDX-License-Identifier: MIT */
#pragma once
/* The settings of kibray-broker, one table. */
#include <stdbool.h>
#include <stdint.h>
#include "common/conf.h"

struct broker_conf {
    char *name; /* BROKER_NAME; default: host name */
    char *redis_url, *redis_prefix;
    char *database_url;
    uint32_t partitions;
    uint32_t lease_ms; /* BROKER_LEASE_MS */
    char *metrics_address;
    uint32_t metrics_port;
    uint32_t log_level; /* enum log_level */

    char *secret_key;       /* SECRET_KEY */
    uint32_t jwt_algorithm; /* JWT_ALGORITHM: 0 HS256, 1 RS256 */
    char *jwt_private_key_file, *jwt_public_key_file;
    uint32_t access_token_s, refresh_token_s; /* ACCESS_TOKEN_LIFETIME, REFRESH_TOKEN_LIFETIME */
    uint32_t login_failures_per_minute;
    uint32_t session_cookie_age_s; /* SESSION_COOKIE_AGE */
    bool session_cookie_secure;

    uint32_t sanitize_mode; /* enum sanitize_mode */
    uint32_t message_max_chars;
    uint32_t connections_per_user; /* 0 = no limit */
    uint32_t room_presence_limit;
    uint32_t resume_limit; /* frames that since= may bring */
    uint32_t presence_grace_s, push_delay_s;
    uint32_t notification_retention_days; /* 0 = all are kept */
    char *service_key;                    /* of services that notify; empty = nobody may */
    bool channel_auto_create;

    char *fcm_credentials_file, *fcm_url;
    char *vapid_private_key_file, *vapid_subject;
    char *push_ca_file;
    uint32_t push_concurrency;
    uint32_t push_retry_ms, push_lease_ms;
    bool push_allow_private_endpoints;

    uint32_t upload_max_bytes, upload_bytes_per_minute, uploads_per_user;
    uint32_t upload_expiry_s, attachment_expiry_s;
    char *upload_allowed_types;
    char *upload_spool_dir, *inspect_program;
    uint32_t storage; /* enum storage_kind */
    char *storage_root;
    char *s3_url, *s3_public_url, *s3_bucket, *s3_region, *s3_access_key, *s3_secret_key;
    char *s3_ca_file;
    uint32_t s3_downloads; /* enum s3_downloads */
};
enum s3_downloads { S3_REDIRECT, S3_PROXY };

extern const struct conf_row broker_conf_rows[];
extern const size_t broker_conf_row_count;
/* Checks that go across settings (SECRET_KEY present and 32 bytes or more for HS256, key files
 * for RS256, urls). Errors: ERR_MISSING, ERR_RANGE, ERR_SYNTAX with a sentence. */
NODISCARD int broker_conf_check(const struct broker_conf *c, struct buf *out_problem);
