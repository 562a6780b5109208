/* SPDX-License-Identifier: MIT */
/* The broker's settings: one table, and the checks that no single row can make. Does not read the
 * environment or a file by itself and does not connect anywhere. Called by main at start-up.
 * budget: one table. */
#include "broker/broker_conf.h"

#include "broker/io/storage.h"
#include "broker/jwt_token.h"
#include "broker/sanitize.h"
#include "common/redis_url.h"
#include "common/log.h"
#include "proto/limits.h"
#include "proto/stream_keys.h"

#define AT(member) offsetof(struct broker_conf, member)

/* RFC 7518 §3.2: an HS256 key has at least the 256 bits of its hash. */
#define HS256_KEY_MIN_BYTES 32u
#define YEAR_S (366u * 86400u)

_Static_assert(LOG_DEBUG == 0 && LOG_INFO == 1 && LOG_WARN == 2 && LOG_ERROR == 3,
               "the order of the choices of LOG_LEVEL");
_Static_assert(TOKEN_HS256 == 0 && TOKEN_RS256 == 1, "the order of the choices of JWT_ALGORITHM");
_Static_assert(SANITIZE_PATTERNS == 0 && SANITIZE_MARKUP == 1 && SANITIZE_ESCAPE == 2,
               "the order of the choices of SANITIZE_MODE");

_Static_assert(STORAGE_LOCAL == 0 && STORAGE_S3 == 1, "the order of the choices of STORAGE");

