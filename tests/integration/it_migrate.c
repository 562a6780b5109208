/* SPDX-License-Identifier: MIT */
/* Tests of the migrations against a real PostgreSQL: from nothing, again, beside Django's tables,
 * and by several processes at once. */
#include "tests/integration/pg_fixture.h"

#include <sys/wait.h>

static int64_t migration_count(void)
{
    int64_t n = 0;

    while (migrations[n].number != 0) {
        n++;
    }
    return n;
}

static void migrations_are_numbered_in_order(void **state)
{
    (void)state;
    assert_true(migration_count() >= 3);
    for (int i = 0; migrations[i].number != 0; i++) {
        assert_int_equal(migrations[i].number, i + 1);
        assert_non_null(strstr(migrations[i].sql, "SPDX"));
    }
}

static void from_nothing_and_again(void **state)
{
    (void)state;
    assert_int_equal(migrate_run(fx.dsn), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM kibray_migration"), migration_count());
    fixture_sql("INSERT INTO chat_channel (name) VALUES ('kept')");
    assert_int_equal(migrate_run(fx.dsn), 0);
    assert_int_equal(fixture_number("SELECT count(*) FROM kibray_migration"), migration_count());
    assert_int_equal(fixture_number("SELECT count(*) FROM chat_channel"), 1);
}

static void djangos_tables_are_as_django_makes_them(void **state)
{
    (void)state;
    assert_int_equal(migrate_run(fx.dsn), 0);
    assert_int_equal(
        fixture_number("SELECT count(*) FROM information_schema.columns"
                       " WHERE table_schema = current_schema AND table_name = 'auth_user' AND"
                       " (column_name, data_type, coalesce(character_maximum_length, 0),"
                       " is_nullable, is_identity) IN (VALUES"
                       " ('id', 'integer', 0, 'NO', 'YES'),"
                       " ('password', 'character varying', 128, 'NO', 'NO'),"
                       " ('last_login', 'timestamp with time zone', 0, 'YES', 'NO'),"
                       " ('is_superuser', 'boolean', 0, 'NO', 'NO'),"
                       " ('username', 'character varying', 150, 'NO', 'NO'),"
                       " ('first_name', 'character varying', 150, 'NO', 'NO'),"
                       " ('last_name', 'character varying', 150, 'NO', 'NO'),"
                       " ('email', 'character varying', 254, 'NO', 'NO'),"
                       " ('is_staff', 'boolean', 0, 'NO', 'NO'),"
                       " ('is_active', 'boolean', 0, 'NO', 'NO'),"
                       " ('date_joined', 'timestamp with time zone', 0, 'NO', 'NO'))"),
        11);
    assert_int_equal(fixture_number("SELECT count(*) FROM information_schema.columns"
                                    " WHERE table_schema = current_schema"
                                    " AND table_name = 'auth_user'"),
                     11);
    assert_int_equal(
        fixture_number("SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema"
                       " AND indexname IN ('auth_user_pkey', 'auth_user_username_key',"
                       " 'auth_user_username_6821ab7c_like', 'django_session_pkey',"
                       " 'django_session_session_key_c0390e0f_like',"
                       " 'django_session_expire_date_a5c62663')"),
        6);
}

static void tables_that_are_there_stay(void **state)
{
    (void)state;
    /* As an older Django made them: other types, a row. */
    fixture_sql("CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL,"
                " last_login timestamptz, is_superuser boolean NOT NULL,"
                " username varchar(150) NOT NULL UNIQUE, first_name varchar(30) NOT NULL,"
                " last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,"
                " is_staff boolean NOT NULL, is_active boolean NOT NULL,"
                " date_joined timestamptz NOT NULL);"
                "INSERT INTO auth_user VALUES (7, 'pw', NULL, true, 'root', '', '', '', true, true,"
                " now());"
                "CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY,"
                " session_data text NOT NULL, expire_date timestamptz NOT NULL)");
    assert_int_equal(migrate_run(fx.dsn), 0);
    assert_int_equal(fixture_number("SELECT id FROM auth_user WHERE username = 'root'"), 7);
    assert_int_equal(
        fixture_number("SELECT character_maximum_length FROM information_schema.columns WHERE"
                       " table_schema = current_schema AND table_name = 'auth_user'"
                       " AND column_name = 'first_name'"),
        30);
}

static void several_at_once_make_one_schema(void **state)
{
    pid_t children[4];

    (void)state;
    (void)fflush(stdout);
    for (size_t i = 0; i < 4; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            _exit(migrate_run(fx.dsn));
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(fixture_number("SELECT count(*) FROM kibray_migration"), migration_count());
}

static void a_failed_migration_leaves_nothing_of_itself(void **state)
{
    (void)state;
    /* The second one meets a table of its own name. */
    fixture_sql("CREATE TABLE chat_message (n integer)");
    assert_int_equal(migrate_run(fx.dsn), 1);
    assert_int_equal(fixture_number("SELECT max(number) FROM kibray_migration"), 1);
    assert_int_equal(fixture_number("SELECT count(*) FROM pg_class"
                                    " WHERE oid = to_regclass('chat_channel')"),
                     0);
    fixture_sql("DROP TABLE chat_message");
    assert_int_equal(migrate_run(fx.dsn), 0);
}

static void what_cannot_be_reached_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(migrate_run("host=/nonexistent"), 1);
    assert_int_equal(migrate_run("host='"), 1);
    assert_int_equal(migrate_run("postgresql://a:b@c@d/e"), 1);
    assert_int_equal(migrate_run(NULL), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrations_are_numbered_in_order),
        TEST(from_nothing_and_again),
        TEST(djangos_tables_are_as_django_makes_them),
        TEST(tables_that_are_there_stay),
        TEST(several_at_once_make_one_schema),
        TEST(a_failed_migration_leaves_nothing_of_itself),
        TEST(what_cannot_be_reached_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
