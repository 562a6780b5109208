/* SPDX-License-Identifier: MIT */
/* Tests of the metrics port over real sockets: every status, split and oversized requests, more
 * clients than slots, and clients that go away. The clients are plain sockets on the same loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "common/io/status_http.h"
#include "common/metrics.h"

static struct loop *loop;
static struct loop_timer *pump;
static struct status_http *port;
static struct health health;
static uint16_t port_number;
static int scrapes;

static void on_pump(void *arg)
{
    (void)arg;
    loop_stop(loop);
}

/* Let the server run for so long. */
static void run_ms(uint32_t ms)
{
    loop_timer_start(pump, ms, 0);
    loop_run(loop);
}

/* A port that is free now: asked of the kernel. */
static uint16_t free_port(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(to);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
    (void)close(fd);
    return ntohs(to.sin_port);
}

static int set_up(void **state)
{
    int err = 1;

    (void)state;
    health = (struct health){0};
    scrapes = 0;
    loop = loop_new();
    pump = loop_timer_new(loop, on_pump, NULL);
    port_number = free_port();
    port = status_http_new(loop, "127.0.0.1", port_number, &health, &err);
    return port && err == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    status_http_free(port);
    loop_timer_free(pump);
    loop_free(loop);
    return 0;
}

static int client(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(port_number)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Read until the server closes, while it runs; the text is NUL-terminated. */
static void hear(int fd, char *out, size_t room)
{
    size_t len = 0;

    for (int i = 0; i < 500; i++) {
        ssize_t n = recv(fd, out + len, room - 1 - len, MSG_DONTWAIT);

        if (n == 0) {
            break;
        }
        if (n > 0) {
            len += (size_t)n;
        } else {
            assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
            run_ms(2);
        }
    }
    out[len] = '\0';
}

static void ask(const char *request, char *out, size_t room)
{
    int fd = client();

    say(fd, request);
    hear(fd, out, room);
    (void)close(fd);
}

static void statuses(void **state)
{
    static const struct {
        const char *request, *first_line, *part;
    } rows[] = {
        {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\"alive\""},
        {"GET /healthz?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Connection: close\r\n"},
        {"GET /readyz HTTP/1.1\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n",
         "\"status\":\"not_ready\""},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Content-Length: 10\r\n"},
        {"GET /healthzz HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "not found"},
        {"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET\r\n"},
        {"HEAD /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET\r\n"},
        {"GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", ""},
        {"GET /metrics HTTP/2\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", ""},
        {"GET metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", ""},
        {"\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", ""},
        {"GET  /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", ""},
    };
    char answer[4096];

    (void)state;
    health_set(&health, "redis", false);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(rows[i].request, answer, sizeof(answer));
        assert_int_equal(strncmp(answer, rows[i].first_line, strlen(rows[i].first_line)), 0);
        assert_non_null(strstr(answer, rows[i].part));
    }
    health_set(&health, "redis", true);
    ask("GET /readyz HTTP/1.1\r\n\r\n", answer, sizeof(answer));
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(answer, "{\"status\":\"ready\",\"parts\":{\"redis\":\"up\"}}"));
}

static void on_scrape(void *arg)
{
    struct metric *m = arg;

    scrapes++;
    metric_set(m, 42);
}

static void metrics_are_refreshed_then_rendered(void **state)
{
    struct metric *m = metric_gauge("it_status_value", "h", NULL);
    char answer[65536];

    (void)state;
    status_http_on_scrape(port, on_scrape, m);
    ask("GET /metrics HTTP/1.1\r\n\r\n", answer, sizeof(answer));
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(answer, "it_status_value 42\n"));
    ask("GET /healthz HTTP/1.1\r\n\r\n", answer, sizeof(answer));
    assert_int_equal(scrapes, 1);
}

