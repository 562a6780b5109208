/* SPDX-License-Identifier: MIT */
#pragma once
/* What a file says it is, what it is, and what its name may be. Pure. Types are MIME types; their
 * letter case and what follows a ';' do not matter. */
#include <stdbool.h>
#include "common/buf.h"
#include "common/bytes.h"
#include "common/err.h"

/* Is content that was found to be `detected` what its sender has `declared`? The same type, another
 * name of it, a text that has no signature (CSV, Markdown, JSON …) found as plain text, a format
 * whose container was found (Office documents as ZIP …). application/octet-stream and an empty
 * declaration fit everything that neither runs nor is rendered as a page: no executables, scripts,
 * HTML, SVG. HTML also passes as plain text or Markdown, which is what it is served as then.
 * Something that runs fits only its own name. */
bool file_type_fits(struct bytes declared, struct bytes detected);

/* Does this run when it is opened? Programs, libraries, scripts with an interpreter, installers. */
bool file_type_is_executable(struct bytes detected);

/* Does its name make a desktop run it? By the last extension, in any case, as Windows reads it:
 * without dots, spaces and invisible characters at the end, nor what follows a ':'. */
bool file_name_is_executable(struct bytes name);

#define FILE_NAME_MAX_CHARS 255u /* code points; the length of the database's column */
#define FILE_NAME_MAX_BYTES 512u /* UTF-8 */

/* Append what is left of a name from outside: what follows its last '/' or '\', without control and
 * formatting characters (those that turn the direction of writing among them), and without spaces
 * and dots at its end and spaces at its beginning.
 * Errors: ERR_UTF8; ERR_SYNTAX when nothing is left, ERR_LIMIT when too much is; ERR_FULL,
 * ERR_NOMEM. */
NODISCARD int file_name_clean(struct bytes name, struct buf *out);
/* The name without spaces and dots at its end and spaces at its beginning; nothing when there is
 * nothing else. A view of it. */
struct bytes file_name_trim(struct bytes name);
