/* SPDX-License-Identifier: MIT */
#pragma once
/* Makes one file of its chunks: reads them from the storage, looks what it is, and puts it there
 * whole, with a small picture of it if it is one. Blocks: it belongs onto a worker thread. Memory
 * does not grow with the file: it lies in a spool file that has no name and goes with us. */
#include "broker/io/storage.h"
#include "broker/store_files.h"

struct assembly_plan {
    struct storage *storage;
    const char *spool_dir;       /* a directory on a disk; NULL or "": TMPDIR, else /tmp */
    const char *inspect_program; /* see inspect.h */
    const char *storage_name;
    const char *declared_type;
    struct file_part *parts;
    size_t part_count;
};

struct assembled_file {
    char sha256[SHA256_HEX_BYTES + 1];
    char thumbnail_type[32]; /* "" = there is none */
    uint32_t thumbnail_bytes;
    char found_type[128]; /* what it is */
};

/* Errors: ERR_TYPE (its content is not what was declared: out->found_type says what it is; nothing
 * was stored); ERR_CONFLICT (parts are not there as they came; they are marked); those of the
 * storage; ERR_UNAVAILABLE (it cannot be looked at now), ERR_IO,
 * ERR_FULL (the spool), ERR_NOMEM. */
NODISCARD int assemble(const struct assembly_plan *plan, struct assembled_file *out);
