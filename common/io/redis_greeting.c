/* SPDX-License-Identifier: MIT */
/* The commands of the greeting in their order. Used by redis_link and redis_resolver. */
#include "common/io/redis_greeting.h"

#include "common/buf.h"

int redis_greeting_login(const char *user, const char *password, redis_greeting_fn *send, void *arg)
{
    struct bytes argv[3] = {BYTES_LIT("AUTH")};
    size_t argc = 1;

    if (password[0] == '\0') {
        return 0;
    }
    if (user[0] != '\0') {
        argv[argc++] = bytes_str(user);
    }
    argv[argc++] = bytes_str(password);
    return send(arg, REDIS_STEP_MUST, argv, argc);
}

static int send_database(const struct redis_url *url, redis_greeting_fn *send, void *arg)
{
    char text[16];
    struct buf number = {.data = text, .cap = sizeof(text) - 1, .max = sizeof(text) - 1};
    int err = url->db > 0 ? buf_append_i64(&number, url->db) : 0;

    if (err != 0 || number.len == 0) {
        return err;
    }
    return send(arg, REDIS_STEP_MUST,
                (const struct bytes[]){BYTES_LIT("SELECT"), buf_bytes(&number)}, 2);
}

int redis_greeting_send(const struct redis_url *url, const char *name, redis_greeting_fn *send,
                        void *arg)
{
    int err = redis_greeting_login(url->user, url->password, send, arg);

    if (err == 0) {
        err = send_database(url, send, arg);
    }
    /* A name that Redis refuses is not worth an outage. */
    if (err == 0) {
        err = send(
            arg, REDIS_STEP_MAY,
            (const struct bytes[]){BYTES_LIT("CLIENT"), BYTES_LIT("SETNAME"), bytes_str(name)}, 3);
    }
    /* Unlike INFO, PING fails while the server loads its data or asks for a login. */
    if (err == 0) {
        err = send(arg, REDIS_STEP_MUST, (const struct bytes[]){BYTES_LIT("PING")}, 1);
    }
    if (err == 0 && url->seeds.topology != REDIS_ALONE) {
        err = send(arg, REDIS_STEP_ROLE, (const struct bytes[]){BYTES_LIT("ROLE")}, 1);
    }
    if (err == 0) {
        err = send(arg, REDIS_STEP_INFO,
                   (const struct bytes[]){BYTES_LIT("INFO"), BYTES_LIT("server")}, 2);
    }
    return err;
}
