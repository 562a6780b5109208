/* SPDX-License-Identifier: MIT */
/* What the administrative commands do: one or two statements each, in the tables that Django and
 * the daemon share. Called by admin.c. */
#include "broker/io/admin_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "broker/channel_name.h"
#include "broker/django_password.h"
#include "common/io/clock.h"
#include "proto/utf8.h"

#define USERNAME_MAX_CHARS 150u /* Django's column */

static int fail(const char *what, const char *name, const char *why)
{
    fprintf(stderr, "%s %s: %s\n", what, name, why);
    return 1;
}

/* ---- statements ---- */

/* One number of the first row; ERR_NOT_FOUND without a row. */
static int ask_number(struct pg_cli *c, const char *sql, const struct bytes *params, size_t count,
                      int64_t *out_number)
{
    struct pg_result *result = NULL;
    int err = pg_cli_query(c, sql, params, count, &result);

    if (err == 0 && pg_result_rows(result) == 0) {
        err = ERR_NOT_FOUND;
    }
    if (err == 0) {
        *out_number = pg_result_i64(result, 0, 0);
    }
    pg_cli_result_free(result);
    return err;
}

static int find_user(struct pg_cli *c, const char *name, int64_t *out_id)
{
    struct bytes param = bytes_str(name);

    return ask_number(c, "SELECT id FROM auth_user WHERE username = $1::text", &param, 1, out_id);
}

static int find_channel(struct pg_cli *c, const char *room, int64_t *out_id)
{
    struct bytes param = bytes_str(room);
    int64_t number = 0;

    if (channel_number_parse(param, &number) == 0) {
        return ask_number(c, "SELECT id FROM chat_channel WHERE id = $1::text::bigint", &param, 1,
                          out_id);
    }
    return ask_number(c, "SELECT id FROM chat_channel WHERE name = $1::text", &param, 1, out_id);
}

/* Statements with ON CONFLICT DO NOTHING give no row when theirs is there already. */
static const char *why_not(struct pg_cli *c, int err)
{
    return err == ERR_NOT_FOUND ? "exists already" : pg_cli_problem(c);
}

/* ---- passwords ---- */

/* Switch the terminal's echo; without a terminal nothing happens. */
static void set_echo(bool is_on)
{
    struct termios t;

    if (tcgetattr(STDIN_FILENO, &t) == 0) {
        t.c_lflag = is_on ? t.c_lflag | ECHO : t.c_lflag & ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &t);
    }
}

static int read_password(char *out, size_t size)
{
    const char *from_environment = getenv("KIBRAY_PASSWORD");
    bool is_terminal = isatty(STDIN_FILENO) == 1;
    char *line;
    size_t len;

    if (from_environment) {
        len = strlen(from_environment);
        if (len == 0 || len >= size) {
            return ERR_LIMIT;
        }
        memcpy(out, from_environment, len + 1);
        return 0;
    }
    if (is_terminal) {
        fprintf(stderr, "Password: ");
        set_echo(false);
    }
    line = fgets(out, (int)size, stdin);
    if (is_terminal) {
        set_echo(true);
        fprintf(stderr, "\n");
    }
    if (!line) {
        return ERR_MISSING;
    }
    len = strcspn(out, "\r\n");
    if (len == 0 || (out[len] == '\0' && !feof(stdin))) {
        return ERR_LIMIT; /* empty, or the line goes on */
    }
    out[len] = '\0';
    return 0;
}

/* Ask for a password and hash it. Says what is wrong. */
static int make_hash(struct buf *out_hash)
{
    char password[PASSWORD_MAX_BYTES + 2];
    unsigned char salt[PASSWORD_RANDOM_BYTES];
    int err = read_password(password, sizeof(password));

    if (err == 0) {
        clock_random(salt, sizeof(salt));
        err =
            django_password_make(bytes_str(password), PASSWORD_ITERATIONS_DEFAULT, salt, out_hash);
    }
    explicit_bzero(password, sizeof(password));
    if (err != 0) {
        fprintf(stderr,
                "A password of 1 to %u bytes is needed, in KIBRAY_PASSWORD or as a line of "
                "standard input.\n",
                PASSWORD_MAX_BYTES);
    }
    return err;
}

/* ---- users ---- */

/* Django's rule: letters and digits of any script, and @ . + - _ */
static bool is_username(struct bytes name)
{
    if (utf8_check(name) != 0 || name.len == 0 || utf8_count(name) > USERNAME_MAX_CHARS) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char ch = (unsigned char)name.ptr[i];
        bool is_letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch >= 0x80;

        if (!is_letter && !(ch >= '0' && ch <= '9') && !strchr("@.+-_", ch)) {
            return false;
        }
    }
    return true;
}

static int insert_user(struct pg_cli *c, const char *name, const struct admin_options *o,
                       int64_t *out_id)
{
    struct buf hash;
    int err;

    buf_init(&hash, PASSWORD_HASH_MAX_BYTES);
    err = make_hash(&hash);
    if (err == 0) {
        const struct bytes params[] = {buf_bytes(&hash), bytes_str(name), bytes_str(o->email),
                                       o->is_staff ? BYTES_LIT("t") : BYTES_LIT("f")};

        err = ask_number(c,
                         "INSERT INTO auth_user (password, is_superuser, username, first_name,"
                         " last_name, email, is_staff, is_active, date_joined)"
                         " VALUES ($1::text, false, $2::text, '', '', $3::text,"
                         " $4::text::boolean, true, now())"
                         " ON CONFLICT (username) DO NOTHING RETURNING id",
                         params, 4, out_id);
        if (err != 0) {
            (void)fail("User", name, why_not(c, err));
        }
    }
    buf_done(&hash);
    return err;
}

