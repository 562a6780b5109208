/* SPDX-License-Identifier: MIT */
/* The table of HTTP statuses (RFC 9110 §15). Formats nothing; io/ws_http_reply writes the bytes. */
#include "gateway/http_status.h"

#include <stddef.h>

static const struct http_status_text statuses[] = {
    {200, "OK", "", ""},
    {201, "Created", "", ""},
    {202, "Accepted", "", ""},
    {204, "No Content", "", ""},
    {206, "Partial Content", "", ""},
    {302, "Found", "", ""},
    {304, "Not Modified", "", ""},
    {400, "Bad Request", "INVALID_MESSAGE", "The request is malformed."},
    {401, "Unauthorized", "AUTHENTICATION_FAILED", "Authentication failed. Please sign in again."},
    {403, "Forbidden", "PERMISSION_DENIED", "You do not have permission to do this."},
    {404, "Not Found", "not_found", "There is nothing here."},
    {405, "Method Not Allowed", "method_not_allowed", "This method is not allowed here."},
    {408, "Request Timeout", "timeout", "The request took too long."},
    {409, "Conflict", "conflict", "It exists already."},
    {411, "Length Required", "length_required", "A body needs a Content-Length."},
    {413, "Content Too Large", "MESSAGE_TOO_LARGE", "The body is too large."},
    {414, "URI Too Long", "INVALID_MESSAGE", "The path is too long."},
    {415, "Unsupported Media Type", "unsupported_media_type", "This type is not taken here."},
    {416, "Range Not Satisfiable", "INVALID_MESSAGE", "The range is outside of the file."},
    {426, "Upgrade Required", "upgrade_required",
     "Version 13 of the WebSocket protocol is needed."},
    {429, "Too Many Requests", "RATE_LIMIT_EXCEEDED", "Rate limit exceeded. Please slow down."},
    {431, "Request Header Fields Too Large", "INVALID_MESSAGE", "There are too many headers."},
    {500, "Internal Server Error", "INTERNAL_ERROR", "Something went wrong on our side."},
    {503, "Service Unavailable", "SERVICE_UNAVAILABLE",
     "The service is unavailable at the moment."},
    {504, "Gateway Timeout", "SERVICE_UNAVAILABLE", "There was no answer in time."},
    {505, "HTTP Version Not Supported", "INVALID_MESSAGE", "HTTP/1.1 is spoken here."},
};

static const struct http_status_text other = {0, "Status", "INTERNAL_ERROR",
                                              "Something went wrong on our side."};

const struct http_status_text *http_status_find(int status)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i].status == status) {
            return &statuses[i];
        }
    }
    return &other;
}
