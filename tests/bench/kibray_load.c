/* SPDX-License-Identifier: MIT */
/* Load tool: many sockets in one epoll loop. It connects --rooms rooms of --members members,
 * sends --rate messages a second for --seconds (evenly over all sockets), and prints one JSON
 * object: what was delivered, how fast, and the CPU and memory of the processes named by --pid.
 * With --bare it measures its own ceiling: a forked broadcaster that does nothing but send()
 * ready frames to the same number of sockets. Run by `./dev bench`. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/stats.h"
#include "lib/ws_client.h"

#define PIDS_MAX 16
#define CONNECTING_MAX 64u /* handshakes under way at a time */
#define SAMPLE_EVERY 16u   /* frames of one socket per latency sample; every frame when few */
#define WARM_UP_SECONDS 1.0

struct options {
    struct ws_target target;
    uint32_t rooms, members, rate, payload;
    double seconds;
    const char *name;
    bool is_bare, is_idle;
    uint32_t bare_frames_per_send;
    struct {
        char label[32];
        int pid;
        double cpu_start, rss_start;
    } pids[PIDS_MAX];
    int pid_count;
};

struct run {
    struct options *o;
    struct ws_client *clients;
    uint32_t count, connected, closed;
    int epoll;
    uint64_t sent, delivered, errors;
    struct samples latency;
    bool is_measuring;
};

static void on_frame(void *arg, struct ws_client *c, const char *payload, size_t len)
{
    struct run *r = arg;
    const char *mark;

    if (!c->is_established) {
        c->is_established = true;
        r->connected++;
        return;
    }
    if (len > 15 && memcmp(payload, "{\"type\":\"error\"", 15) == 0) {
        if (r->errors++ < 3) {
            fprintf(stderr, "error frame: %.*s\n", (int)len, payload);
        }
        return;
    }
    if (!r->is_measuring || !(mark = memmem(payload, len, "t0=", 3))) {
        return;
    }
    r->delivered++;
    if (r->o->rate <= 1000 || c->frames % SAMPLE_EVERY == 0) {
        samples_add(&r->latency, now_seconds() - strtod(mark + 3, NULL));
    }
}

static void poll_once(struct run *r, int timeout_ms)
{
    struct epoll_event events[512];
    int n = epoll_wait(r->epoll, events, 512, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct ws_client *c = &r->clients[events[i].data.u32];
        bool was_closed = c->is_closed;
        ws_client_read(c, on_frame, r);
        ws_client_flush(c);
        if (c->is_closed && !was_closed) {
            r->closed++;
            epoll_ctl(r->epoll, EPOLL_CTL_DEL, c->fd, NULL);
        }
    }
}

static int connect_all(struct run *r)
{
    double deadline = now_seconds() + 120;
    uint32_t started = 0;

    while (r->connected < r->count && now_seconds() < deadline) {
        while (started < r->count && started - r->connected < CONNECTING_MAX) {
            struct ws_client *c = &r->clients[started];
            struct epoll_event e = {.events = EPOLLIN, .data.u32 = started};
            if (ws_client_start(c, &r->o->target, started / r->o->members) ||
                epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e)) {
                perror("connect");
                return -1;
            }
            if (r->o->is_bare) {
                c->is_established = true; /* a bare broadcaster greets nobody */
                r->connected++;
            }
            started++;
        }
        poll_once(r, 10);
        if (r->closed) {
            fprintf(stderr, "%u sockets were closed while connecting\n", r->closed);
            return -1;
        }
    }
    return r->connected == r->count ? 0 : -1;
}

static void send_due(struct run *r, double start)
{
    char frame[8192];
    uint64_t due = (uint64_t)((now_seconds() - start) * r->o->rate);
    if (due > r->sent + 2000) {
        r->sent = due - 2000; /* the tool itself fell behind: shown as a lower sent rate */
    }
    while (r->sent < due) {
        struct ws_client *c = &r->clients[(r->sent * 7919u) % r->count];
        int len = snprintf(frame, sizeof(frame),
                           "{\"type\":\"chat_message\",\"message\":\"t0=%.9f ", now_seconds());
        while (len < (int)r->o->payload && len < 8000) {
            frame[len] = (char)('a' + len % 26);
            len++;
        }
        len += snprintf(frame + len, sizeof(frame) - (size_t)len, "\"}");
        ws_client_send(c, frame, (size_t)len);
        r->sent++;
    }
}

static void mark_processes(struct options *o)
{
    for (int i = 0; i < o->pid_count; i++) {
        o->pids[i].cpu_start = process_cpu_seconds(o->pids[i].pid);
    }
}

