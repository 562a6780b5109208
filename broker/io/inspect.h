/* SPDX-License-Identifier: MIT */
#pragma once
/* Looks into files that strangers have sent: what they are, and for images a small picture. The
 * looking is done by kibray-inspect, one locked-down process per file, so that a file that breaks
 * a decoder breaks nothing else. Blocks, up to the time-out: it belongs onto a worker thread. Any
 * number of threads may call at once. */
#include <stdbool.h>
#include <stdint.h>
#include "common/buf.h"
#include "common/err.h"

#define INSPECT_TYPE_MAX 128u
#define INSPECT_THUMBNAIL_MAX_BYTES (256u * 1024u)
#define INSPECT_THUMBNAIL_SIDE_MAX 320u /* pixels */
#define INSPECT_TIMEOUT_MS 15000u       /* it ends itself after 10 s of processor time */

struct inspect_conf {
    const char *program; /* NULL or "": kibray-inspect beside our own executable */
    uint32_t timeout_ms; /* 0: INSPECT_TIMEOUT_MS */
    bool want_thumbnail; /* of PNG, JPEG, GIF and WebP; other files have none */
};

/* Initialise it by inspect_result_init. */
struct inspect_result {
    char type[INSPECT_TYPE_MAX]; /* "image/png"; lower case, without parameters */
    uint32_t width, height;      /* of the image in the file as it is to be seen; 0: not known */
    struct buf thumbnail;        /* empty: none */
    const char *thumbnail_type;  /* "image/png" or "image/jpeg"; NULL: none. Static */
    uint32_t thumbnail_width, thumbnail_height;
};

void inspect_result_init(struct inspect_result *r);
void inspect_result_done(struct inspect_result *r); /* frees; may be called again */

/* Look at the regular file `fd`: all of it, whatever its offset, which is left alone. A thumbnail
 * that could not be made (a broken or huge image, a crash, the time-out) is none, and no error.
 * Owns: borrows `fd`; `out` must be initialised and gets its own memory, on success only.
 * Errors: ERR_UNAVAILABLE (the program could not be run or named no type), ERR_NOMEM. */
NODISCARD int inspect_file(int fd, const struct inspect_conf *conf, struct inspect_result *out);
