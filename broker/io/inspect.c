/* SPDX-License-Identifier: MIT */
/* Asks kibray-inspect and reads its answer, which is no more trusted than the file. The answer's
 * form stands in broker/inspect/main.c; inspect_spawn.c runs the program. */
#include "broker/io/inspect.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/encoding.h"
#include "broker/io/inspect_spawn.h"

#define PROGRAM_NAME "kibray-inspect"
#define LINES_MAX_BYTES 1024u /* of an answer, without the thumbnail */

void inspect_result_init(struct inspect_result *r)
{
    *r = (struct inspect_result){.type = ""};
    buf_init(&r->thumbnail, INSPECT_THUMBNAIL_MAX_BYTES);
}

void inspect_result_done(struct inspect_result *r)
{
    buf_done(&r->thumbnail);
    inspect_result_init(r);
}

static bool own_program(char *out, size_t size)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;
    int written;

    if (len <= 0) {
        return false;
    }
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (!slash) {
        return false;
    }
    *slash = '\0';
    written = snprintf(out, size, "%s/" PROGRAM_NAME, path);
    return written > 0 && (size_t)written < size;
}

/* ---- the answer ---- */

/* Takes the next word off a line. */
static struct bytes next_word(struct bytes *line)
{
    const char *space = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    struct bytes word = bytes_of(line->ptr, space ? (size_t)(space - line->ptr) : line->len);

    *line = bytes_skip(*line, word.len + 1);
    return word;
}

static bool next_number(struct bytes *line, uint32_t *out)
{
    int64_t number = decimal_id(next_word(line));

    if (number <= 0 || number > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

static bool is_type_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$&^_.+-/", c));
}

static bool read_type(struct bytes line, struct inspect_result *out)
{
    struct bytes kind = next_word(&line);

    if (!bytes_eq_str(kind, "type") || line.len == 0 || line.len >= sizeof(out->type) ||
        !memchr(line.ptr, '/', line.len)) {
        return false;
    }
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];

        c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        if (!is_type_char(c)) {
            return false;
        }
        out->type[i] = c;
    }
    out->type[line.len] = '\0';
    return true;
}

/* A thumbnail must at least begin as what it is called. */
static const char *thumbnail_type(struct bytes name, struct bytes data)
{
    if (bytes_eq_str(name, "image/png") && bytes_has_prefix(data, BYTES_LIT("\x89PNG\r\n\x1A\n"))) {
        return "image/png";
    }
    if (bytes_eq_str(name, "image/jpeg") && bytes_has_prefix(data, BYTES_LIT("\xFF\xD8\xFF"))) {
        return "image/jpeg";
    }
    return NULL;
}

/* `data` is all that follows the line. */
static int read_thumbnail(struct bytes line, struct bytes data, struct inspect_result *out)
{
    struct bytes name = next_word(&line);
    uint32_t width, height, len;
    const char *type = thumbnail_type(name, data);
    int err;

    if (!type || !next_number(&line, &width) || !next_number(&line, &height) ||
        !next_number(&line, &len) || width > INSPECT_THUMBNAIL_SIDE_MAX ||
        height > INSPECT_THUMBNAIL_SIDE_MAX || len != data.len) {
        return 0;
    }
    err = buf_append(&out->thumbnail, data);
    if (err == 0) {
        out->thumbnail_type = type;
        out->thumbnail_width = width;
        out->thumbnail_height = height;
    }
    return err == ERR_FULL ? 0 : err;
}

static int read_answer(struct bytes rest, struct inspect_result *out)
{
    struct bytes line = BYTES_NONE, kind;
    uint32_t width, height;

    if (rest.len == 0 || !memchr(rest.ptr, '\n', rest.len) || !bytes_next_line(&rest, &line) ||
        !read_type(line, out)) {
        return ERR_UNAVAILABLE;
    }
    if (!bytes_next_line(&rest, &line) || !bytes_eq_str(next_word(&line), "size") ||
        !next_number(&line, &width) || !next_number(&line, &height)) {
        return 0;
    }
    out->width = width;
    out->height = height;
    if (!bytes_next_line(&rest, &line)) {
        return 0;
    }
    kind = next_word(&line);
    return bytes_eq_str(kind, "thumbnail") ? read_thumbnail(line, rest, out) : 0;
}

int inspect_file(int fd, const struct inspect_conf *conf, struct inspect_result *out)
{
    const char *program = conf->program;
    struct inspect_result found;
    char path[PATH_MAX];
    struct stat st;
    struct buf answer;
    int err;

    if (!program || program[0] == '\0') {
        if (!own_program(path, sizeof(path))) {
            return ERR_UNAVAILABLE;
        }
        program = path;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ERR_UNAVAILABLE;
    }
    inspect_result_init(&found);
    buf_init(&answer, LINES_MAX_BYTES + INSPECT_THUMBNAIL_MAX_BYTES);
    err = inspect_spawn(program, conf->want_thumbnail ? "--thumbnail" : NULL, fd,
                        conf->timeout_ms ? conf->timeout_ms : INSPECT_TIMEOUT_MS, &answer);
    err = err ? err : read_answer(buf_bytes(&answer), &found);
    buf_done(&answer);
    if (err) {
        buf_done(&found.thumbnail);
        return err;
    }
    inspect_result_done(out);
    *out = found;
    return 0;
}
