/* SPDX-License-Identifier: MIT */
/* kibray-broker: settings, then one of serve, migrate, user, channel, member. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/io/admin.h"
#include "broker/io/migrate.h"
#include "common/log.h"

static const char usage[] =
    "kibray-broker - authentication, storage and fan-out of Kibray Realtime\n"
    "\n"
    "Usage: kibray-broker [serve] [--setting value]...\n"
    "       kibray-broker migrate\n"
    "       kibray-broker user add NAME [--staff] [--email ADDRESS] [--if-absent]\n"
    "       kibray-broker user passwd NAME | user deactivate NAME\n"
    "       kibray-broker channel add NAME [--private] [--if-absent]\n"
    "       kibray-broker member add CHANNEL USER [--if-absent]\n"
    "       kibray-broker --help | --version | --config-markdown\n"
    "\n"
    "A password is read from KIBRAY_PASSWORD or, without it, from one line of standard input.\n"
    "\n"
    "Settings (flag, environment, default):\n";

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

static int print_text(int (*make)(const struct conf_row *, size_t, struct buf *), const char *head)
{
    struct buf text;
    int err;

    buf_init(&text, 1u << 20);
    err = make(broker_conf_rows, broker_conf_row_count, &text);
    if (!err) {
        printf("%s%.*s", head, BYTES_FMT(buf_bytes(&text)));
    }
    buf_done(&text);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool has_flag(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], flag) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_admin(const char *word)
{
    return word && (strcmp(word, "user") == 0 || strcmp(word, "channel") == 0 ||
                    strcmp(word, "member") == 0);
}

static void dump_settings(const struct broker_conf *conf)
{
    struct buf text;
    buf_init(&text, 65536);
    if (conf_dump_json(broker_conf_rows, broker_conf_row_count, conf, &text) == 0) {
        log_info("settings", LOG_BYTES("values", buf_bytes(&text)));
    }
    buf_done(&text);
}

static int serve(struct broker_conf *conf)
{
    char process[160];
    struct buf problem;
    int err;

    buf_init(&problem, 1024);
    err = broker_conf_check(conf, &problem);
    if (err) {
        fprintf(stderr, "kibray-broker: %.*s\n", BYTES_FMT(buf_bytes(&problem)));
        buf_done(&problem);
        return 2;
    }
    buf_done(&problem);
    snprintf(process, sizeof(process), "broker-%.128s", conf->name);
    log_set_process(process);
    log_set_level((enum log_level)conf->log_level);
    dump_settings(conf);
    return broker_serve(conf);
}

static int run_command(struct broker_conf *conf, const struct conf_words *words)
{
    if (words->count == 0 || strcmp(words->items[0], "serve") == 0) {
        return serve(conf);
    }
    if (strcmp(words->items[0], "migrate") == 0) {
        return migrate_run(conf->database_url);
    }
    fprintf(stderr, "kibray-broker: unknown command \"%s\"; see --help\n", words->items[0]);
    return 2;
}

int main(int argc, char **argv)
{
    struct broker_conf conf = {0};
    struct conf_words words = {0};
    struct buf problem;
    bool admin = argc > 1 && is_admin(argv[1]);
    /* The administrative commands have flags of their own; their settings are the environment. */
    struct conf_input input = {.argc = admin ? 1 : argc, .argv = argv, .lookup = look_up};
    int code;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (has_flag(argc, argv, "--help")) {
        return print_text(conf_help, usage);
    }
    if (has_flag(argc, argv, "--config-markdown")) {
        return print_text(conf_markdown, "");
    }
    if (has_flag(argc, argv, "--version")) {
        puts("kibray-broker " KIBRAY_VERSION);
        return EXIT_SUCCESS;
    }
    buf_init(&problem, 1024);
    if (conf_load(broker_conf_rows, broker_conf_row_count, &conf, &input, &words, &problem)) {
        fprintf(stderr, "kibray-broker: %.*s\n", BYTES_FMT(buf_bytes(&problem)));
        code = 2;
    } else if (admin) {
        code = admin_run(conf.database_url, (const char *const *)(argv + 1), (size_t)argc - 1, argc,
                         argv);
    } else {
        code = run_command(&conf, &words);
    }
    buf_done(&problem);
    conf_free(broker_conf_rows, broker_conf_row_count, &conf);
    return code;
}