static void print_processes(const struct options *o, const struct run *r, double took)
{
    for (int i = 0; i < o->pid_count; i++) {
        double cpu = process_cpu_seconds(o->pids[i].pid) - o->pids[i].cpu_start;
        double rss = process_rss_kib(o->pids[i].pid);
        printf(",\"%s\":{\"cpu\":%.3f,\"cpu_us_per_frame\":%.3f,\"cpu_us_per_message\":%.2f,"
               "\"rss_kib\":%.0f,\"rss_growth_kib\":%.0f}",
               o->pids[i].label, cpu / took, r->delivered ? cpu * 1e6 / (double)r->delivered : 0.0,
               r->sent ? cpu * 1e6 / (double)r->sent : 0.0, rss, rss - o->pids[i].rss_start);
    }
}

static void measure(struct run *r)
{
    struct options *o = r->o;
    double start = now_seconds(), measure_start, took;
    uint64_t sent_before;

    while (now_seconds() - start < WARM_UP_SECONDS) {
        send_due(r, start);
        poll_once(r, 1);
    }
    mark_processes(o);
    r->is_measuring = true;
    sent_before = r->sent;
    measure_start = now_seconds();
    while ((took = now_seconds() - measure_start) < o->seconds) {
        send_due(r, start);
        poll_once(r, o->rate > 2000 ? 0 : 1);
    }
    r->sent -= sent_before;
    r->is_measuring = false;
    printf("{\"name\":\"%s\",\"sockets\":%u,\"rooms\":%u,\"members\":%u,\"seconds\":%.2f,"
           "\"sent_per_s\":%.0f,\"delivered_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"errors\":%" PRIu64 ",\"closed\":%u",
           o->name, r->count, o->rooms, o->members, took, (double)r->sent / took,
           (double)r->delivered / took, samples_quantile(&r->latency, .5) * 1e3,
           samples_quantile(&r->latency, .99) * 1e3, r->errors, r->closed);
    print_processes(o, r, took);
}

/* ---- the bare broadcaster ---- */

static size_t make_frames(char *out, size_t cap, uint32_t payload, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count && len + payload + 4 < cap; i++) {
        out[len] = (char)0x81;
        out[len + 1] = 126;
        out[len + 2] = (char)(payload >> 8);
        out[len + 3] = (char)(payload & 0xff);
        memset(out + len + 4, 'x', payload);
        len += 4 + payload;
    }
    return len;
}

static void broadcast(int listener, const struct options *o, uint32_t sockets)
{
    static const char hello[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    static char frames[65536], request[8192];
    size_t len = make_frames(frames, sizeof(frames), o->payload, o->bare_frames_per_send);
    int *fds = calloc(sockets, sizeof(*fds));

    if (!fds) {
        _exit(1);
    }
    for (uint32_t i = 0; i < sockets; i++) {
        int one = 1;
        fds[i] = accept(listener, NULL, NULL);
        (void)!setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (recv(fds[i], request, sizeof(request), 0) <= 0 ||
            send(fds[i], hello, sizeof(hello) - 1, MSG_NOSIGNAL) <= 0) {
            _exit(1);
        }
    }
    for (;;) { /* ended by its parent */
        for (uint32_t i = 0; i < sockets; i++) {
            if (send(fds[i], frames, len, MSG_NOSIGNAL) < 0 && errno == EPIPE) {
                _exit(0);
            }
        }
    }
}

static void on_bare_frame(void *arg, struct ws_client *c, const char *payload, size_t len)
{
    struct run *r = arg;
    (void)c;
    (void)payload;
    (void)len;
    r->delivered += r->is_measuring;
}

static int run_bare(struct run *r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    double start, took, cpu;
    pid_t child;

    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
        listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&at, &at_len)) {
        perror("listen");
        return 1;
    }
    child = fork();
    if (child == 0) {
        broadcast(listener, r->o, r->count);
    }
    r->o->target.port = ntohs(at.sin_port);
    if (child < 0 || connect_all(r)) {
        return 1;
    }
    cpu = process_cpu_seconds(child);
    r->is_measuring = true;
    start = now_seconds();
    while ((took = now_seconds() - start) < r->o->seconds) {
        struct epoll_event events[512];
        int n = epoll_wait(r->epoll, events, 512, 10);
        for (int i = 0; i < n; i++) {
            ws_client_read(&r->clients[events[i].data.u32], on_bare_frame, r);
        }
    }
    cpu = process_cpu_seconds(child) - cpu;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(listener);
    printf("{\"name\":\"%s\",\"sockets\":%u,\"frames_per_send\":%u,\"delivered_per_s\":%.0f,"
           "\"sender\":{\"cpu\":%.3f,\"cpu_us_per_frame\":%.3f}}\n",
           r->o->name, r->count, r->o->bare_frames_per_send, (double)r->delivered / took,
           cpu / took, cpu * 1e6 / (double)r->delivered);
    return 0;
}

