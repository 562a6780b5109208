/* SPDX-License-Identifier: MIT */
/* kibray-gateway: reads settings, runs one gateway or a family of workers, gives the exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/redis_url.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/io/port_probe.h"
#include "gateway/life.h"
#include "gateway/workers.h"

#define TEXT_MAX (256u * 1024u)

static const char *look_up(void *arg, const char *env_name)
{
    (void)arg;
    return getenv(env_name);
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
        /* Longer than a log line may be, and already JSON. */
        printf("{\"level\":\"info\",\"event\":\"" EV_SETTINGS "\",\"settings\":%.*s}\n",
               BYTES_FMT(buf_bytes(text)));
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
    if (err == 0) {
        err = redis_prefix_fit(conf->redis_url, &conf->redis_prefix);
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
    err = port_probe(conf->listen_address, (uint16_t)conf->port);
    if (err != 0) {
        return life_start_failed(conf, err);
    }
    return conf->workers > 1 ? workers_run(conf->workers, conf->tls_cert[0] != '\0', life_run, conf)
                             : life_run(conf, 0);
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
    } else if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        code =
            printf("kibray-gateway " KIBRAY_VERSION "\n") > 0 ? GATEWAY_EXIT_OK : GATEWAY_EXIT_OS;
    } else if (argc == 2 && strcmp(argv[1], "--config-markdown") == 0) {
        code = print(conf_markdown(gateway_conf_rows, gateway_conf_row_count, &text), &text);
    } else {
        code = run(&conf, &input, &text);
    }
    conf_free(gateway_conf_rows, gateway_conf_row_count, &conf);
    buf_done(&text);
    return code;
}
