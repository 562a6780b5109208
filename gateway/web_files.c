/* SPDX-License-Identifier: MIT */
/* A table by path. A name with a hash in it (what the build puts under "assets/") never changes and
 * is kept by browsers; everything else is asked for again, with its tag. Called by http_front.c. */
#include "gateway/web_files.h"

#include <stdio.h>

#include "common/mem.h"
#include "gateway/map.h"

struct form { /* of a file */
    char *data;
    size_t len;
};

struct web_file {
    UT_hash_handle hh;
    struct form forms[WEB_ENCODING_COUNT];
    uint64_t hash; /* of the content; of its first form */
    size_t path_len;
    char path[];
};

struct web_files {
    struct web_file *table;
    size_t count, bytes;
};

static const struct {
    const char *ending, *name, *tag;
} ENCODINGS[WEB_ENCODING_COUNT] = {
    [WEB_IDENTITY] = {"", "identity", ""},
    [WEB_GZIP] = {".gz", "gzip", "-gz"},
    [WEB_BROTLI] = {".br", "br", "-br"},
};

static const struct {
    const char *ending, *type;
} TYPES[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

struct web_files *web_files_new(void)
{
    return mem_zalloc(sizeof(struct web_files));
}

static void file_free(struct web_file *f)
{
    for (size_t i = 0; i < WEB_ENCODING_COUNT; i++) {
        mem_free(f->forms[i].data);
    }
    mem_free(f);
}

void web_files_free(struct web_files *w)
{
    struct web_file *f, *tmp;

    if (!w) {
        return;
    }
    HASH_ITER(hh, w->table, f, tmp) {
        HASH_DEL(w->table, f);
        file_free(f);
    }
    mem_free(w);
}

static bool ends_with(struct bytes text, const char *ending)
{
    size_t len = strlen(ending);

    return text.len > len && memcmp(text.ptr + text.len - len, ending, len) == 0;
}

static struct web_file *find(const struct web_files *w, struct bytes path)
{
    struct web_file *f;

    HASH_FIND(hh, w->table, path.ptr, path.len, f);
    return f;
}

static struct web_file *find_or_add(struct web_files *w, struct bytes path)
{
    struct web_file *f = find(w, path);

    if (f) {
        return f;
    }
    f = mem_zalloc(sizeof(*f) + path.len + 1);
    if (!f) {
        return NULL;
    }
    memcpy(f->path, path.ptr, path.len);
    f->path_len = path.len;
    HASH_ADD_KEYPTR(hh, w->table, f->path, f->path_len, f);
    if (MAP_HAS_FAILED(f)) {
        mem_free(f);
        return NULL;
    }
    return f;
}

/* FNV-1a 64: tells two versions apart; nothing secret depends on it. */
static uint64_t hash_of(struct bytes content)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < content.len; i++) {
        hash = (hash ^ (unsigned char)content.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

int web_files_add(struct web_files *w, struct bytes path, struct bytes content)
{
    enum web_encoding encoding = ends_with(path, ".gz")   ? WEB_GZIP
                                 : ends_with(path, ".br") ? WEB_BROTLI
                                                          : WEB_IDENTITY;
    struct web_file *f;
    struct form *form;

    path.len -= strlen(ENCODINGS[encoding].ending);
    if (path.len == 0 || path.len > WEB_PATH_MAX_BYTES || content.len > WEB_FILE_MAX_BYTES ||
        w->bytes + content.len > WEB_BYTES_MAX || HASH_COUNT(w->table) >= WEB_FILES_MAX) {
        return ERR_LIMIT;
    }
    f = find_or_add(w, path);
    form = f ? &f->forms[encoding] : NULL;
    if (!f || form->data) {
        return f ? ERR_LIMIT : ERR_NOMEM; /* twice the same cannot be */
    }
    form->data = mem_alloc(content.len + 1);
    if (!form->data) {
        return ERR_NOMEM;
    }
    if (content.len > 0) {
        memcpy(form->data, content.ptr, content.len);
    }
    form->len = content.len;
    w->bytes += content.len;
    if (encoding == WEB_IDENTITY) {
        f->hash = hash_of(content);
        w->count++;
    }
    return 0;
}

size_t web_files_count(const struct web_files *w)
{
    return w->count;
}

/* ---- answers ---- */

static struct bytes type_of(struct bytes path)
{
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (ends_with(path, TYPES[i].ending)) {
            return bytes_str(TYPES[i].type);
        }
    }
    return BYTES_LIT("application/octet-stream");
}

/* Is the coding in the list, and not with the weight 0? */
static bool is_accepted(struct bytes list, const char *coding)
{
    size_t len = strlen(coding);

    while (list.len > 0) {
        const char *comma = memchr(list.ptr, ',', list.len);
        size_t item_len = comma ? (size_t)(comma - list.ptr) : list.len;
        struct bytes item = bytes_of(list.ptr, item_len);
        while (item.len > 0 && (*item.ptr == ' ' || *item.ptr == '\t')) {
            item = bytes_skip(item, 1);
        }
        if (bytes_has_prefix(item, bytes_of(coding, len)) &&
            (item.len == len || item.ptr[len] == ';' || item.ptr[len] == ' ')) {
            struct bytes rest = bytes_skip(item, len);
            return !memmem(rest.ptr, rest.len, "q=0", 3) || memmem(rest.ptr, rest.len, "q=0.", 4);
        }
        list = bytes_skip(list, comma ? item_len + 1 : item_len);
    }
    return false;
}

static enum web_encoding choose(const struct web_file *f, struct bytes accepted)
{
    if (f->forms[WEB_BROTLI].data && is_accepted(accepted, "br")) {
        return WEB_BROTLI;
    }
    return f->forms[WEB_GZIP].data && is_accepted(accepted, "gzip") ? WEB_GZIP : WEB_IDENTITY;
}

/* What a page may load and reach: its own server, and files that storage servers give out. Styles
 * are set by scripts, too. */
static int put_policy(struct bytes sources, struct buf *out)
{
    return buf_printf(out,
                      "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss: "
                      "%.*s; img-src 'self' blob: data: %.*s; style-src 'self' 'unsafe-inline'; "
                      "object-src 'none'; base-uri 'self'; frame-ancestors 'none'\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "X-Frame-Options: DENY\r\n",
                      BYTES_FMT(sources), BYTES_FMT(sources));
}

static int put_headers(const struct web_file *f, enum web_encoding encoding, struct bytes etag,
                       struct bytes sources, struct buf *out)
{
    struct bytes path = bytes_of(f->path, f->path_len);
    bool is_for_ever = bytes_has_prefix(path, BYTES_LIT("assets/"));
    int err = buf_printf(out, "Cache-Control: %s\r\nETag: %.*s\r\nVary: Accept-Encoding\r\n",
                         is_for_ever ? "public, max-age=31536000, immutable" : "no-cache",
                         BYTES_FMT(etag));

    if (err == 0 && encoding != WEB_IDENTITY) {
        err = buf_printf(out, "Content-Encoding: %s\r\n", ENCODINGS[encoding].name);
    }
    return err == 0 && ends_with(path, ".html") ? put_policy(sources, out) : err;
}

int web_files_answer(const struct web_files *w, const struct web_request *req,
                     struct bytes connect_sources, struct web_answer *out, struct buf *out_headers)
{
    struct bytes path = req->path.len > 0 ? bytes_skip(req->path, 1) : req->path;
    const struct web_file *f = find(w, path.len > 0 ? path : BYTES_LIT("index.html"));
    size_t start = out_headers->len;
    enum web_encoding encoding;
    char etag[48];
    int err, len;

    if (!f || !f->forms[WEB_IDENTITY].data) {
        return ERR_NOT_FOUND;
    }
    encoding = choose(f, req->accept_encoding);
    len = snprintf(etag, sizeof(etag), "\"%016llx%s\"", (unsigned long long)f->hash,
                   ENCODINGS[encoding].tag);
    err = put_headers(f, encoding, bytes_of(etag, (size_t)len), connect_sources, out_headers);
    if (err != 0) {
        out_headers->len = start;
        return err;
    }
    *out = (struct web_answer){.status = 200,
                               .type = type_of(bytes_of(f->path, f->path_len)),
                               .body = bytes_of(f->forms[encoding].data, f->forms[encoding].len)};
    if (req->if_none_match.len > 0 &&
        memmem(req->if_none_match.ptr, req->if_none_match.len, etag, (size_t)len)) {
        out->status = 304;
        out->body = BYTES_NONE;
    }
    return 0;
}
