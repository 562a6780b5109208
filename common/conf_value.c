/* SPDX-License-Identifier: MIT */
/* One setting: text to value and where it lies in the settings struct, and the comma-separated
 * lists. Does not know where texts come from. Called by conf.c and conf_text.c; the list functions
 * by everyone. */
#include "common/conf_impl.h"

#include "common/mem.h"

static void *member(const struct conf_row *row, void *settings)
{
    return (char *)settings + row->offset;
}

static const void *const_member(const struct conf_row *row, const void *settings)
{
    return (const char *)settings + row->offset;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct bytes trim(struct bytes text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = bytes_skip(text, 1);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

int conf_parse_bool(struct bytes text, bool *out_value)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"false", "true"}, {"no", "yes"}, {"off", "on"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int value = 0; value < 2; value++) {
            if (bytes_eq_str(text, words[i][value])) {
                *out_value = value == 1;
                return 0;
            }
        }
    }
    return ERR_SYNTAX;
}

static int parse_u32(const struct conf_row *row, struct bytes text, uint32_t *out_value,
                     const char **out_why)
{
    uint64_t n = 0;

    *out_why = "is not a whole number";
    if (text.len == 0) {
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return ERR_SYNTAX;
        }
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
        n = n > UINT32_MAX ? (uint64_t)UINT32_MAX + 1 : n; /* stays too large */
    }
    if (n < row->min || n > row->max) {
        *out_why = n < row->min ? "is below the minimum" : "is above the maximum";
        return ERR_RANGE;
    }
    *out_value = (uint32_t)n;
    return 0;
}

bool conf_choice(const char *choices, uint32_t index, struct bytes *out_name)
{
    const char *start = choices;

    for (uint32_t i = 0; start; i++) {
        const char *bar = strchr(start, '|');

        if (i == index) {
            *out_name = bar ? bytes_of(start, (size_t)(bar - start)) : bytes_str(start);
            return true;
        }
        start = bar ? bar + 1 : NULL;
    }
    return false;
}

static int parse_enum(const struct conf_row *row, struct bytes text, uint32_t *out_value,
                      const char **out_why)
{
    struct bytes name;

    for (uint32_t i = 0; conf_choice(row->choices, i, &name); i++) {
        if (bytes_eq(name, text)) {
            *out_value = i;
            return 0;
        }
    }
    *out_why = "is none of the choices";
    return ERR_SYNTAX;
}

/* The next item of a comma-separated text that is not empty without the blanks around it. */
static bool next_in_list(struct bytes list, size_t *pos, struct bytes *out_item)
{
    while (*pos < list.len) {
        struct bytes rest = bytes_skip(list, *pos);
        const char *comma = memchr(rest.ptr, ',', rest.len);
        size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct bytes item = trim(bytes_of(rest.ptr, len));

        *pos += len + (comma ? 1 : 0);
        if (item.len > 0) {
            *out_item = item;
            return true;
        }
    }
    return false;
}

/* Gives "a,b,c" without blanks and empty items. */
static char *dup_list(struct bytes text)
{
    char *copy = mem_alloc(text.len + 1);
    struct bytes item;
    size_t pos = 0, len = 0;

    while (copy && next_in_list(text, &pos, &item)) {
        if (len > 0) {
            copy[len++] = ',';
        }
        memcpy(copy + len, item.ptr, item.len);
        len += item.len;
    }
    if (copy) {
        copy[len] = '\0';
    }
    return copy;
}

int conf_value_set(const struct conf_row *row, struct bytes text, void *settings,
                   const char **out_why)
{
    void *to = member(row, settings);
    char *copy;

    switch (row->type) {
    case CONF_STR:
    case CONF_LIST:
        copy = row->type == CONF_LIST ? dup_list(text) : mem_dup_str(text);
        if (!copy) {
            return ERR_NOMEM;
        }
        conf_value_clear(row, settings);
        memcpy(to, &copy, sizeof(copy));
        return 0;
    case CONF_U32:
        return parse_u32(row, text, to, out_why);
    case CONF_ENUM:
        return parse_enum(row, text, to, out_why);
    case CONF_BOOL:
        *out_why = "is neither yes nor no";
        return conf_parse_bool(text, to);
    }
    return ERR_TYPE;
}

void conf_value_clear(const struct conf_row *row, void *settings)
{
    char **text = member(row, settings);

    switch (row->type) {
    case CONF_STR:
    case CONF_LIST:
        mem_free(*text);
        *text = NULL;
        break;
    case CONF_U32:
    case CONF_ENUM:
        *(uint32_t *)member(row, settings) = 0;
        break;
    case CONF_BOOL:
        *(bool *)member(row, settings) = false;
        break;
    }
}

const char *conf_value_str(const struct conf_row *row, const void *settings)
{
    const char *text = *(char *const *)const_member(row, settings);

    return text ? text : "";
}

uint32_t conf_value_u32(const struct conf_row *row, const void *settings)
{
    return *(const uint32_t *)const_member(row, settings);
}

bool conf_value_bool(const struct conf_row *row, const void *settings)
{
    return *(const bool *)const_member(row, settings);
}

bool conf_list_next(const char *list, size_t *pos, struct bytes *out_item)
{
    return next_in_list(bytes_str(list), pos, out_item);
}

bool conf_list_has(const char *list, struct bytes item)
{
    struct bytes found;
    size_t pos = 0;

    while (conf_list_next(list, &pos, &found)) {
        if (bytes_eq(found, item)) {
            return true;
        }
    }
    return false;
}
