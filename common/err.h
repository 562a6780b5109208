/* SPDX-License-Identifier: MIT */
#pragma once
/* Error codes of the whole project: 0 is success, everything else is negative.
 * Pure code returns them; glue decides, once, what to log and what a client is told. */

#define NODISCARD __attribute__((warn_unused_result))

#define ERR_LIST(X)                                                                                \
    X(OK, 0, "ok")                                                                                 \
    X(NOMEM, -1, "out_of_memory")                                                                  \
    X(FULL, -2, "full")         /* a bounded buffer or queue refused more */                       \
    X(BUSY, -3, "busy")         /* too many requests are under way */                              \
    X(SHORT, -4, "short")       /* input ended inside a value */                                   \
    X(TRAILING, -5, "trailing") /* input goes on after the last value */                           \
    X(TYPE, -6, "wrong_type")                                                                      \
    X(RANGE, -7, "out_of_range")                                                                   \
    X(LIMIT, -8, "over_limit") /* longer or larger than the named limit */                         \
    X(DEPTH, -9, "too_deep")                                                                       \
    X(UTF8, -10, "bad_utf8")                                                                       \
    X(SYNTAX, -11, "syntax")                                                                       \
    X(MISSING, -12, "missing")   /* a required field is absent */                                  \
    X(VERSION, -13, "version")   /* written by a version that is not understood */                 \
    X(STATE, -14, "wrong_state") /* not legal now; a fence or expected value did not match */      \
    X(CLOSED, -15, "closed")                                                                       \
    X(TIMEOUT, -16, "timeout")                                                                     \
    X(UNAVAILABLE, -17, "unavailable") /* the other side is not there; outcome may be unknown */   \
    X(DENIED, -18, "denied")                                                                       \
    X(NOT_FOUND, -19, "not_found")                                                                 \
    X(CONFLICT, -20, "conflict") /* exists already */                                              \
    X(IO, -21, "io")                                                                               \
    X(REMOTE, -22, "remote_error") /* the other side answered with an error */

enum err {
#define ERR_ENUM(name, value, text) ERR_##name = value,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* The stable lower-case name of a code, for logs and metrics; "unknown" for any other number. */
const char *err_name(int err);
