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
#include "broker/io/push_key_files.h"
#include "broker/io/token_key_files.h"
#include "common/io/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/redis_url.h"

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

/* Splits the administrative flags from the rest: those stay for admin_run, the rest are settings
 * and words for conf_load. Returns how many arguments `rest` has. */
static int without_admin_flags(int argc, char **argv, char **rest)
{
    int n = 0;
    for (int i = 0; i < argc; i++) {
        bool takes_next = false;
        if (i > 0 && admin_is_flag(argv[i], &takes_next)) {
            i += takes_next;
            continue;
        }
        rest[n++] = argv[i];
    }
    return n;
}

static bool is_admin(const struct conf_words *words)
{
    return words->count &&
           (strcmp(words->items[0], "user") == 0 || strcmp(words->items[0], "channel") == 0 ||
            strcmp(words->items[0], "member") == 0);
}

/* Without a name of its own a broker has its host's. */
static int default_name(struct broker_conf *conf)
{
    char host[128] = "broker";
    char *copy;

    if (conf->name[0]) {
        return 0;
    }
    (void)!gethostname(host, sizeof(host) - 1);
    copy = mem_dup_str(bytes_str(host));
    if (!copy) {
        return ERR_NOMEM;
    }
    mem_free(conf->name);
    conf->name = copy;
    return 0;
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
    struct token_keys *keys = NULL;
    struct push_keys push_keys = {0};
    char process[160];
    struct buf problem;
    int code = 2;

    buf_init(&problem, 1024);
    if (broker_conf_check(conf, &problem) || token_key_files_load(conf, &keys, &problem) ||
        push_key_files_load(conf, &push_keys, &problem)) {
        fprintf(stderr, "kibray-broker: %.*s\n", BYTES_FMT(buf_bytes(&problem)));
        goto out;
    }
    if (default_name(conf) || redis_prefix_fit(conf->redis_url, &conf->redis_prefix)) {
        goto out;
    }
    snprintf(process, sizeof(process), "broker-%.128s", conf->name);
    log_set_process(process);
    log_set_level((enum log_level)conf->log_level);
    dump_settings(conf);
    code = broker_serve(conf, keys, &push_keys);
out:
    buf_done(&problem);
    token_keys_free(keys);
    push_keys_done(&push_keys);
    return code;
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
    struct conf_input input = {.lookup = look_up};
    struct buf problem;
    int code;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_set_clock(clock_wall_ms);
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
    input.argv = mem_alloc(((size_t)argc + 1) * sizeof(*input.argv));
    if (!input.argv) {
        return EXIT_FAILURE;
    }
    input.argc = without_admin_flags(argc, argv, input.argv);
    if (conf_load(broker_conf_rows, broker_conf_row_count, &conf, &input, &words, &problem)) {
        fprintf(stderr, "kibray-broker: %.*s\n", BYTES_FMT(buf_bytes(&problem)));
        code = 2;
    } else if (is_admin(&words)) {
        code = admin_run(conf.database_url, words.items, words.count, argc, argv);
    } else {
        code = run_command(&conf, &words);
    }
    mem_free(input.argv);
    buf_done(&problem);
    conf_free(broker_conf_rows, broker_conf_row_count, &conf);
    return code;
}