const struct conf_row broker_conf_rows[] = {
    {.name = "broker-name",
     .env = "BROKER_NAME",
     .type = CONF_STR,
     .offset = AT(name),
     .unit = "",
     .def = "",
     .help = "Name of this process in Redis and in logs; empty means the host name."},
    {.name = "redis-url",
     .env = "REDIS_URL",
     .type = CONF_STR,
     .offset = AT(redis_url),
     .unit = "",
     .def = "redis://127.0.0.1:6379/0",
     .is_secret = true,
     .help = REDIS_URL_HELP},
    {.name = "redis-prefix",
     .env = "REDIS_PREFIX",
     .type = CONF_STR,
     .offset = AT(redis_prefix),
     .unit = "",
     .def = "kb:",
     .help = REDIS_PREFIX_HELP},
    {.name = "database-url",
     .env = "DATABASE_URL",
     .type = CONF_STR,
     .offset = AT(database_url),
     .unit = "",
     .def = "",
     .is_secret = true,
     .help = "PostgreSQL: postgresql://user:password@host:port/name."},
    {.name = "partitions",
     .env = "PARTITIONS",
     .type = CONF_U32,
     .offset = AT(partitions),
     .unit = "",
     .def = "16",
     .min = 1,
     .max = PARTITIONS_MAX,
     .help = "Input streams that the brokers share; the same for all processes of one system."},
    {.name = "broker-lease-ms",
     .env = "BROKER_LEASE_MS",
     .type = CONF_U32,
     .offset = AT(lease_ms),
     .unit = "ms",
     .def = "3000",
     .min = 500,
     .max = 60000,
     .help = "How long a broker that has gone keeps its partitions before another takes them."},
    {.name = "metrics-address",
     .env = "METRICS_ADDRESS",
     .type = CONF_STR,
     .offset = AT(metrics_address),
     .unit = "",
     .def = "127.0.0.1",
     .help = "Address of the metrics and health port."},
    {.name = "metrics-port",
     .env = "METRICS_PORT",
     .type = CONF_U32,
     .offset = AT(metrics_port),
     .unit = "",
     .def = "0",
     .max = 65535,
     .help = "Port of /metrics, /healthz and /readyz; 0 is off."},
    {.name = "log-level",
     .env = "LOG_LEVEL",
     .type = CONF_ENUM,
     .offset = AT(log_level),
     .unit = "",
     .def = "info",
     .choices = "debug|info|warn|error",
     .help = "The least important lines that are written."},
    {.name = "secret-key",
     .env = "SECRET_KEY",
     .type = CONF_STR,
     .offset = AT(secret_key),
     .unit = "",
     .def = "",
     .is_secret = true,
     .help = "Django's SECRET_KEY: signs HS256 tokens and sessions; 32 bytes or more for HS256."},
    {.name = "jwt-algorithm",
     .env = "JWT_ALGORITHM",
     .type = CONF_ENUM,
     .offset = AT(jwt_algorithm),
     .unit = "",
     .def = "HS256",
     .choices = "HS256|RS256",
     .help = "How tokens are signed; a token never chooses for itself."},
    {.name = "jwt-private-key-file",
     .env = "JWT_PRIVATE_KEY_FILE",
     .type = CONF_STR,
     .offset = AT(jwt_private_key_file),
     .unit = "",
     .def = "",
     .help = "RS256: the PEM file of the private key that signs."},
    {.name = "jwt-public-key-file",
     .env = "JWT_PUBLIC_KEY_FILE",
     .type = CONF_STR,
     .offset = AT(jwt_public_key_file),
     .unit = "",
     .def = "",
     .help = "RS256: the PEM file of the public key that verifies."},
    {.name = "access-token-lifetime",
     .env = "ACCESS_TOKEN_LIFETIME",
     .type = CONF_U32,
     .offset = AT(access_token_s),
     .unit = "s",
     .def = "3600",
     .min = 1,
     .max = YEAR_S,
     .help = "How long an access token is valid."},
    {.name = "refresh-token-lifetime",
     .env = "REFRESH_TOKEN_LIFETIME",
     .type = CONF_U32,
     .offset = AT(refresh_token_s),
     .unit = "s",
     .def = "86400",
     .min = 1,
     .max = YEAR_S,
     .help = "How long a refresh token is valid."},
    {.name = "login-failures-per-minute",
     .env = "LOGIN_FAILURES_PER_MINUTE",
     .type = CONF_U32,
     .offset = AT(login_failures_per_minute),
     .unit = "",
     .def = "10",
     .max = 100000,
     .help = "Wrong passwords of one user from one address before 429 answers them; 0 is no limit. "
             "A right password is never refused."},
    {.name = "session-cookie-age",
     .env = "SESSION_COOKIE_AGE",
     .type = CONF_U32,
     .offset = AT(session_cookie_age_s),
     .unit = "s",
     .def = "1209600",
     .min = 1,
     .max = YEAR_S,
     .help = "How long a session of /api/login/ is valid; as Django's setting."},
    {.name = "session-cookie-secure",
     .env = "SESSION_COOKIE_SECURE",
     .type = CONF_BOOL,
     .offset = AT(session_cookie_secure),
     .unit = "",
     .def = "1",
     .help = "Browsers send the session cookie over HTTPS only; 0 for development without TLS."},
    {.name = "sanitize-mode",
     .env = "SANITIZE_MODE",
     .type = CONF_ENUM,
     .offset = AT(sanitize_mode),
     .unit = "",
     .def = "markup",
     .choices = "patterns|markup|escape",
     .help = "What is done to texts: remove the patterns; also break up markup; also escape it."},
    {.name = "message-max-chars",
     .env = "MESSAGE_MAX_CHARS",
     .type = CONF_U32,
     .offset = AT(message_max_chars),
     .unit = "code points",
     .def = "10000",
     .min = 1,
     .max = 1000000,
     .help = "Longest text of a chat message, after sanitising."},
    {.name = "connections-per-user",
     .env = "CONNECTIONS_PER_USER",
     .type = CONF_U32,
     .offset = AT(connections_per_user),
     .unit = "",
     .def = "50",
     .max = 10000,
     .help = "Sockets one user may have on all gateways together; 0 is no limit."},
    {.name = "room-presence-limit",
     .env = "ROOM_PRESENCE_LIMIT",
     .type = CONF_U32,
     .offset = AT(room_presence_limit),
     .unit = "",
     .def = "200",
     .max = 100000,
     .help = "People in a room above which comings and goings are no longer announced."},
    {.name = "resume-limit",
     .env = "RESUME_LIMIT",
     .type = CONF_U32,
     .offset = AT(resume_limit),
     .unit = "frames",
     .def = "1000",
     .max = 10000,
     .help = "Frames that a client which comes back with since= is given; of more it is told to "
             "read the history."},
    {.name = "presence-grace",
     .env = "PRESENCE_GRACE",
     .type = CONF_U32,
     .offset = AT(presence_grace_s),
     .unit = "s",
     .def = "5",
     .max = 3600,
     .help = "Somebody whose last status socket broke is shown as offline after so long."},
    {.name = "push-delay",
     .env = "PUSH_DELAY",
     .type = CONF_U32,
     .offset = AT(push_delay_s),
     .unit = "s",
     .def = "10",
     .max = 86400,
     .help = "A notification that no socket of its user took is pushed after so long."},
    {.name = "notification-retention-days",
     .env = "NOTIFICATION_RETENTION_DAYS",
     .type = CONF_U32,
     .offset = AT(notification_retention_days),
     .unit = "days",
     .def = "90",
     .max = 36500,
     .help = "Notifications that are read or dismissed are removed after so long, unread ones "
             "never; 0 keeps all."},
    {.name = "service-key",
     .env = "SERVICE_KEY",
     .type = CONF_STR,
     .offset = AT(service_key),
     .unit = "",
     .def = "",
     .is_secret = true,
     .help = "Key of other services for POST /api/notifications/ (Authorization: Api-Key …); "
             "empty: nobody may."},
    {.name = "channel-auto-create",
     .env = "CHANNEL_AUTO_CREATE",
     .type = CONF_BOOL,
     .offset = AT(channel_auto_create),
     .unit = "",
     .def = "0",
     .help = "Opening a room that does not exist makes it, as a public channel."},
    {.name = "fcm-credentials-file",
     .env = "FCM_CREDENTIALS_FILE",
     .type = CONF_STR,
     .offset = AT(fcm_credentials_file),
     .unit = "",
     .def = "",
     .help = "JSON file of the service account that may send by Firebase Cloud Messaging; empty is "
             "no pushes by it."},
    {.name = "fcm-url",
     .env = "FCM_URL",
     .type = CONF_STR,
     .offset = AT(fcm_url),
     .unit = "",
     .def = "https://fcm.googleapis.com",
     .help = "Where Firebase Cloud Messaging is, without a slash at the end."},
    {.name = "vapid-private-key-file",
     .env = "VAPID_PRIVATE_KEY_FILE",
     .type = CONF_STR,
     .offset = AT(vapid_private_key_file),
     .unit = "",
     .def = "",
     .help = "PEM file of the P-256 key that signs web pushes; empty is no web pushes."},
    {.name = "vapid-subject",
     .env = "VAPID_SUBJECT",
     .type = CONF_STR,
     .offset = AT(vapid_subject),
     .unit = "",
     .def = "",
     .help = "Whom a push service may ask about web pushes: mailto:… or https://…."},
    {.name = "push-ca-file",
     .env = "PUSH_CA_FILE",
     .type = CONF_STR,
     .offset = AT(push_ca_file),
     .unit = "",
     .def = "",
     .help = "PEM file of the authorities that push services' certificates must come from; empty "
             "is the system's."},
    {.name = "push-concurrency",
     .env = "PUSH_CONCURRENCY",
     .type = CONF_U32,
     .offset = AT(push_concurrency),
     .unit = "",
     .def = "32",
     .min = 1,
     .max = 256,
     .help = "Pushes that one broker has under way at a time."},
    {.name = "push-retry-ms",
     .env = "PUSH_RETRY_MS",
     .type = CONF_U32,
     .offset = AT(push_retry_ms),
     .unit = "ms",
     .def = "10000",
     .min = 10,
     .max = 600000,
     .help = "Least time until a push that failed is tried again; it grows with every failure."},
    {.name = "push-lease-ms",
     .env = "PUSH_LEASE_MS",
     .type = CONF_U32,
     .offset = AT(push_lease_ms),
     .unit = "ms",
     .def = "60000",
     .min = 1000,
     .max = 600000,
     .help = "How long a broker that has gone keeps the pushes that it had begun. A request to a "
             "push service takes a third of it at most."},
    {.name = "push-allow-private-endpoints",
     .env = "PUSH_ALLOW_PRIVATE_ENDPOINTS",
     .type = CONF_BOOL,
     .offset = AT(push_allow_private_endpoints),
     .unit = "",
     .def = "0",
     .help = "Web pushes may go to addresses that are not public, whoever named them; for tests."},
    {.name = "upload-max-size",
     .env = "UPLOAD_MAX_SIZE",
     .type = CONF_U32,
     .offset = AT(upload_max_bytes),
     .unit = "bytes",
     .def = "26214400",
     .min = 1,
     .max = 1u << 30,
     .help = "Largest file that may be uploaded."},
    {.name = "upload-allowed-types",
     .env = "UPLOAD_ALLOWED_TYPES",
     .type = CONF_LIST,
     .offset = AT(upload_allowed_types),
     .unit = "",
     .def = "image/png,image/jpeg,image/gif,image/webp,application/pdf,text/plain,text/csv,"
            "text/markdown,application/json,application/zip,application/gzip,"
            "application/octet-stream,audio/mpeg,audio/mp4,audio/ogg,audio/wav,audio/webm,"
            "video/mp4,video/webm,video/quicktime,video/ogg,application/msword,"
            "application/vnd.ms-excel,application/vnd.ms-powerpoint,"
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document,"
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet,"
            "application/vnd.openxmlformats-officedocument.presentationml.presentation,"
            "application/vnd.oasis.opendocument.text,"
            "application/vnd.oasis.opendocument.spreadsheet,"
            "application/vnd.oasis.opendocument.presentation",
     .help =
         "Types of files that may be uploaded; image/* is all of a family. Their content must be "
         "what they say; of application/octet-stream anything that neither runs nor is a page."},
    {.name = "upload-bytes-per-minute",
     .env = "UPLOAD_BYTES_PER_MINUTE",
     .type = CONF_U32,
     .offset = AT(upload_bytes_per_minute),
     .unit = "bytes",
     .def = "268435456",
     .max = UINT32_MAX,
     .help = "Bytes of files that one user may send in a minute, over all sockets; 0 is no limit."},
    {.name = "uploads-per-user",
     .env = "UPLOADS_PER_USER",
     .type = CONF_U32,
     .offset = AT(uploads_per_user),
     .unit = "",
     .def = "5",
     .min = 1,
     .max = 1000,
     .help = "Uploads that one user may have open."},
    {.name = "upload-expiry",
     .env = "UPLOAD_EXPIRY",
     .type = CONF_U32,
     .offset = AT(upload_expiry_s),
     .unit = "s",
     .def = "3600",
     .min = 1,
     .max = 31622400,
     .help = "An upload that nobody has touched for so long is removed."},
    {.name = "attachment-expiry",
     .env = "ATTACHMENT_EXPIRY",
     .type = CONF_U32,
     .offset = AT(attachment_expiry_s),
     .unit = "s",
     .def = "86400",
     .min = 60,
     .max = 31622400,
     .help = "A complete file that came into no message is removed after so long."},
    {.name = "upload-spool-dir",
     .env = "UPLOAD_SPOOL_DIR",
     .type = CONF_STR,
     .offset = AT(upload_spool_dir),
     .unit = "",
     .def = "",
     .help = "Directory on a disk where files are put together; empty is TMPDIR, else /tmp."},
    {.name = "inspect-program",
     .env = "INSPECT_PROGRAM",
     .type = CONF_STR,
     .offset = AT(inspect_program),
     .unit = "",
     .def = "",
     .help = "Program that looks into files; empty is kibray-inspect beside the broker's own."},
    {.name = "storage",
     .env = "STORAGE",
     .type = CONF_ENUM,
     .offset = AT(storage),
     .unit = "",
     .def = "local",
     .choices = "local|s3",
     .help = "Where files are kept: a directory that all brokers share, or a bucket."},
    {.name = "storage-root",
     .env = "STORAGE_ROOT",
     .type = CONF_STR,
     .offset = AT(storage_root),
     .unit = "",
     .def = "media",
     .help = "STORAGE local: the directory; made when it is not there."},
    {.name = "s3-url",
     .env = "S3_URL",
     .type = CONF_STR,
     .offset = AT(s3_url),
     .unit = "",
     .def = "",
     .help = "STORAGE s3: http(s)://host[:port] of the server, as brokers reach it."},
    {.name = "s3-public-url",
     .env = "S3_PUBLIC_URL",
     .type = CONF_STR,
     .offset = AT(s3_public_url),
     .unit = "",
     .def = "",
     .help = "STORAGE s3: the same as clients reach it; empty is S3_URL."},
    {.name = "s3-bucket",
     .env = "S3_BUCKET",
     .type = CONF_STR,
     .offset = AT(s3_bucket),
     .unit = "",
     .def = "",
     .help = "STORAGE s3: the bucket."},
    {.name = "s3-region",
     .env = "S3_REGION",
     .type = CONF_STR,
     .offset = AT(s3_region),
     .unit = "",
     .def = "us-east-1",
     .help = "STORAGE s3: the region that signatures name."},
    {.name = "s3-access-key",
     .env = "S3_ACCESS_KEY",
     .type = CONF_STR,
     .offset = AT(s3_access_key),
     .unit = "",
     .def = "",
     .help = "STORAGE s3: the id of the key."},
    {.name = "s3-secret-key",
     .env = "S3_SECRET_KEY",
     .type = CONF_STR,
     .offset = AT(s3_secret_key),
     .unit = "",
     .def = "",
     .is_secret = true,
     .help = "STORAGE s3: the key itself."},
    {.name = "s3-ca-file",
     .env = "S3_CA_FILE",
     .type = CONF_STR,
     .offset = AT(s3_ca_file),
     .unit = "",
     .def = "",
     .help =
         "PEM file of the authorities that the server's certificate must come from; empty is the "
         "system's."},
    {.name = "s3-downloads",
     .env = "S3_DOWNLOADS",
     .type = CONF_ENUM,
     .offset = AT(s3_downloads),
     .unit = "",
     .def = "redirect",
     .choices = "redirect|proxy",
     .help = "STORAGE s3: downloads are sent there by a link that is good for 5 minutes, or come "
             "through us."},
};
const size_t broker_conf_row_count = sizeof(broker_conf_rows) / sizeof(broker_conf_rows[0]);