static int run_load(struct run *r)
{
    struct options *o = r->o;
    double start, took;

    for (int i = 0; i < o->pid_count; i++) {
        o->pids[i].rss_start = process_rss_kib(o->pids[i].pid);
    }
    mark_processes(o);
    start = now_seconds();
    if (connect_all(r)) {
        fprintf(stderr, "only %u of %u sockets were established\n", r->connected, r->count);
        return 1;
    }
    took = now_seconds() - start;
    if (o->is_idle) {
        sleep(1);
        printf("{\"name\":\"%s\",\"sockets\":%u,\"rooms\":%u,\"connects_per_s\":%.0f", o->name,
               r->count, o->rooms, (double)r->count / took);
        print_processes(o, r, took);
    } else {
        measure(r);
        printf(",\"connects_per_s\":%.0f", (double)r->count / took);
    }
    printf("}\n");
    return 0;
}

static void usage(void)
{
    fputs("kibray-load --port N --path /ws/chat/bench%u/?token=T [--host 127.0.0.1] [--rooms 1]\n"
          "  [--members 10] [--rate 100] [--payload 200] [--seconds 5] [--name x] [--idle]\n"
          "  [--pid LABEL=PID]... | --bare [--members N] [--frames-per-send 1]\n",
          stderr);
    exit(2);
}

static void add_pid(struct options *o, const char *text)
{
    const char *eq = strchr(text, '=');
    if (!eq || o->pid_count == PIDS_MAX || eq - text >= 32) {
        usage();
    }
    memcpy(o->pids[o->pid_count].label, text, (size_t)(eq - text));
    o->pids[o->pid_count++].pid = atoi(eq + 1);
}

static void parse(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {{"host", 1, 0, 'h'},    {"port", 1, 0, 'p'},
                                          {"path", 1, 0, 'P'},    {"rooms", 1, 0, 'r'},
                                          {"members", 1, 0, 'm'}, {"rate", 1, 0, 'R'},
                                          {"payload", 1, 0, 'b'}, {"seconds", 1, 0, 's'},
                                          {"name", 1, 0, 'n'},    {"pid", 1, 0, 'i'},
                                          {"bare", 0, 0, 'B'},    {"frames-per-send", 1, 0, 'f'},
                                          {"idle", 0, 0, 'I'},    {0, 0, 0, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'h':
            snprintf(o->target.host, sizeof(o->target.host), "%s", optarg);
            break;
        case 'p':
            o->target.port = (uint16_t)atoi(optarg);
            break;
        case 'P':
            o->target.path_format = optarg;
            break;
        case 'r':
            o->rooms = (uint32_t)atoi(optarg);
            break;
        case 'm':
            o->members = (uint32_t)atoi(optarg);
            break;
        case 'R':
            o->rate = (uint32_t)atoi(optarg);
            break;
        case 'b':
            o->payload = (uint32_t)atoi(optarg);
            break;
        case 's':
            o->seconds = atof(optarg);
            break;
        case 'n':
            o->name = optarg;
            break;
        case 'i':
            add_pid(o, optarg);
            break;
        case 'B':
            o->is_bare = true;
            break;
        case 'f':
            o->bare_frames_per_send = (uint32_t)atoi(optarg);
            break;
        case 'I':
            o->is_idle = true;
            break;
        default:
            usage();
        }
    }
    if (o->rooms == 0 || o->members == 0 || o->payload > 8000 || o->bare_frames_per_send == 0 ||
        (!o->is_bare && (o->target.port == 0 || !o->target.path_format))) {
        usage();
    }
}

int main(int argc, char **argv)
{
    struct options o = {.rooms = 1,
                        .members = 10,
                        .rate = 100,
                        .payload = 200,
                        .seconds = 5,
                        .name = "load",
                        .bare_frames_per_send = 1};
    struct run r = {.o = &o};
    struct rlimit files;
    int code;

    snprintf(o.target.host, sizeof(o.target.host), "127.0.0.1");
    parse(&o, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (o.is_bare) {
        o.target.path_format = "/%u";
    }
    r.count = o.rooms * o.members;
    r.clients = calloc(r.count, sizeof(*r.clients));
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r.clients || r.epoll < 0) {
        return 1;
    }
    code = o.is_bare ? run_bare(&r) : run_load(&r);
    for (uint32_t i = 0; i < r.count; i++) {
        ws_client_close(&r.clients[i]);
    }
    samples_done(&r.latency);
    free(r.clients);
    return code;
}
