/* SPDX-License-Identifier: MIT */
/* Reads keys and credentials. Called by token_key_files.c and push_keys.c. */
#include "broker/io/secret_file.h"

#include <stdio.h>

#include "broker/openssl.h"

int secret_file_read(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rbe");
    char *room;
    size_t got = 0;
    int err;

    if (!f) {
        return ERR_IO;
    }
    setvbuf(f, NULL, _IONBF, 0); /* no copy of the key in stdio's own buffer */
    err = buf_reserve(out, SECRET_FILE_MAX_BYTES + 1, &room);
    if (err == 0) {
        got = fread(room, 1, SECRET_FILE_MAX_BYTES + 1, f);
        buf_commit(out, got);
        err = ferror(f) ? ERR_IO : 0;
    }
    if (err == 0 && got > SECRET_FILE_MAX_BYTES) {
        err = ERR_LIMIT;
    }
    fclose(f);
    return err;
}

void secret_wipe(struct buf *b)
{
    if (b->data) {
        OPENSSL_cleanse(b->data, b->cap);
    }
    buf_done(b);
}