static int tell(struct buf *problem, int err, const char *sentence)
{
    int failed;

    if (!problem) {
        return err;
    }
    buf_reset(problem);
    failed = buf_append(problem, bytes_str(sentence));
    /* The error itself matters more than a sentence that found no room. */
    return failed == ERR_NOMEM ? ERR_NOMEM : err;
}

static struct bytes text_of(const char *setting)
{
    return setting ? bytes_str(setting) : BYTES_LIT("");
}

static bool has_scheme(struct bytes url, const char *scheme)
{
    struct bytes prefix = bytes_str(scheme);

    return url.len > prefix.len && bytes_has_prefix(url, prefix);
}

/* Names and prefixes become parts of keys: printable ASCII, and no braces, which would move a key
 * to another slot of a cluster. */
static bool is_key_part(struct bytes text, size_t max_len)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c > '~' || c == '{' || c == '}') {
            return false;
        }
    }
    return text.len <= max_len;
}

static int check_secrets(const struct broker_conf *c, struct buf *problem)
{
    struct bytes secret = text_of(c->secret_key);

    if (secret.len == 0) {
        return tell(problem, ERR_MISSING, "SECRET_KEY is not set.");
    }
    if (c->jwt_algorithm == TOKEN_HS256 && secret.len < HS256_KEY_MIN_BYTES) {
        return tell(problem, ERR_RANGE, "SECRET_KEY is shorter than the 32 bytes HS256 needs.");
    }
    if (c->jwt_algorithm != TOKEN_RS256) {
        return 0;
    }
    if (text_of(c->jwt_private_key_file).len == 0) {
        return tell(problem, ERR_MISSING, "JWT_ALGORITHM RS256 needs JWT_PRIVATE_KEY_FILE.");
    }
    if (text_of(c->jwt_public_key_file).len == 0) {
        return tell(problem, ERR_MISSING, "JWT_ALGORITHM RS256 needs JWT_PUBLIC_KEY_FILE.");
    }
    return 0;
}

