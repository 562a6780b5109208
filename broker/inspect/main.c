/* SPDX-License-Identifier: MIT */
/* kibray-inspect [--thumbnail]: looks at the untrusted file on standard input, which must be a
 * regular one, and tells on standard output:
 *
 *      type image/png
 *      size 4000 3000                          when it is an image of a known format
 *      thumbnail image/jpeg 320 240 10734      when it was asked for and can be made
 *      (as many bytes)
 *
 * Each line is out before anything riskier is done, so that a crash leaves what was found before.
 * Started by broker/io/inspect.c, once per file, with an empty environment. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/image_header.h"
#include "broker/inspect/kind.h"
#include "broker/inspect/sandbox.h"
#include "broker/inspect/thumbnail.h"

#define BEGIN_MAX_BYTES (1024u * 1024u) /* looked at for headers */
#define PIXELS_MAX 50000000ull          /* a larger image is not decoded */
#define SIDE_MAX 320                    /* of the thumbnail, as broker/io/inspect.h has it */
#define THUMBNAIL_MAX_BYTES (256 * 1024)

static char begin[BEGIN_MAX_BYTES];

static struct bytes read_begin(void)
{
    size_t len = 0;
    ssize_t got = 1;

    while (len < sizeof(begin) && got > 0) {
        got = pread(STDIN_FILENO, begin + len, sizeof(begin) - len, (off_t)len);
        len += got > 0 ? (size_t)got : 0;
    }
    return bytes_of(begin, len);
}

static bool say(const void *data, size_t len)
{
    return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
}

static bool tell_thumbnail(const struct thumbnail *t)
{
    (void)printf("thumbnail %s %d %d %d\n", t->type, t->width, t->height, t->len);
    return say(t->data, (size_t)t->len);
}

static bool tell_size(const struct image_header *h)
{
    bool is_on_side = h->orientation >= 5;

    (void)printf("size %u %u\n", is_on_side ? h->height : h->width,
                 is_on_side ? h->width : h->height);
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    bool want_thumbnail = argc > 1 && strcmp(argv[1], "--thumbnail") == 0;
    struct image_header header;
    struct thumbnail thumbnail;
    struct bytes head;
    const char *type;

    if (!sandbox_limit() || !kind_load() || !sandbox_enter()) {
        return 1;
    }
    head = read_begin();
    type = kind_find(head);
    (void)printf("type %s\n", type);
    if (fflush(stdout) != 0) {
        return 1;
    }
    if (!image_header_read(head, &header) || strcmp(type, image_format_type(header.format)) != 0) {
        return 0;
    }
    if (!tell_size(&header)) {
        return 1;
    }
    if (want_thumbnail && (uint64_t)header.width * header.height <= PIXELS_MAX &&
        thumbnail_make(&header, SIDE_MAX, THUMBNAIL_MAX_BYTES, &thumbnail)) {
        return tell_thumbnail(&thumbnail) ? 0 : 1;
    }
    return 0;
}
