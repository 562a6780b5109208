/* SPDX-License-Identifier: MIT */
/* kibray-gateway: reads settings, runs one gateway or a family of workers, gives the exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/loop.h"
#include "common/log.h"
#include "common/mem.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/workers.h"

#define TEXT_MAX (256u * 1024u)

static const char *look_up(void *arg, const char *env_name)
{
    (void)arg;
    return getenv(env_name);
}

static void on_stop_signal(void *gateway)
{
    gateway_stop(gateway);
}

static int start_failed(const struct gateway_conf *conf, int err)
{
    if (err == ERR_CONFLICT) {
        fprintf(stderr,
                "kibray-gateway: address in use: %s port %u, or METRICS_PORT %u of worker 0\n",
                conf->listen_address, conf->port, conf->metrics_port);
        return GATEWAY_EXIT_UNAVAILABLE;
    }
    fprintf(stderr, "kibray-gateway: cannot start: %s\n", err_name(err));
    return err == ERR_SYNTAX ? GATEWAY_EXIT_USAGE : GATEWAY_EXIT_OS;
}

static int run_life(const struct gateway_conf *conf, uint32_t worker)
{
    struct loop *loop = loop_new();
    struct loop_signal *term = NULL, *interrupt = NULL;
    struct gateway *g = NULL;
    int code = GATEWAY_EXIT_OS, err = ERR_NOMEM;

    g = loop ? gateway_new(loop, conf, worker, &err) : NULL;
    if (!g) {
        code = start_failed(conf, err);
        goto out;
    }
    term = loop_signal_new(loop, SIGTERM, on_stop_signal, g);
    interrupt = loop_signal_new(loop, SIGINT, on_stop_signal, g);
    if (term && interrupt) {
        loop_run(loop);
        code = gateway_exit_code(g);
    }
out:
    loop_signal_free(term);
    loop_signal_free(interrupt);
    gateway_free(g);
    loop_free(loop);
    return code;
}

/* A gateway whose lease was lost ends, and a new one takes its place under a new name. */
static int run_gateway(void *arg, uint32_t worker)
{
    const struct gateway_conf *conf = arg;
    char process[160];
    int code;

    snprintf(process, sizeof(process), conf->workers > 1 ? "%s/%u" : "%s", conf->name, worker);
    log_set_process(process);
    do {
        code = run_life(conf, worker);
    } while (code == GATEWAY_EXIT_AGAIN);
    return code;
}

static int print(int err, const struct buf *text)
{
    return err == 0 && fwrite(text->data, 1, text->len, stdout) == text->len ? GATEWAY_EXIT_OK
                                                                             : GATEWAY_EXIT_OS;
}

static void log_settings(const struct gateway_conf *conf, struct buf *text)
{
    buf_reset(text);
    if (conf_dump_json(gateway_conf_rows, gateway_conf_row_count, conf, text) == 0) {
        log_info(EV_SETTINGS, LOG_STR("version", KIBRAY_VERSION));
        printf("%.*s\n", BYTES_FMT(buf_bytes(text)));
        fflush(stdout);
    }
}

static int fill_name(struct gateway_conf *conf)
{
    char host[256] = "";

    if (conf->name[0] != '\0') {
        return 0;
    }
    gethostname(host, sizeof(host) - 1);
    mem_free(conf->name);
    conf->name = gateway_name_clean(bytes_str(host));
    return conf->name ? 0 : ERR_NOMEM;
}

static int run(struct gateway_conf *conf, const struct conf_input *input, struct buf *text)
{
    struct conf_words words = {.count = 0};
    int err = conf_load(gateway_conf_rows, gateway_conf_row_count, conf, input, &words, text);

    if (err == 0) {
        err = fill_name(conf);
    }
    if (err == 0) {
        err = gateway_conf_check(conf, text);
    }
    if (err != 0 || words.count > 0) {
        fprintf(stderr, "kibray-gateway: %.*s (%s); --help lists the settings\n",
                BYTES_FMT(buf_bytes(text)), err_name(err));
        return GATEWAY_EXIT_USAGE;
    }
    log_set_clock(clock_wall_ms);
    log_set_level((enum log_level)conf->log_level);
    log_set_process(conf->name);
    log_settings(conf, text);
    return conf->workers > 1 ? workers_run(conf->workers, run_gateway, conf) : run_gateway(conf, 0);
}

int main(int argc, char **argv)
{
    const struct conf_input input = {argc, argv, look_up, NULL};
    struct gateway_conf conf = {0};
    struct buf text;
    int code;

    buf_init(&text, TEXT_MAX);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        code = print(conf_help(gateway_conf_rows, gateway_conf_row_count, &text), &text);
    } else if (argc == 2 && strcmp(argv[1], "--config-markdown") == 0) {
        code = print(conf_markdown(gateway_conf_rows, gateway_conf_row_count, &text), &text);
    } else {
        code = run(&conf, &input, &text);
    }
    conf_free(gateway_conf_rows, gateway_conf_row_count, &conf);
    buf_done(&text);
    return code;
}