static int check_push(const struct broker_conf *c, struct buf *problem)
{
    struct bytes fcm_url = text_of(c->fcm_url), subject = text_of(c->vapid_subject);

    if (!has_scheme(fcm_url, "https://") || fcm_url.ptr[fcm_url.len - 1] == '/') {
        return tell(problem, ERR_SYNTAX,
                    "FCM_URL does not begin with https://, or ends with a slash.");
    }
    if (text_of(c->vapid_private_key_file).len > 0 && !has_scheme(subject, "mailto:") &&
        !has_scheme(subject, "https://")) {
        return tell(problem, ERR_MISSING,
                    "VAPID_PRIVATE_KEY_FILE needs VAPID_SUBJECT, a mailto: or https: address.");
    }
    return 0;
}

static int check_storage(const struct broker_conf *c, struct buf *problem)
{
    if (c->storage == STORAGE_LOCAL) {
        return text_of(c->storage_root).len > 0
                   ? 0
                   : tell(problem, ERR_MISSING, "STORAGE local needs STORAGE_ROOT.");
    }
    if (!has_scheme(text_of(c->s3_url), "https://") && !has_scheme(text_of(c->s3_url), "http://")) {
        return tell(problem, ERR_SYNTAX, "S3_URL begins with neither https:// nor http://.");
    }
    if (text_of(c->s3_bucket).len == 0 || text_of(c->s3_access_key).len == 0 ||
        text_of(c->s3_secret_key).len == 0) {
        return tell(problem, ERR_MISSING,
                    "STORAGE s3 needs S3_BUCKET, S3_ACCESS_KEY and S3_SECRET_KEY.");
    }
    return 0;
}

