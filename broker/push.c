/* SPDX-License-Identifier: MIT */
/* Puts the parts together. A request gets a third of a lease, so that a message with a new access
 * token before it ends within one. Called by broker.c. */
#include "broker/push.h"

#include "common/log.h"
#include "common/mem.h"

#define ANSWER_MAX_BYTES 65536u
#define TOKEN_REQUESTS 1u /* beside the messages */

struct push {
    struct http_client *http;
    struct push_fcm *fcm;
    struct push_web *web;
    struct push_queue *queue;
};

static bool make_senders(struct push *p, const struct push_deps *deps)
{
    const struct broker_conf *conf = deps->conf;
    uint32_t timeout_ms = conf->push_lease_ms / 3;

    p->http = http_client_new(
        deps->loop,
        &(struct http_client_conf){.ca_file = conf->push_ca_file,
                                   .concurrency = conf->push_concurrency + TOKEN_REQUESTS,
                                   .response_max_bytes = ANSWER_MAX_BYTES});
    if (p->http && deps->keys->fcm) {
        p->fcm = push_fcm_new(&(struct push_fcm_deps){.loop = deps->loop,
                                                      .http = p->http,
                                                      .account = deps->keys->fcm,
                                                      .url = conf->fcm_url,
                                                      .timeout_ms = timeout_ms});
    }
    if (p->http && deps->keys->vapid) {
        p->web = push_web_new(
            &(struct push_web_deps){.http = p->http,
                                    .key = deps->keys->vapid,
                                    .subject = conf->vapid_subject,
                                    .timeout_ms = timeout_ms,
                                    .allow_private = conf->push_allow_private_endpoints});
    }
    return p->http && (p->fcm || !deps->keys->fcm) && (p->web || !deps->keys->vapid);
}

struct push *push_new(const struct push_deps *deps)
{
    struct push *p = mem_zalloc(sizeof(*p));

    if (!p) {
        return NULL;
    }
    if (make_senders(p, deps)) {
        p->queue = push_queue_new(&(struct push_queue_deps){.loop = deps->loop,
                                                            .redis = deps->redis,
                                                            .store = deps->store,
                                                            .conf = deps->conf,
                                                            .fcm = p->fcm,
                                                            .web = p->web});
    }
    if (!p->queue) {
        push_stop(p);
        push_free(p);
        return NULL;
    }
    if (deps->keys->vapid) {
        log_info("vapid_public_key", LOG_STR("key", deps->keys->vapid_public));
    }
    return p;
}

void push_start(struct push *p)
{
    push_queue_start(p->queue);
}

void push_pause(struct push *p)
{
    push_queue_pause(p->queue);
}

bool push_is_idle(const struct push *p)
{
    return push_queue_is_idle(p->queue);
}

void push_stop(struct push *p)
{
    if (p) {
        http_client_free(p->http);
        push_fcm_free(p->fcm);
        push_web_free(p->web);
        p->http = NULL;
        p->fcm = NULL;
        p->web = NULL;
    }
}

void push_free(struct push *p)
{
    if (p) {
        push_queue_free(p->queue);
        mem_free(p);
    }
}
