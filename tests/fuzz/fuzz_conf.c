/* SPDX-License-Identifier: MIT */
/* Fuzzes the settings. A line of the input is an argument; a line "@NAME=value" is an environment
 * variable. Whatever loads must be within its limits and must be shown without its secret. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/conf.h"
#include "common/mem.h"

#define LINES_MAX 64

struct settings {
    char *url;
    char *token;
    char *names;
    uint32_t limit;
    uint32_t level;
    bool is_fast;
};

static const struct conf_row rows[] = {
    {"url", "URL", CONF_STR, offsetof(struct settings, url), "", "redis://h", 0, 0, NULL, true,
     false, "A URL."},
    {"token", "TOKEN", CONF_STR, offsetof(struct settings, token), "", "", 0, 0, NULL, true, false,
     "A secret."},
    {"names", "NAMES", CONF_LIST, offsetof(struct settings, names), "", "a,b", 0, 0, NULL, false,
     false, "Names."},
    {"limit", "LIMIT", CONF_U32, offsetof(struct settings, limit), "", "10", 5, 5000, NULL, false,
     false, "A number."},
    {"level", "LEVEL", CONF_ENUM, offsetof(struct settings, level), "", "b", 0, 0, "a|b|c", false,
     false, "A choice."},
    {"fast", "FAST", CONF_BOOL, offsetof(struct settings, is_fast), "", "no", 0, 0, NULL, false,
     false, "A switch."},
};
static const size_t row_count = sizeof(rows) / sizeof(rows[0]);

struct lines {
    char *args[LINES_MAX];
    char *env[LINES_MAX];
    int arg_count, env_count;
};

static const char *look_up(void *arg, const char *name)
{
    const struct lines *lines = arg;
    size_t len = strlen(name);

    for (int i = 0; i < lines->env_count; i++) {
        if (strncmp(lines->env[i], name, len) == 0 && lines->env[i][len] == '=') {
            return lines->env[i] + len + 1;
        }
    }
    return NULL;
}

static void split(char *text, struct lines *out)
{
    static char program[] = "program";
    char *rest = text;
    char *line;

    out->args[out->arg_count++] = program;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (line[0] == '@' && out->env_count < LINES_MAX) {
            out->env[out->env_count++] = line + 1;
        } else if (line[0] != '@' && out->arg_count < LINES_MAX) {
            out->args[out->arg_count++] = line;
        }
    }
}

static void check(const struct settings *s)
{
    struct buf out;
    struct bytes item;
    size_t pos = 0;

    if (s->limit < 5 || s->limit > 5000 || s->level > 2 || !s->url || !s->token || !s->names) {
        abort();
    }
    while (conf_list_next(s->names, &pos, &item)) {
        if (!conf_list_has(s->names, item)) {
            abort();
        }
    }
    buf_init(&out, SIZE_MAX);
    if (conf_dump_json(rows, row_count, s, &out) == 0 && strlen(s->token) > 20 &&
        !strstr(s->token, "://") && memmem(out.data, out.len, s->token, strlen(s->token)) &&
        !strstr(s->url, s->token) && !strstr(s->names, s->token)) {
        abort();
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct lines lines = {.arg_count = 0};
    struct settings s = {0};
    struct conf_words words;
    struct buf problem;

    if (!text) {
        return 0;
    }
    split(text, &lines);
    buf_init(&problem, 1000);
    if (conf_load(rows, row_count, &s,
                  &(struct conf_input){lines.arg_count, lines.args, look_up, &lines}, &words,
                  &problem) == 0) {
        check(&s);
        conf_free(rows, row_count, &s);
    }
    buf_done(&problem);
    free(text);
    return 0;
}
