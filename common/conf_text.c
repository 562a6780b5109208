/* SPDX-License-Identifier: MIT */
/* Settings as text: --help, the table of docs/config.md, and the start-up dump without secrets.
 * Called by main and by the documentation verb. */
#include <strings.h>

#include "common/conf_impl.h"
#include "common/json_quote.h"

static const char *type_name(enum conf_type type)
{
    switch (type) {
    case CONF_STR:
        return "text";
    case CONF_U32:
        return "number";
    case CONF_BOOL:
        return "yes/no";
    case CONF_LIST:
        return "list";
    case CONF_ENUM:
        return "choice";
    }
    return "";
}

static const char *unit_of(const struct conf_row *row)
{
    return row->unit ? row->unit : "";
}

static const char *def_of(const struct conf_row *row)
{
    return row->def ? row->def : "";
}

static int help_row(const struct conf_row *row, struct buf *out)
{
    const char *unit = unit_of(row);
    int err = buf_printf(out, "  --%s <%s>\n      %s\n      ", row->name,
                         row->type == CONF_ENUM ? row->choices : type_name(row->type), row->help);

    if (err == 0 && row->env) {
        err = buf_printf(out, "environment %s; ", row->env);
    }
    if (err == 0) {
        err = buf_printf(out, "default %s", *def_of(row) ? row->def : "none");
    }
    if (err == 0 && *unit) {
        err = buf_printf(out, " %s", unit);
    }
    if (err == 0 && row->type == CONF_U32) {
        err = buf_printf(out, "; %u to %u", row->min, row->max);
    }
    if (err == 0 && row->is_reloadable) {
        err = buf_append(out, BYTES_LIT("; reloadable"));
    }
    return err != 0 ? err : buf_append_char(out, '\n');
}

