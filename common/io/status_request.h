/* SPDX-License-Identifier: MIT */
#pragma once
/* The HTTP of the metrics port as bytes in, bytes out. Used by status_http.c only. */
#include "common/buf.h"
#include "common/health.h"

#define STATUS_ANSWER_MAX (8u << 20)

struct status_request {
    int status;        /* 0 = a GET that may be served; else the error to answer with */
    struct bytes path; /* without the query; borrows from the input */
};

/* 0 when the head of the request is complete, ERR_SHORT while more is needed. */
NODISCARD int status_request_parse(struct bytes in, struct status_request *out);
/* Append the whole answer: status line, headers, body. Errors: ERR_FULL, ERR_NOMEM. */
NODISCARD int status_answer(const struct health *health, const struct status_request *request,
                            struct buf *out);
