/* SPDX-License-Identifier: MIT */
#pragma once
/* Takes from this process what looking at a file does not need. */
#include <stdbool.h>

/* Bounds of memory, time and files. Also for what is loaded afterwards. */
bool sandbox_limit(void);
/* From now on: read standard input, write standard output, take memory, end. Everything else
 * fails. */
bool sandbox_enter(void);
