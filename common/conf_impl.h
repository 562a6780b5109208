/* SPDX-License-Identifier: MIT */
#pragma once
/* What conf.c, conf_value.c and conf_text.c share. Nobody else includes it. */
#include "common/conf.h"

/* 0 or ERR_SYNTAX. */
NODISCARD int conf_parse_bool(struct bytes text, bool *out_value);

/* Parse `text` and store it in the member of `settings` (an old text is freed).
 * Errors: ERR_SYNTAX, ERR_RANGE (*out_why then says why, static), ERR_NOMEM; member untouched. */
NODISCARD int conf_value_set(const struct conf_row *row, struct bytes text, void *settings,
                             const char **out_why);
/* Free what the member owns and zero it. */
void conf_value_clear(const struct conf_row *row, void *settings);

const char *conf_value_str(const struct conf_row *row, const void *settings); /* never NULL */
uint32_t conf_value_u32(const struct conf_row *row, const void *settings);    /* U32, ENUM */
bool conf_value_bool(const struct conf_row *row, const void *settings);

/* Choice number `index` of "a|b|c"; false at the end. */
bool conf_choice(const char *choices, uint32_t index, struct bytes *out_name);
