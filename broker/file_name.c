/* SPDX-License-Identifier: MIT */
/* Names of files from outside: made harmless to store and show, and looked at for extensions that
 * run. See file_type.h. */
#include <stdint.h>

#include "broker/file_type.h"
#include "proto/utf8.h"

#define EXTENSION_MAX 24u /* longer than any that is looked for */

static const char *const EXTENSIONS[] = {
    "ade",         "adp",        "apk",     "app",        "appimage",
    "application", "appref-ms",  "appx",    "appxbundle", "bas",
    "bash",        "bat",        "chm",     "class",      "cmd",
    "com",         "command",    "cpl",     "crx",        "csh",
    "deb",         "desktop",    "diagcab", "dll",        "dmg",
    "elf",         "exe",        "fish",    "gadget",     "hta",
    "inf",         "ins",        "isp",     "jar",        "jnlp",
    "js",          "jse",        "ksh",     "library-ms", "lnk",
    "mam",         "mjs",        "msc",     "msh",        "msi",
    "msix",        "msixbundle", "msp",     "mst",        "ocx",
    "osx",         "pif",        "pkg",     "pl",         "prg",
    "ps1",         "ps1xml",     "ps2",     "psc1",       "psd1",
    "psm1",        "py",         "pyc",     "pyw",        "pyz",
    "rb",          "reg",        "rpm",     "run",        "scf",
    "scptd",       "scr",        "sct",     "search-ms",  "settingcontent-ms",
    "sh",          "shb",        "shs",     "snap",       "so",
    "sys",         "terminal",   "url",     "vb",         "vbe",
    "vbs",         "vxd",        "webloc",  "website",    "ws",
    "wsc",         "wsf",        "wsh",     "xap",        "xll",
    "zsh",
};

struct range {
    uint32_t first, last;
};

/* Controls, formatting, separators of lines: categories Cc, Cf, Zl and Zp. */
static const struct range FORMATTING[] = {
    {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x600, 0x605},
    {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},
    {0x8E2, 0x8E2},     {0x180E, 0x180E},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0x110BD, 0x110BD},
    {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
    {0xE0000, 0xE0FFF},
};

/* Of other categories, and as invisible. */
static const struct range INVISIBLE[] = {
    {0x34F, 0x34F},   {0x115F, 0x1160}, {0x17B4, 0x17B5}, {0x180B, 0x180F},
    {0x3164, 0x3164}, {0xFE00, 0xFE0F}, {0xFFA0, 0xFFA0},
};

static const struct range SPACES[] = {
    {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define IN(c, ranges) is_within((c), (ranges), COUNT(ranges))

static bool is_within(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

/* Takes one character off the front. Bytes that are no UTF-8 count as '?', one at a time. */
static uint32_t next_char(struct bytes *rest)
{
    unsigned char lead = (unsigned char)rest->ptr[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = len == 1 ? lead : lead & (0x7Fu >> len);

    if (len > rest->len || utf8_check(bytes_of(rest->ptr, len)) != 0) {
        *rest = bytes_skip(*rest, 1);
        return '?';
    }
    for (size_t i = 1; i < len; i++) {
        c = c << 6 | ((unsigned char)rest->ptr[i] & 0x3Fu);
    }
    *rest = bytes_skip(*rest, len);
    return c;
}

static struct bytes last_component(struct bytes name)
{
    size_t begin = name.len;

    while (begin > 0 && name.ptr[begin - 1] != '/' && name.ptr[begin - 1] != '\\') {
        begin--;
    }
    return bytes_skip(name, begin);
}

/* ---- what runs ---- */

/* The extension that is being read, and how many spaces stand behind it. */
struct extension {
    char text[EXTENSION_MAX + 1];
    size_t len, spaces;
    bool is_open; /* a '.' was seen */
    bool is_long;
};

static void extension_begin(struct extension *e, bool is_open)
{
    *e = (struct extension){.is_open = is_open};
}

static void extension_add(struct extension *e, uint32_t c)
{
    if (IN(c, SPACES)) {
        e->spaces += e->len > 0;
        return;
    }
    if (e->spaces > 0 || c > 0x7F || e->len == EXTENSION_MAX) {
        e->is_long = true; /* longer than any, or with what none has */
        e->len = e->len ? e->len : 1;
        return;
    }
    e->text[e->len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool extension_runs(const struct extension *e)
{
    if (!e->is_open || e->is_long) {
        return false;
    }
    for (size_t i = 0; i < COUNT(EXTENSIONS); i++) {
        if (strcmp(e->text, EXTENSIONS[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool file_name_is_executable(struct bytes name)
{
    struct extension now, before; /* `before` counts while there is nothing behind a '.' */

    extension_begin(&now, false);
    extension_begin(&before, false);
    name = last_component(name);
    while (name.len > 0) {
        uint32_t c = next_char(&name);

        if (c == ':') { /* what follows names a part of the same file */
            if (extension_runs(now.len > 0 ? &now : &before)) {
                return true;
            }
            extension_begin(&now, false);
        } else if (c == '.') {
            before = now.len > 0 ? now : before;
            extension_begin(&now, true);
        } else if (!IN(c, FORMATTING) && !IN(c, INVISIBLE)) {
            extension_add(&now, c);
        }
    }
    return extension_runs(now.len > 0 ? &now : &before);
}

/* ---- cleaning ---- */

int file_name_clean(struct bytes name, struct buf *out)
{
    char text[FILE_NAME_MAX_BYTES];
    size_t len = 0, kept_len = 0; /* up to the last character that is neither space nor dot */
    uint32_t chars = 0, kept_chars = 0;
    bool is_over = false;

    if (utf8_check(name) != 0) {
        return ERR_UTF8;
    }
    name = last_component(name);
    while (name.len > 0) {
        const char *at = name.ptr;
        uint32_t c = next_char(&name);
        size_t char_len = (size_t)(name.ptr - at);

        if (IN(c, FORMATTING) || (len == 0 && IN(c, SPACES))) {
            continue;
        }
        is_over = is_over || len + char_len > sizeof(text);
        if (!is_over) {
            memcpy(text + len, at, char_len);
            len += char_len;
        }
        chars++;
        if (!IN(c, SPACES) && c != '.') {
            kept_len = len;
            kept_chars = chars;
            if (is_over) {
                return ERR_LIMIT;
            }
        }
    }
    if (kept_len == 0) {
        return ERR_SYNTAX;
    }
    return kept_chars > FILE_NAME_MAX_CHARS ? ERR_LIMIT : buf_append(out, bytes_of(text, kept_len));
}

struct bytes file_name_trim(struct bytes name)
{
    struct bytes rest = name;
    const char *begin = NULL, *end = NULL;

    while (rest.len > 0) {
        const char *at = rest.ptr;
        uint32_t c = next_char(&rest);
        bool is_space = IN(c, SPACES);

        begin = begin || is_space ? begin : at;
        end = is_space || c == '.' ? end : rest.ptr;
    }
    return begin && end ? bytes_of(begin, (size_t)(end - begin)) : BYTES_NONE;
}