int admin_user_add(struct pg_cli *c, const char *const *operands, const struct admin_options *o)
{
    const char *name = operands[0];
    int64_t id = 0;
    int err;

    if (!is_username(bytes_str(name))) {
        return fail("User", name, "a name is 1 to 150 letters, digits and @ . + - _");
    }
    /* First of all, because hashing takes a while. */
    err = find_user(c, name, &id);
    if (err == 0 && !o->if_absent) {
        return fail("User", name, "exists already");
    }
    if (err != 0 && err != ERR_NOT_FOUND) {
        return fail("User", name, pg_cli_problem(c));
    }
    if (err == ERR_NOT_FOUND && insert_user(c, name, o, &id) != 0) {
        return 1;
    }
    printf("%" PRId64 "\n", id);
    return 0;
}

int admin_user_passwd(struct pg_cli *c, const char *const *operands, const struct admin_options *o)
{
    const char *name = operands[0];
    struct buf hash;
    int64_t id = 0;
    int err = find_user(c, name, &id);

    (void)o;
    if (err != 0) {
        return fail("User", name, err == ERR_NOT_FOUND ? "no such user" : pg_cli_problem(c));
    }
    buf_init(&hash, PASSWORD_HASH_MAX_BYTES);
    err = make_hash(&hash);
    if (err == 0) {
        const struct bytes params[] = {buf_bytes(&hash), bytes_str(name)};

        err = ask_number(
            c, "UPDATE auth_user SET password = $1::text WHERE username = $2::text RETURNING id",
            params, 2, &id);
        if (err != 0) {
            (void)fail("User", name, err == ERR_NOT_FOUND ? "no such user" : pg_cli_problem(c));
        }
    }
    buf_done(&hash);
    return err == 0 ? 0 : 1;
}

int admin_user_deactivate(struct pg_cli *c, const char *const *operands,
                          const struct admin_options *o)
{
    struct bytes name = bytes_str(operands[0]);
    int64_t id = 0;
    int err = ask_number(
        c, "UPDATE auth_user SET is_active = false WHERE username = $1::text RETURNING id", &name,
        1, &id);

    (void)o;
    if (err != 0) {
        return fail("User", operands[0], err == ERR_NOT_FOUND ? "no such user" : pg_cli_problem(c));
    }
    return 0;
}

/* ---- channels ---- */

int admin_channel_add(struct pg_cli *c, const char *const *operands, const struct admin_options *o)
{
    const char *name = operands[0];
    const struct bytes params[] = {bytes_str(name),
                                   o->is_private ? BYTES_LIT("t") : BYTES_LIT("f")};
    int64_t id = 0;
    int err;

    if (channel_name_check(params[0]) != 0) {
        return fail("Channel", name,
                    "a name is 1 to 100 of A-Z a-z 0-9 _ and -, and not only digits");
    }
    err = ask_number(c,
                     "INSERT INTO chat_channel (name, is_private) VALUES ($1::text,"
                     " $2::text::boolean) ON CONFLICT (name) DO NOTHING RETURNING id",
                     params, 2, &id);
    if (err == ERR_NOT_FOUND && o->if_absent) {
        err = find_channel(c, name, &id);
    }
    if (err != 0) {
        return fail("Channel", name, why_not(c, err));
    }
    printf("%" PRId64 "\n", id);
    return 0;
}

int admin_member_add(struct pg_cli *c, const char *const *operands, const struct admin_options *o)
{
    char channel_text[24], user_text[24];
    struct bytes params[3];
    int64_t channel = 0, user = 0, done = 0;
    int err = find_channel(c, operands[0], &channel);

    if (err != 0) {
        return fail("Channel", operands[0],
                    err == ERR_NOT_FOUND ? "no such channel" : pg_cli_problem(c));
    }
    err = find_user(c, operands[1], &user);
    if (err != 0) {
        return fail("User", operands[1], err == ERR_NOT_FOUND ? "no such user" : pg_cli_problem(c));
    }
    (void)snprintf(channel_text, sizeof(channel_text), "%" PRId64, channel);
    (void)snprintf(user_text, sizeof(user_text), "%" PRId64, user);
    params[0] = bytes_str(channel_text);
    params[1] = bytes_str(user_text);
    params[2] = o->is_owner ? BYTES_LIT("owner") : BYTES_LIT("member");
    err = ask_number(c,
                     "INSERT INTO chat_membership (channel_id, user_id, role)"
                     " VALUES ($1::text::bigint, $2::text::bigint, $3::text)"
                     " ON CONFLICT DO NOTHING RETURNING 1",
                     params, 3, &done);
    if (err == ERR_NOT_FOUND && o->if_absent) {
        return 0;
    }
    return err == 0 ? 0 : fail("Member", operands[1], why_not(c, err));
}
