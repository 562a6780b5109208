/* SPDX-License-Identifier: MIT */
#pragma once
/* Table-driven settings. One row per setting drives parsing, --help, docs and the start-up dump.
 * The value comes from the flag, else the environment, else the default. Parsing is pure: bytes
 * and a lookup function in, a struct out. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"
#include "common/buf.h"
#include "common/err.h"

enum conf_type {
    CONF_STR,  /* char * (owned by the settings struct) */
    CONF_U32,  /* uint32_t, decimal, within [min, max] */
    CONF_BOOL, /* bool: 1/0, true/false, yes/no, on/off */
    CONF_LIST, /* char *: comma-separated, blanks around items removed */
    CONF_ENUM, /* uint32_t: index into `choices`, "a|b|c" */
};

struct conf_row {
    const char *name; /* flag without "--", lower-case with dashes: "redis-url" */
    const char *env;  /* environment name: "REDIS_URL" */
    enum conf_type type;
    size_t offset;       /* of the member in the settings struct */
    const char *unit;    /* "ms", "bytes", "" */
    const char *def;     /* default, as text */
    uint32_t min, max;   /* CONF_U32 */
    const char *choices; /* CONF_ENUM: "a|b|c" */
    bool is_secret;      /* shown as <redacted>; in a URL only the password is */
    bool is_reloadable;
    const char *help; /* one sentence */
};

typedef const char *conf_lookup_fn(void *arg, const char *env_name);

/* Fill `settings` (zeroed before) from defaults, environment and flags ("--name value" or
 * "--name=value"; a bool flag may stand alone). argv[0] is skipped. Words that are not flags are
 * put in `words` (at most *words_count, updated).
 * Errors: ERR_SYNTAX, ERR_RANGE, ERR_NOT_FOUND (unknown flag), ERR_NOMEM; then `out_problem` has
 * one sentence that names the setting and the value. */
struct conf_input {
    int argc;
    char **argv;
    conf_lookup_fn *lookup;
    void *lookup_arg;
};
struct conf_words {
    const char *items[8];
    size_t count;
};
NODISCARD int conf_load(const struct conf_row *rows, size_t row_count, void *settings,
                        const struct conf_input *in, struct conf_words *out_words,
                        struct buf *out_problem);
void conf_free(const struct conf_row *rows, size_t row_count, void *settings);

/* "--help" text: one block a row. */
NODISCARD int conf_help(const struct conf_row *rows, size_t row_count, struct buf *out);
/* A Markdown table of all rows, for docs/config.md. */
NODISCARD int conf_markdown(const struct conf_row *rows, size_t row_count, struct buf *out);
/* {"REDIS_URL":"redis://:<redacted>@host","…":…}: the start-up dump, secrets redacted. */
NODISCARD int conf_dump_json(const struct conf_row *rows, size_t row_count, const void *settings,
                             struct buf *out);
/* Does the comma-separated list contain the item (exact bytes)? */
bool conf_list_has(const char *list, struct bytes item);
/* Step through a list: returns false at the end. Start with *pos = 0. */
bool conf_list_next(const char *list, size_t *pos, struct bytes *out_item);
