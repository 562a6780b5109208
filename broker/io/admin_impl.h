/* SPDX-License-Identifier: MIT */
#pragma once
/* What admin.c (the command line) hands to admin_commands.c (what the commands do). */
#include "broker/io/pg_cli.h"

struct admin_options {
    bool is_staff, is_private, is_owner, if_absent;
    const char *email; /* "" when not given */
};

/* One command with its operands. Says on stderr what failed. Returns a process exit code. */
typedef int admin_command_fn(struct pg_cli *c, const char *const *operands,
                             const struct admin_options *options);
admin_command_fn admin_user_add, admin_user_passwd, admin_user_deactivate, admin_channel_add,
    admin_member_add;
