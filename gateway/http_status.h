/* SPDX-License-Identifier: MIT */
#pragma once
/* What goes with an HTTP status: its reason phrase, and the {"detail","code"} of an error that the
 * socket port answers by itself. */

struct http_status_text {
    int status;
    const char *reason;        /* "Not Found" */
    const char *code, *detail; /* for an error body */
};

/* Never NULL: an unknown status gets a general text. */
const struct http_status_text *http_status_find(int status);
