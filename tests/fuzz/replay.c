/* SPDX-License-Identifier: MIT */
/* The main of a fuzz target in builds without libFuzzer: runs it on the empty input, on every file
 * named, and on every file in every folder named. Missing and empty folders are fine. With
 * FUZZ_FAIL_ALLOC=1 each input runs again and again, with the 1st, 2nd, ... allocation failing. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"

#define INPUT_MAX_BYTES (16 << 20)
#define FAIL_ROUNDS_MAX 2000u /* a large input is not worth hours */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t input_count;
static int must_fail_allocations;

/* A copy of the exact size, so that the address sanitizer sees a read behind the end. */
static void run_once(const char *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);

    if (!exact) {
        perror("malloc");
        exit(2);
    }
    if (size > 0) {
        memcpy(exact, data, size);
    }
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void run_input(const char *data, size_t size)
{
    size_t allocations;

    (void)mem_fail_after(0);
    run_once(data, size);
    allocations = mem_fail_after(0);
    input_count++;
    if (!must_fail_allocations) {
        return;
    }
    for (size_t nth = 1; nth <= allocations && nth <= FAIL_ROUNDS_MAX; nth++) {
        (void)mem_fail_after(nth);
        run_once(data, size);
    }
    (void)mem_fail_after(0);
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(INPUT_MAX_BYTES);
    size_t size = 0;
    int result = -1;

    if (f && data) {
        size = fread(data, 1, INPUT_MAX_BYTES, f);
        result = ferror(f) ? -1 : 0;
    }
    if (f) {
        (void)fclose(f);
    }
    if (result == 0) {
        run_input(data, size);
    } else {
        perror(path);
    }
    free(data);
    return result;
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int result = 0;

    if (!dir) {
        perror(path);
        return -1;
    }
    while (result == 0 && (entry = readdir(dir)) != NULL) {
        char name[4096];

        if (entry->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        result = run_path(name);
    }
    (void)closedir(dir);
    return result;
}

static int run_path(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        if (errno == ENOENT) {
            return 0;
        }
        perror(path);
        return -1;
    }
    return S_ISDIR(info.st_mode) ? run_folder(path) : run_file(path);
}

int main(int argc, char **argv)
{
    const char *wish = getenv("FUZZ_FAIL_ALLOC");
    int result = 0;

    must_fail_allocations = wish && strcmp(wish, "1") == 0;
    run_input("", 0);
    for (int i = 1; i < argc && result == 0; i++) {
        result = run_path(argv[i]);
    }
    printf("%zu inputs%s\n", input_count, must_fail_allocations ? ", with failing memory" : "");
    return result == 0 ? 0 : 1;
}