int conf_help(const struct conf_row *rows, size_t row_count, struct buf *out)
{
    size_t len_before = out->len;
    int err = 0;

    for (size_t i = 0; i < row_count && err == 0; i++) {
        err = help_row(&rows[i], out);
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}

/* A table cell: bars would end it. */
static int append_cell(struct buf *out, const char *text)
{
    int err = 0;

    for (const char *p = text; *p != '\0' && err == 0; p++) {
        if (*p == '|') {
            err = buf_append(out, BYTES_LIT("\\|"));
        } else {
            err = buf_append_char(out, *p == '\n' ? ' ' : *p);
        }
    }
    return err;
}

static int markdown_row(const struct conf_row *row, struct buf *out)
{
    int err = buf_printf(out, "| `%s` | `--%s` | ", row->env ? row->env : "", row->name);

    if (err == 0) {
        err = append_cell(out, row->type == CONF_ENUM ? row->choices : type_name(row->type));
    }
    if (err == 0 && *unit_of(row)) {
        err = buf_printf(out, ", %s", unit_of(row));
    }
    if (err == 0 && row->type == CONF_U32) {
        err = buf_printf(out, ", %u–%u", row->min, row->max);
    }
    if (err == 0) {
        err = buf_append(out, *def_of(row) ? BYTES_LIT(" | `") : BYTES_LIT(" | "));
    }
    if (err == 0) {
        err = append_cell(out, def_of(row));
    }
    if (err == 0) {
        err = buf_printf(out, "%s | %s | %s | ", *def_of(row) ? "`" : "",
                         row->is_secret ? "yes" : "", row->is_reloadable ? "yes" : "");
    }
    if (err == 0) {
        err = append_cell(out, row->help);
    }
    return err != 0 ? err : buf_append(out, BYTES_LIT(" |\n"));
}

int conf_markdown(const struct conf_row *rows, size_t row_count, struct buf *out)
{
    size_t len_before = out->len;
    int err = buf_append(
        out, BYTES_LIT("| Environment | Flag | Value | Default | Secret | Reloadable | Meaning |\n"
                       "|---|---|---|---|---|---|---|\n"));

    for (size_t i = 0; i < row_count && err == 0; i++) {
        err = markdown_row(&rows[i], out);
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}

/* Length of the value at the start of `text` when the parameter before it holds a password. */
static size_t secret_parameter(const char *name, const char *equals, const char *text)
{
    static const char word[] = "password";
    size_t word_len = sizeof(word) - 1;

    if ((size_t)(equals - name) < word_len || strncasecmp(equals - word_len, word, word_len) != 0) {
        return 0;
    }
    return strcspn(text, "&#");
}

/* The part after '?': libpq takes passwords there, too. */
static int redact_query(struct buf *text, const char *query)
{
    const char *name = query;
    const char *p = query;
    int err = 0;

    while (*p != '\0' && err == 0) {
        char c = *p++;

        err = buf_append_char(text, c);
        if (c == '&' || c == '?') {
            name = p;
        } else if (c == '=' && err == 0) {
            size_t len = secret_parameter(name, p - 1, p);

            err = len > 0 ? buf_append(text, BYTES_LIT("<redacted>")) : 0;
            p += len;
        }
    }
    return err;
}

/* A URL without its passwords; any other text disappears whole. When in doubt about where the
 * password ends (it may hold '/' or '@'), more is hidden rather than less. */
static int redact(struct buf *text, const char *secret)
{
    const char *scheme_end = strstr(secret, "://");
    const char *host, *colon;
    int err;

    if (!scheme_end) {
        return buf_append(text, *secret ? BYTES_LIT("<redacted>") : BYTES_LIT(""));
    }
    host = strrchr(secret, '@');
    colon = strchr(scheme_end + 3, ':');
    if (!host || !colon || colon > host) {
        return redact_query(text, secret);
    }
    err = buf_append(text, bytes_of(secret, (size_t)(colon + 1 - secret)));
    if (err == 0) {
        err = buf_append(text, BYTES_LIT("<redacted>"));
    }
    return err != 0 ? err : redact_query(text, host);
}

/* Only a setting that is a URL by its name is shown in part: a key may look like anything. */
static bool is_url(const struct conf_row *row)
{
    size_t len = row->env ? strlen(row->env) : 0;
    return len >= 3 && strcmp(row->env + len - 3, "URL") == 0;
}

static int dump_text(const struct conf_row *row, const void *settings, struct buf *out)
{
    const char *value = conf_value_str(row, settings);
    struct buf shown;
    int err;

    if (!row->is_secret) {
        return json_quote(out, bytes_str(value));
    }
    buf_init(&shown, SIZE_MAX);
    err = is_url(row) ? redact(&shown, value)
                      : buf_append(&shown, *value ? BYTES_LIT("<redacted>") : BYTES_LIT(""));
    if (err == 0) {
        err = json_quote(out, buf_bytes(&shown));
    }
    buf_done(&shown);
    return err;
}

static int dump_value(const struct conf_row *row, const void *settings, struct buf *out)
{
    struct bytes name;

    switch (row->type) {
    case CONF_STR:
    case CONF_LIST:
        return dump_text(row, settings, out);
    case CONF_U32:
        if (row->is_secret) {
            return buf_append(out, BYTES_LIT("\"<redacted>\""));
        }
        return buf_append_i64(out, conf_value_u32(row, settings));
    case CONF_BOOL:
        return buf_append(out,
                          conf_value_bool(row, settings) ? BYTES_LIT("true") : BYTES_LIT("false"));
    case CONF_ENUM:
        if (!conf_choice(row->choices, conf_value_u32(row, settings), &name)) {
            name = BYTES_NONE;
        }
        return json_quote(out, name);
    }
    return ERR_TYPE;
}

int conf_dump_json(const struct conf_row *rows, size_t row_count, const void *settings,
                   struct buf *out)
{
    size_t len_before = out->len;
    int err = buf_append_char(out, '{');

    for (size_t i = 0; i < row_count && err == 0; i++) {
        if (i > 0) {
            err = buf_append_char(out, ',');
        }
        if (err == 0) {
            err = json_quote(out, bytes_str(rows[i].env ? rows[i].env : rows[i].name));
        }
        if (err == 0) {
            err = buf_append_char(out, ':');
        }
        if (err == 0) {
            err = dump_value(&rows[i], settings, out);
        }
    }
    if (err == 0) {
        err = buf_append_char(out, '}');
    }
    if (err != 0) {
        out->len = len_before;
    }
    return err;
}
