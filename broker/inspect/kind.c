/* SPDX-License-Identifier: MIT */
/* libmagic, and what it is not sure enough about: pages, which must not pass as text, and office
 * documents, whose container it does not name. Called by main.c. */
#include "broker/inspect/kind.h"

#include <magic.h>
#include <strings.h>
#include <unistd.h>

#define LOOK_MAX_BYTES (1024u * 1024u)
#define TYPE_MAX_BYTES 127u
#define UNKNOWN "application/octet-stream"
#define SHORT_TEXT_MAX_BYTES 8u

static magic_t magic;

bool kind_load(void)
{
    size_t look = LOOK_MAX_BYTES;

    magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS);
    return magic && magic_load(magic, NULL) == 0 &&
           magic_setparam(magic, MAGIC_PARAM_BYTES_MAX, &look) == 0;
}

static bool is_type(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "!#$&^_.+-/");

    return len > 0 && len <= TYPE_MAX_BYTES && text[len] == '\0' && strchr(text, '/') != NULL;
}

static struct bytes skip_blank(struct bytes b)
{
    while (b.len > 0 && (unsigned char)*b.ptr <= ' ') {
        b = bytes_skip(b, 1);
    }
    return b;
}

/* What comes first in a text that a browser might take for a page: without a byte order mark,
 * blanks, comments, declarations. */
static struct bytes first_tag(struct bytes b)
{
    if (bytes_has_prefix(b, BYTES_LIT("\xEF\xBB\xBF"))) {
        b = bytes_skip(b, 3);
    }
    for (;;) {
        bool is_comment, is_declaration;
        const char *end;

        b = skip_blank(b);
        is_comment = bytes_has_prefix(b, BYTES_LIT("<!--"));
        is_declaration = bytes_has_prefix(b, BYTES_LIT("<?"));
        if (!is_comment && !is_declaration) {
            return b;
        }
        end = is_comment ? memmem(b.ptr, b.len, "-->", 3) : memchr(b.ptr, '>', b.len);
        b = bytes_skip(b, end ? (size_t)(end - b.ptr) + (is_comment ? 3 : 1) : b.len);
    }
}

static bool begins(struct bytes b, const char *tag)
{
    return b.len >= strlen(tag) && strncasecmp(b.ptr, tag, strlen(tag)) == 0;
}

/* The type of a page; NULL: it is none. */
static const char *page_type(struct bytes begin)
{
    static const char *const tags[] = {
        "<!doctype html", "<html", "<head", "<body",  "<script", "<iframe", "<title",
        "<style",         "<meta", "<link", "<base",  "<object", "<embed",  "<img",
        "<form",          "<a ",   "<div",  "<table", "<h1",     "<p>",     "<br",
    };
    struct bytes tag = first_tag(begin);

    if (begins(tag, "<svg") || begins(tag, "<!doctype svg")) {
        return "image/svg+xml";
    }
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (begins(tag, tags[i])) {
            return "text/html";
        }
    }
    return NULL;
}

/* Too short for libmagic, which calls it data: a word or two of ASCII. */
static bool is_short_text(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        bool is_blank = b.ptr[i] == '\n' || b.ptr[i] == '\r' || b.ptr[i] == '\t';
        if (!is_blank && (b.ptr[i] < ' ' || b.ptr[i] > '~')) {
            return false;
        }
    }
    return b.len > 0 && b.len <= SHORT_TEXT_MAX_BYTES;
}

const char *kind_find(struct bytes begin)
{
    const char *type =
        lseek(STDIN_FILENO, 0, SEEK_SET) == 0 ? magic_descriptor(magic, STDIN_FILENO) : NULL;
    const char *page;

    if (!type || !is_type(type)) {
        type = UNKNOWN;
    }
    if (strcmp(type, UNKNOWN) == 0 && bytes_has_prefix(begin, BYTES_LIT("PK\x03\x04"))) {
        return "application/zip";
    }
    if (strcmp(type, UNKNOWN) == 0 && bytes_has_prefix(begin, BYTES_LIT("MZ"))) {
        return "application/x-dosexec"; /* one that only DOS would run, or a broken one */
    }
    if (strcmp(type, UNKNOWN) == 0 && is_short_text(begin)) {
        return "text/plain";
    }
    if (strncmp(type, "text/", 5) == 0 || strcmp(type, "application/xml") == 0 ||
        strcmp(type, UNKNOWN) == 0) {
        page = page_type(begin);
        return page ? page : type;
    }
    return type;
}
