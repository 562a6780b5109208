/* SPDX-License-Identifier: MIT */
/* Names in texts: where one begins and ends, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "broker/mentions.h"
#include "proto/limits.h"

static void names_in_texts(void **state)
{
    static const struct {
        const char *text, *names; /* joined by ' ' */
    } cases[] = {
        {"", ""},
        {"no names", ""},
        {"@alice", "alice"},
        {"hi @alice, @bob!", "alice bob"},
        {"@alice @bob @alice", "alice bob"},
        {"(@alice) [@bob] <@carol> \"@dave\"", "alice bob carol dave"},
        {"ask @alice.", "alice"},
        {"@a.b-c+d_e... really", "a.b-c+d_e"},
        {"mail alice@example.com", ""},
        {"@@alice", "alice"},
        {"@", ""},
        {"@ alice", ""},
        {"@.", ""},
        {"@-x", "-x"},
        {"\xc3\xa9@alice", ""},
        {"@j\xc3\xbcrgen und @\xe6\x97\xa5\xe6\x9c\xac", "j\xc3\xbcrgen \xe6\x97\xa5\xe6\x9c\xac"},
        {"@alice@bob", "alice"},
        {"@alice\n@bob\t@carol", "alice bob carol"},
        {"@Alice @alice", "Alice alice"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes names[MENTIONS_MAX];
        size_t count = mentions_find(bytes_str(cases[i].text), names);
        char joined[256] = "";
        size_t at = 0;
        for (size_t k = 0; k < count; k++) {
            at += (size_t)snprintf(joined + at, sizeof(joined) - at, "%s%.*s", k ? " " : "",
                                   BYTES_FMT(names[k]));
        }
        assert_string_equal(joined, cases[i].names);
    }
}

static void there_is_a_bound(void **state)
{
    struct bytes names[MENTIONS_MAX];
    char text[USERNAME_MAX_BYTES + 3], many[1024];
    size_t at = 0;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[0] = '@';
    assert_int_equal(mentions_find(bytes_of(text, USERNAME_MAX_BYTES + 1), names), 1);
    assert_int_equal(mentions_find(bytes_of(text, USERNAME_MAX_BYTES + 2), names), 0);
    for (unsigned i = 0; i < MENTIONS_MAX + 5; i++) {
        at += (size_t)snprintf(many + at, sizeof(many) - at, "@u%u ", i);
    }
    assert_int_equal(mentions_find(bytes_of(many, at), names), MENTIONS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_texts),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
