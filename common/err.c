/* SPDX-License-Identifier: MIT */
/* The names of the error codes, generated from the one list in err.h. Does not log, does not map
 * to client codes; everyone who logs or counts an error calls it. */
#include "common/err.h"

const char *err_name(int err)
{
    switch ((enum err)err) {
#define ERR_CASE(name, value, text)                                                                \
    case ERR_##name:                                                                               \
        return text;
        ERR_LIST(ERR_CASE)
#undef ERR_CASE
    }
    return "unknown";
}
