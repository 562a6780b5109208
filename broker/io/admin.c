/* SPDX-License-Identifier: MIT */
/* The command line of the administrative commands: which there are, their operands and flags.
 * What they do is in admin_commands.c. Called by main. */
#include "broker/io/admin.h"

#include <stdio.h>

#include "broker/io/admin_impl.h"

#define OPERANDS_AT 2u /* after "user" "add" */

enum flag { FLAG_NONE, FLAG_STAFF, FLAG_PRIVATE, FLAG_OWNER, FLAG_IF_ABSENT, FLAG_EMAIL };

static const struct command {
    const char *noun, *verb;
    size_t operand_count;
    admin_command_fn *run;
    const char *usage;
} commands[] = {
    {"user", "add", 1, admin_user_add, "user add NAME [--staff] [--email E] [--if-absent]"},
    {"user", "passwd", 1, admin_user_passwd, "user passwd NAME"},
    {"user", "deactivate", 1, admin_user_deactivate, "user deactivate NAME"},
    {"channel", "add", 1, admin_channel_add, "channel add NAME [--private] [--if-absent]"},
    {"member", "add", 2, admin_member_add, "member add CHANNEL USER [--owner] [--if-absent]"},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct {
    const char *name;
    enum flag flag;
} flags[] = {
    {"--staff", FLAG_STAFF},         {"--private", FLAG_PRIVATE}, {"--owner", FLAG_OWNER},
    {"--if-absent", FLAG_IF_ABSENT}, {"--email", FLAG_EMAIL},
};

/* The flag of an argument; *out_value points behind a '=' (NULL without one). */
static enum flag flag_of(const char *argument, const char **out_value)
{
    size_t len = strcspn(argument, "=");

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        bool has_value = argument[len] == '=';

        if (!bytes_eq_str(bytes_of(argument, len), flags[i].name) ||
            (has_value && flags[i].flag != FLAG_EMAIL)) {
            continue;
        }
        *out_value = has_value ? argument + len + 1 : NULL;
        return flags[i].flag;
    }
    return FLAG_NONE;
}

bool admin_is_flag(const char *argument, bool *out_takes_next)
{
    const char *value = NULL;
    enum flag flag = flag_of(argument, &value);

    if (flag == FLAG_NONE) {
        return false;
    }
    *out_takes_next = flag == FLAG_EMAIL && !value;
    return true;
}

static int read_options(int argc, char **argv, struct admin_options *out)
{
    struct admin_options o = {.email = ""};

    for (int i = 1; i < argc; i++) {
        const char *value = NULL;

        switch (flag_of(argv[i], &value)) {
        case FLAG_STAFF:
            o.is_staff = true;
            break;
        case FLAG_PRIVATE:
            o.is_private = true;
            break;
        case FLAG_OWNER:
            o.is_owner = true;
            break;
        case FLAG_IF_ABSENT:
            o.if_absent = true;
            break;
        case FLAG_EMAIL:
            if (!value && ++i == argc) {
                return ERR_MISSING;
            }
            o.email = value ? value : argv[i];
            break;
        case FLAG_NONE:
            break;
        }
    }
    *out = o;
    return 0;
}

static const struct command *find_command(const char *const *words, size_t count)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *c = &commands[i];

        if (count == OPERANDS_AT + c->operand_count && strcmp(words[0], c->noun) == 0 &&
            strcmp(words[1], c->verb) == 0) {
            return c;
        }
    }
    return NULL;
}

static int usage(void)
{
    fprintf(stderr, "Usage:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(stderr, "  kibray-broker %s\n", commands[i].usage);
    }
    return 2;
}

int admin_run(const char *dsn, const char *const *words, size_t count, int argc, char **argv)
{
    const struct command *command = find_command(words, count);
    struct admin_options options;
    struct pg_cli *c;
    int code;

    if (!command || read_options(argc, argv, &options) != 0) {
        return usage();
    }
    c = pg_cli_open(dsn, "kibray-broker/admin");
    if (!c) {
        return 1;
    }
    code = command->run(c, words + OPERANDS_AT, &options);
    pg_cli_close(c);
    return code;
}
