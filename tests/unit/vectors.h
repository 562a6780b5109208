/* SPDX-License-Identifier: MIT */
#pragma once
/* Test vectors of tests/data, made by tests/data/make_auth_vectors.py with the real Django. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include "common/bytes.h"
#include "common/err.h"

static inline json_t *vectors_load(const char *name)
{
    char path[1024];
    json_error_t error;

    snprintf(path, sizeof(path), "%s/tests/data/%s", KIBRAY_SOURCE_DIR, name);
    json_t *json = json_load_file(path, 0, &error);
    if (json == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return json;
}

static inline struct bytes vector_bytes(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) {
        fail_msg("the vector has no string \"%s\"", key);
    }
    return bytes_of(json_string_value(value), json_string_length(value));
}

/* "want" is the name of an error, or an array of the names that are all right. */
static inline void vector_assert_err(const json_t *vector, int err)
{
    const json_t *want = json_object_get(vector, "want");
    size_t i;
    json_t *name;

    if (json_is_string(want) && strcmp(json_string_value(want), err_name(err)) == 0) {
        return;
    }
    json_array_foreach(want, i, name)
    {
        if (strcmp(json_string_value(name), err_name(err)) == 0) {
            return;
        }
    }
    fail_msg("vector \"%s\" gave %s", json_string_value(json_object_get(vector, "name")),
             err_name(err));
}
