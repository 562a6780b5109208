/* SPDX-License-Identifier: MIT */
/* The opening handshake: each rule broken once, the canonical request, the answer's parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/mem.h"
#include "gateway/ws_handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct http_head head;
static char text[4096];

/* A good upgrade in which the line `drop` (a prefix) is left out and `add` is appended. */
static const struct http_head *request(const char *first, const char *drop, const char *add)
{
    static const char *const lines[] = {
        "Host: example.org\r\n", "Upgrade: websocket\r\n", "Connection: keep-alive, Upgrade\r\n",
        "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: " KEY "\r\n"};
    size_t len = 0;

    len += strlen(strcpy(text + len, first));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!drop || strncmp(lines[i], drop, strlen(drop)) != 0) {
            len += strlen(strcpy(text + len, lines[i]));
        }
    }
    len += strlen(strcpy(text + len, add));
    len += strlen(strcpy(text + len, "\r\n"));
    assert_int_equal(http_head_parse(bytes_of(text, len), &head), 0);
    return &head;
}

#define GET "GET /ws/chat/general/ HTTP/1.1\r\n"

static void test_rules(void **state)
{
    static const struct {
        const char *first, *drop, *add;
        int status;
    } rows[] = {
        {GET, NULL, "", 0},
        {GET, NULL, "Content-Length: 0\r\n", 0},
        {"POST / HTTP/1.1\r\n", NULL, "", 405},
        {"get / HTTP/1.1\r\n", NULL, "", 405},
        {"GET / HTTP/1.0\r\n", NULL, "", 400},
        {GET, NULL, "Content-Length: 1\r\n", 400},
        {GET, NULL, "Content-Length: x\r\n", 400},
        {GET, NULL, "Transfer-Encoding: chunked\r\n", 400},
        {GET, "Host", "", 400},
        {GET, "Host", "Host:\r\n", 400},
        {GET, "Connection", "", 400},
        {GET, "Connection", "Connection: close\r\n", 400},
        {GET, "Connection", "Connection: close\r\nConnection: UPGRADE\r\n", 0},
        {GET, "Sec-WebSocket-Version", "", 426},
        {GET, "Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\n", 426},
        {GET, "Sec-WebSocket-Version", "Sec-WebSocket-Version: 013\r\n", 426},
        {GET, NULL, "Sec-WebSocket-Version: 13\r\n", 400},
        {GET, "Sec-WebSocket-Key", "", 400},
        {GET, NULL, "Sec-WebSocket-Key: " KEY "\r\n", 400},
        {GET, "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n", 400},
        {GET, "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ===\r\n", 400},
        {GET, "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n", 400},
        {GET, "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25-ZQ==\r\n", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ws_handshake hs;
        int status =
            ws_handshake_check(request(rows[i].first, rows[i].drop, rows[i].add), true, &hs);

        if (status != rows[i].status) {
            fail_msg("%s%s%s: %d", rows[i].first, rows[i].drop ? rows[i].drop : "", rows[i].add,
                     status);
        }
    }
}

static void test_is_wanted(void **state)
{
    (void)state;
    assert_true(ws_handshake_is_wanted(request(GET, NULL, "")));
    assert_true(ws_handshake_is_wanted(request(GET, "Upgrade", "Upgrade: h2c, WebSocket\r\n")));
    assert_false(ws_handshake_is_wanted(request(GET, "Upgrade", "")));
    assert_false(ws_handshake_is_wanted(request(GET, "Upgrade", "Upgrade: foo\r\n")));
}

static void test_subprotocol(void **state)
{
    struct ws_handshake hs;

    (void)state;
    assert_int_equal(ws_handshake_check(request(GET, NULL, ""), true, &hs), 0);
    assert_false(hs.wants_subprotocol);
    assert_int_equal(
        ws_handshake_check(request(GET, NULL, "Sec-WebSocket-Protocol: chat, x\r\n"), true, &hs),
        0);
    assert_false(hs.wants_subprotocol);
    assert_int_equal(
        ws_handshake_check(request(GET, NULL, "Sec-WebSocket-Protocol: bearer, x\r\n"), true, &hs),
        0);
    assert_true(hs.wants_subprotocol);
}

static void test_extensions(void **state)
{
    struct ws_handshake hs;

    (void)state;
    assert_int_equal(ws_handshake_check(request(GET, NULL, ""), true, &hs), 0);
    assert_false(hs.deflate.is_acceptable);
    assert_int_equal(ws_handshake_check(request(GET, NULL,
                                                "Sec-WebSocket-Extensions: foo\r\n"
                                                "Sec-WebSocket-Extensions: permessage-deflate; "
                                                "server_max_window_bits=10\r\n"
                                                "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                                        true, &hs),
                     0);
    assert_true(hs.deflate.is_acceptable);
    assert_int_equal(hs.deflate.server_window_bits, 10);
    assert_int_equal(
        ws_handshake_check(request(GET, NULL, "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
                           false, &hs),
        0);
    assert_false(hs.deflate.is_acceptable);
}

static void test_canonical(void **state)
{
    struct ws_handshake hs = {.key = BYTES_LIT(KEY)};
    struct buf b;

    (void)state;
    buf_init(&b, WS_CANONICAL_MAX);
    assert_int_equal(ws_handshake_canonical(&hs, &b), 0);
    assert_int_equal(http_head_parse(buf_bytes(&b), &head), 0);
    assert_int_equal(http_head_count(&head, "sec-websocket-extensions"), 0);
    assert_int_equal(http_head_count(&head, "sec-websocket-protocol"), 0);
    assert_true(ws_handshake_is_wanted(&head));
    assert_int_equal(ws_handshake_check(&head, true, &hs), 0);

    buf_reset(&b);
    hs.key = BYTES_LIT(KEY);
    hs.wants_subprotocol = true;
    hs.deflate.is_acceptable = true;
    assert_int_equal(ws_handshake_canonical(&hs, &b), 0);
    assert_int_equal(http_head_parse(buf_bytes(&b), &head), 0);
    assert_true(bytes_eq_str(http_head_value(&head, "sec-websocket-extensions", 0), WS_EXTENSION));
    assert_true(bytes_eq_str(http_head_value(&head, "sec-websocket-protocol", 0), "bearer"));
    assert_true(bytes_eq_str(http_head_value(&head, "sec-websocket-key", 0), KEY));
    (void)mem_fail_after(1);
    buf_done(&b);
    assert_int_equal(ws_handshake_canonical(&hs, &b), ERR_NOMEM);
    (void)mem_fail_after(0);
    buf_done(&b);
}

static void test_params(void **state)
{
    struct deflate_offer offer = {.is_acceptable = true};
    struct buf b;

    (void)state;
    buf_init(&b, 200);
    assert_int_equal(ws_handshake_deflate_params(&offer, &b), 0);
    assert_true(
        bytes_eq_str(buf_bytes(&b), "; server_no_context_takeover; client_no_context_takeover"));
    buf_reset(&b);
    offer.server_window_bits = 9;
    assert_int_equal(ws_handshake_deflate_params(&offer, &b), 0);
    assert_true(bytes_eq_str(buf_bytes(&b), "; server_no_context_takeover; "
                                            "client_no_context_takeover; "
                                            "server_max_window_bits=9"));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),       cmocka_unit_test(test_is_wanted),
        cmocka_unit_test(test_subprotocol), cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_canonical),   cmocka_unit_test(test_params),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
