/* SPDX-License-Identifier: MIT */
/* Settings: walks the command line and fills the struct row by row. Values are parsed in
 * conf_value.c and written out in conf_text.c. Reads no file and no environment by itself. Called
 * once at start-up by each daemon. */
#include "common/conf.h"

#include "common/conf_impl.h"
#include "common/json_quote.h"
#include "common/mem.h"

struct flag_cursor {
    const struct conf_row *rows;
    size_t row_count;
    const struct conf_input *in;
    int next;       /* of argv */
    bool has_ended; /* after "--" only words follow */
};

/* One item of the command line: a flag (row set) or a word (row NULL). */
struct flag_item {
    const struct conf_row *row;
    struct bytes value;
    const char *text; /* the argument as it stands */
};

static int tell(struct buf *problem, int err, const struct conf_row *row, struct bytes value,
                const char *why)
{
    int failed = 0;

    if (!problem) {
        return err;
    }
    buf_reset(problem);
    if (row) {
        failed = buf_printf(problem, "--%s (%s): ", row->name, row->env);
    }
    if (failed == 0 && row && row->is_secret) {
        failed = buf_append(problem, BYTES_LIT("<redacted>"));
    } else if (failed == 0) {
        failed = json_quote(problem, value);
    }
    if (failed == 0) {
        failed = buf_printf(problem, " %s", why);
    }
    /* The error itself matters more than a sentence that found no room. */
    return failed == ERR_NOMEM ? ERR_NOMEM : err;
}

static const struct conf_row *find_flag(const struct flag_cursor *c, struct bytes name)
{
    for (size_t i = 0; i < c->row_count; i++) {
        if (bytes_eq_str(name, c->rows[i].name)) {
            return &c->rows[i];
        }
    }
    return NULL;
}

/* Does the argument after this flag belong to it? A bool may stand alone. */
static bool takes_next(const struct flag_cursor *c, const struct conf_row *row)
{
    bool ignored;

    if (c->next >= c->in->argc) {
        return false;
    }
    return row->type != CONF_BOOL ||
           conf_parse_bool(bytes_str(c->in->argv[c->next]), &ignored) == 0;
}

static int parse_flag(struct flag_cursor *c, struct flag_item *out, struct buf *problem)
{
    struct bytes name = bytes_skip(bytes_str(out->text), 2);
    const char *equals = name.len > 0 ? memchr(name.ptr, '=', name.len) : NULL;

    if (out->text[1] != '-') {
        return tell(problem, ERR_NOT_FOUND, NULL, bytes_str(out->text), "is not a known flag");
    }
    if (equals) {
        out->value = bytes_skip(name, (size_t)(equals - name.ptr) + 1);
        name.len = (size_t)(equals - name.ptr);
    }
    out->row = find_flag(c, name);
    if (!out->row) {
        return tell(problem, ERR_NOT_FOUND, NULL, name, "is not a known flag");
    }
    if (equals) {
        return 0;
    }
    if (takes_next(c, out->row)) {
        out->value = bytes_str(c->in->argv[c->next++]);
        return 0;
    }
    if (out->row->type == CONF_BOOL) {
        out->value = BYTES_LIT("true");
        return 0;
    }
    return tell(problem, ERR_SYNTAX, out->row, BYTES_LIT(""), "has no value after the flag");
}

/* Step to the next item: 1 with *out set, 0 at the end, or an error. */
static int next_item(struct flag_cursor *c, struct flag_item *out, struct buf *problem)
{
    int err;

    while (c->next < c->in->argc) {
        const char *text = c->in->argv[c->next++];

        *out = (struct flag_item){.text = text};
        if (c->has_ended || text[0] != '-' || text[1] == '\0') {
            return 1;
        }
        if (strcmp(text, "--") != 0) {
            err = parse_flag(c, out, problem);
            return err != 0 ? err : 1;
        }
        c->has_ended = true;
    }
    return 0;
}

static int read_flags(struct flag_cursor *c, struct bytes *values, struct conf_words *words,
                      struct buf *problem)
{
    struct flag_item item;
    int got;

    while ((got = next_item(c, &item, problem)) == 1) {
        if (item.row) {
            values[item.row - c->rows] = item.value;
        } else if (words->count < sizeof(words->items) / sizeof(words->items[0])) {
            words->items[words->count++] = item.text;
        } else {
            return tell(problem, ERR_SYNTAX, NULL, bytes_str(item.text), "is one word too many");
        }
    }
    return got;
}

/* The text of a setting: flag, else environment, else default. An environment variable that is
 * set but empty counts as unset where an empty text cannot be a value. */
static struct bytes choose(const struct conf_row *row, struct bytes flag,
                           const struct conf_input *in)
{
    const char *env = in->lookup ? in->lookup(in->lookup_arg, row->env) : NULL;
    bool may_be_empty = row->type == CONF_STR || row->type == CONF_LIST;

    if (flag.ptr) {
        return flag;
    }
    if (env && (env[0] != '\0' || may_be_empty)) {
        return bytes_str(env);
    }
    return bytes_str(row->def);
}

static int fill(const struct conf_row *row, struct bytes text, void *settings, struct buf *problem)
{
    const char *why = "is not understood";
    int err;

    if (!text.ptr && row->type != CONF_STR && row->type != CONF_LIST) {
        return 0; /* no default: stays zero */
    }
    err = conf_value_set(row, text, settings, &why);
    return err == 0 || err == ERR_NOMEM ? err : tell(problem, err, row, text, why);
}

int conf_load(const struct conf_row *rows, size_t row_count, void *settings,
              const struct conf_input *in, struct conf_words *out_words, struct buf *out_problem)
{
    struct flag_cursor cursor = {.rows = rows, .row_count = row_count, .in = in, .next = 1};
    struct bytes *values = mem_zalloc(row_count * sizeof(*values));
    struct conf_words words = {.count = 0};
    int err;

    if (!values) {
        return ERR_NOMEM;
    }
    err = read_flags(&cursor, values, &words, out_problem);
    for (size_t i = 0; i < row_count && err == 0; i++) {
        err = fill(&rows[i], choose(&rows[i], values[i], in), settings, out_problem);
    }
    if (err == 0 && !out_words && words.count > 0) {
        err = tell(out_problem, ERR_SYNTAX, NULL, bytes_str(words.items[0]), "is not a flag");
    }
    if (err == 0 && out_words) {
        *out_words = words;
    }
    if (err != 0) {
        conf_free(rows, row_count, settings);
    }
    mem_free(values);
    return err;
}

void conf_free(const struct conf_row *rows, size_t row_count, void *settings)
{
    for (size_t i = 0; i < row_count; i++) {
        conf_value_clear(&rows[i], settings);
    }
}
