/* SPDX-License-Identifier: MIT */
/* One process's gateways, one after the other: builds a loop and a gateway, runs it until a signal
 * ends it, and starts the next one when the lease was lost. Used by main and by each worker. */
#include "gateway/life.h"

#include <signal.h>
#include <stdio.h>

#include "common/io/loop.h"
#include "common/log.h"
#include "gateway/gateway.h"

static void on_reload_signal(void *gateway)
{
    gateway_reload(gateway);
}

/* While nobody listens it waits, instead of ending the process. */
static void let_hangup_in(bool is_in)
{
    sigset_t hangup;

    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    (void)sigprocmask(is_in ? SIG_UNBLOCK : SIG_BLOCK, &hangup, NULL);
}

static void on_stop_signal(void *gateway)
{
    gateway_stop(gateway);
}

int life_start_failed(const struct gateway_conf *conf, int err)
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
    struct loop_signal *term = NULL, *interrupt = NULL, *hangup = NULL;
    struct gateway *g = NULL;
    int code = GATEWAY_EXIT_OS, err = ERR_NOMEM;

    g = loop ? gateway_new(loop, conf, worker, &err) : NULL;
    if (!g) {
        code = life_start_failed(conf, err);
        goto out;
    }
    term = loop_signal_new(loop, SIGTERM, on_stop_signal, g);
    interrupt = loop_signal_new(loop, SIGINT, on_stop_signal, g);
    if (conf->tls_cert[0] != '\0') { /* without files to read anew it ends the process, as usual */
        hangup = loop_signal_new(loop, SIGHUP, on_reload_signal, g);
        let_hangup_in(true);
    }
    if (term && interrupt) {
        loop_run(loop);
        code = gateway_exit_code(g);
    }
out:
    loop_signal_free(term);
    loop_signal_free(interrupt);
    let_hangup_in(conf->tls_cert[0] == '\0');
    loop_signal_free(hangup);
    gateway_free(g);
    loop_free(loop);
    return code;
}

/* A gateway whose lease was lost ends, and a new one takes its place under a new name. */
int life_run(void *arg, uint32_t worker)
{
    const struct gateway_conf *conf = arg;
    char process[160];
    int code;

    snprintf(process, sizeof(process), conf->workers > 1 ? "%s/%u" : "%s", conf->name, worker);
    log_set_process(process);
    let_hangup_in(conf->tls_cert[0] == '\0');
    do {
        code = run_life(conf, worker);
    } while (code == GATEWAY_EXIT_AGAIN);
    return code;
}