int broker_conf_check(const struct broker_conf *c, struct buf *out_problem)
{
    struct bytes database = text_of(c->database_url);
    int err;

    err = redis_url_check(c->redis_url);
    if (err != 0) {
        return tell(out_problem, err, redis_url_problem(err));
    }
    if (database.len == 0) {
        return tell(out_problem, ERR_MISSING, "DATABASE_URL is not set.");
    }
    /* libpq also takes "host=… dbname=…". */
    if (!has_scheme(database, "postgresql://") && !has_scheme(database, "postgres://") &&
        !memchr(database.ptr, '=', database.len)) {
        return tell(out_problem, ERR_SYNTAX,
                    "DATABASE_URL is neither a postgresql:// URL nor key=value pairs.");
    }
    if (redis_prefix_problem(c->redis_url, c->redis_prefix)) {
        return tell(out_problem, ERR_SYNTAX, redis_prefix_problem(c->redis_url, c->redis_prefix));
    }
    if (!is_key_part(text_of(c->name), GATEWAY_NAME_MAX)) {
        return tell(out_problem, ERR_SYNTAX,
                    "BROKER_NAME is longer than 128 bytes or has blanks, braces or non-ASCII.");
    }
    err = check_secrets(c, out_problem);
    err = err == 0 ? check_push(c, out_problem) : err;
    return err == 0 ? check_storage(c, out_problem) : err;
}