static void a_large_answer_arrives_whole(void **state)
{
    static char answer[1 << 20];
    struct metric *m;
    char name[32];
    const char *body;
    size_t announced = 0;

    (void)state;
    for (unsigned i = 0; i < METRIC_LABEL_MAX; i++) {
        static char value[4000];

        memset(value, 'v', sizeof(value) - 1);
        (void)snprintf(name, sizeof(name), "%u", i);
        memcpy(value, name, strlen(name));
        m = metric_counter("it_status_large_total", "h", "k");
        metric_add_label(m, value, 1);
    }
    ask("GET /metrics HTTP/1.1\r\n\r\n", answer, sizeof(answer));
    body = strstr(answer, "\r\n\r\n") + 4;
    assert_int_equal(sscanf(strstr(answer, "Content-Length: "), "Content-Length: %zu", &announced),
                     1);
    assert_true(announced > METRIC_LABEL_MAX * 3999);
    assert_int_equal(strlen(body), announced);
    metrics_reset();
}

static void a_request_may_come_in_pieces(void **state)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nA: b\r\n\r\n";
    char answer[1024];
    int fd = client();

    (void)state;
    for (size_t i = 0; i < sizeof(request) - 1; i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        run_ms(1);
    }
    hear(fd, answer, sizeof(answer));
    assert_non_null(strstr(answer, "200 OK"));
    (void)close(fd);
}

static void the_size_of_a_request_is_bounded(void **state)
{
    static char request[2049];
    char answer[1024];

    (void)state;
    /* 2048 bytes with the empty line are served; 2048 without it are refused. */
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        int fd = client();

        memset(request, 'x', sizeof(request));
        memcpy(request, "GET /healthz HTTP/1.1\r\nA: ", 26);
        request[2048] = '\0';
        if (is_whole) {
            memcpy(request + 2044, "\r\n\r\n", 4);
        }
        say(fd, request);
        hear(fd, answer, sizeof(answer));
        assert_non_null(strstr(answer, is_whole ? "200 OK" : "400 Bad Request"));
        (void)close(fd);
    }
}

static void silent_clients_lose_their_slot(void **state)
{
    int fds[STATUS_HTTP_CONNS];
    char answer[1024];
    int late;

    (void)state;
    for (size_t i = 0; i < STATUS_HTTP_CONNS; i++) {
        fds[i] = client();
    }
    run_ms(20);
    late = client();
    say(late, "GET /healthz HTTP/1.1\r\n\r\n");
    run_ms(50);
    assert_int_equal(recv(late, answer, sizeof(answer), MSG_DONTWAIT), -1);
    (void)close(fds[0]); /* one goes: the waiting one is served */
    hear(late, answer, sizeof(answer));
    assert_non_null(strstr(answer, "200 OK"));
    (void)close(late);
    run_ms(5200);
    assert_int_equal(recv(fds[1], answer, sizeof(answer), MSG_DONTWAIT), 0);
    for (size_t i = 1; i < STATUS_HTTP_CONNS; i++) {
        (void)close(fds[i]);
    }
}

static void addresses(void **state)
{
    struct status_http *s;
    int err = 1;

    (void)state;
    assert_null(status_http_new(loop, "127.0.0.1", 0, &health, &err));
    assert_int_equal(err, 0);
    assert_null(status_http_new(loop, "localhost", free_port(), &health, &err));
    assert_int_equal(err, ERR_SYNTAX);
    assert_null(status_http_new(loop, "127.0.0.1", port_number, &health, &err));
    assert_int_equal(err, ERR_CONFLICT);
    assert_null(status_http_new(loop, "203.0.113.1", free_port(), &health, &err));
    assert_int_equal(err, ERR_IO);
    s = status_http_new(loop, "0.0.0.0", free_port(), &health, &err);
    assert_non_null(s);
    assert_int_equal(err, 0);
    status_http_free(s);
    status_http_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metrics_are_refreshed_then_rendered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_answer_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_may_come_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_size_of_a_request_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silent_clients_lose_their_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
