/* SPDX-License-Identifier: MIT */
/* One message: read its subscription, encrypt, sign, POST. Called by push_queue.c. */
#include "broker/push_web.h"

#include <stdio.h>

#include "broker/jws.h"
#include "common/io/clock.h"
#include "common/mem.h"

struct push_web {
    struct push_web_deps deps;
};

struct flight {
    push_done_fn *fn;
    void *arg;
};

static void on_answer(void *arg, int err, const struct http_response *response)
{
    struct flight flight = *(struct flight *)arg;
    struct push_outcome outcome;

    mem_free(arg);
    if (err == 0) {
        web_push_outcome(response->status, response->retry_after_s, &outcome);
    } else if (err == ERR_DENIED || err == ERR_SYNTAX) {
        push_outcome_set(&outcome, PUSH_POISON, BYTES_LIT("endpoint not allowed"));
    } else if (err == ERR_LIMIT) {
        push_outcome_set(&outcome, PUSH_POISON, BYTES_LIT("answer too long"));
    } else {
        push_outcome_set(&outcome, PUSH_RETRY, bytes_str(err_name(err)));
    }
    flight.fn(flight.arg, &outcome);
}

static int encrypt(const struct web_push_subscription *to, const struct push_message *m,
                   struct buf *out)
{
    struct web_push_secrets secrets;
    struct buf text;
    int err;

    buf_init(&text, WEB_PUSH_TEXT_MAX_BYTES);
    clock_random(secrets.salt, sizeof(secrets.salt));
    clock_random(secrets.private_key, sizeof(secrets.private_key));
    err = web_push_text(m, &text);
    if (err == 0) {
        err = web_push_encrypt(to, &secrets, buf_bytes(&text), out);
    }
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    buf_done(&text);
    return err;
}

/* "Authorization: vapid …", with a NUL. */
static int authorize(const struct push_web *w, const struct web_push_subscription *to,
                     struct buf *out)
{
    int err = buf_append(out, BYTES_LIT("Authorization: "));

    if (err == 0) {
        err = vapid_authorization(w->deps.key, w->deps.subject, to->endpoint,
                                  clock_wall_ms() / 1000, out);
    }
    return err == 0 ? buf_append_char(out, '\0') : err;
}

static int post(struct push_web *w, const struct web_push_subscription *to,
                const struct push_message *m, struct bytes body, struct flight *flight)
{
    char ttl[32], topic[16 + PUSH_COLLAPSE_MAX], key[PUSH_COLLAPSE_MAX];
    struct http_request request = {.url = to->endpoint,
                                   .body = body,
                                   .timeout_ms = w->deps.timeout_ms,
                                   .is_public_only = !w->deps.allow_private};
    struct buf authorization;
    int err;

    push_collapse_key(m, key);
    (void)snprintf(ttl, sizeof(ttl), "TTL: %u", PUSH_TTL_S);
    (void)snprintf(topic, sizeof(topic), "Topic: %s", key);
    buf_init(&authorization, JWS_MAX_BYTES);
    err = authorize(w, to, &authorization);
    if (err == 0) {
        const char *const headers[] = {authorization.data,
                                       ttl,
                                       topic,
                                       "Urgency: high",
                                       "Content-Encoding: aes128gcm",
                                       "Content-Type: application/octet-stream"};

        memcpy(request.headers, headers, sizeof(headers));
        err = http_client_post(w->deps.http, &request, on_answer, flight);
    }
    buf_done(&authorization);
    return err;
}

int push_web_send(struct push_web *w, const struct push_message *m, push_done_fn *fn, void *arg)
{
    struct web_push_subscription to;
    struct flight *flight = NULL;
    struct buf body;
    int err = web_push_read(m->token, &to);

    if (err != 0) {
        return err;
    }
    buf_init(&body, WEB_PUSH_BODY_MAX_BYTES);
    err = encrypt(&to, m, &body);
    if (err == 0) {
        flight = mem_alloc(sizeof(*flight));
        err = flight ? 0 : ERR_NOMEM;
    }
    if (err == 0) {
        *flight = (struct flight){fn, arg};
        err = post(w, &to, m, buf_bytes(&body), flight);
    }
    buf_done(&body);
    if (err != 0) {
        mem_free(flight);
    }
    return err;
}

struct push_web *push_web_new(const struct push_web_deps *deps)
{
    struct push_web *w = mem_zalloc(sizeof(*w));

    if (w) {
        w->deps = *deps;
    }
    return w;
}

void push_web_free(struct push_web *w)
{
    mem_free(w);
}
