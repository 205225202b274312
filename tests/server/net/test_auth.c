#include "net/auth.h"

#include "base/atomic.h"
#include "base/thread.h"
#include "support/check.h"

/* All hashes are of "pass". */
static const char bcrypt[] = "$2b$04$abcdefghijklmnopqrstuufznL8bkzdtHwLhca4To/v9Lo9bA7fR6";
static const char sha512[] = "$6$saltstring$l3AtofUs6wpxMk/90jYkHHLNtmSbO8V992YnLp6Q7f."
                             "ocfqJTX0/7n1lfTzdE3zUbZB1kQYrG6wvxOj7FsLC/1";
static const char yescrypt[] = "$y$j75$abcdefgh$X8GMXMDcy1Gm4ECi62YN3gYJL4qXnVr50W/4aFlg214";
/* sha256("secret"), sha256("reader") */
static const char secret[] = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
static const char reader[] = "3D0941964AA3EBDCB00CCEF58B1BB399F9F898465E9886D5AEC7F31090A0FB30";

static struct auth *make(const struct auth_user *users, size_t n)
{
    struct auth *a = NULL;
    struct err err;
    if (auth_new(users, n, &a, &err) != 0)
        fail_msg("%s", err.message);
    return a;
}

static void test_each_kind_of_credential_has_its_rights(void **state)
{
    (void)state;
    const struct auth_user users[] = {{NULL, NULL, secret, AUTH_INGEST},
                                      {NULL, NULL, reader, AUTH_READ},
                                      {"ann", bcrypt, NULL, AUTH_READ},
                                      {"bea", sha512, NULL, AUTH_INGEST},
                                      {"cat", yescrypt, NULL, AUTH_ADMIN}};
    static const struct {
        const char *header;
        enum auth_right right;
        enum auth_result result;
    } cases[] = {
        {"", AUTH_READ, AUTH_MISSING},
        {"", AUTH_NONE, AUTH_OK},
        {"Bearer nonsense", AUTH_NONE, AUTH_OK},
        {"Bearer secret", AUTH_INGEST, AUTH_OK},
        {"bEARER   secret ", AUTH_INGEST, AUTH_OK},
        {"Bearer secret", AUTH_READ, AUTH_FORBIDDEN},
        {"Bearer secret", AUTH_ADMIN, AUTH_FORBIDDEN},
        {"Bearer reader", AUTH_READ, AUTH_OK},
        {"Bearer secretx", AUTH_INGEST, AUTH_WRONG},
        {"Bearer secre", AUTH_INGEST, AUTH_WRONG},
        {"Bearer ", AUTH_INGEST, AUTH_WRONG},
        {"Bearer", AUTH_INGEST, AUTH_WRONG},
        {"secret", AUTH_INGEST, AUTH_WRONG},
        {"Token secret", AUTH_INGEST, AUTH_WRONG},
        {"Basic YW5uOnBhc3M=", AUTH_READ, AUTH_OK},          // ann:pass
        {"basic YW5uOnBhc3M=", AUTH_READ, AUTH_OK},          //
        {"Basic YW5uOnBhc3M=", AUTH_INGEST, AUTH_FORBIDDEN}, //
        {"Basic YmVhOnBhc3M=", AUTH_INGEST, AUTH_OK},        // bea:pass
        {"Basic Y2F0OnBhc3M=", AUTH_READ, AUTH_OK},          // cat:pass, an admin
        {"Basic Y2F0OnBhc3M=", AUTH_INGEST, AUTH_OK},        //
        {"Basic Y2F0OnBhc3M=", AUTH_ADMIN, AUTH_OK},         //
        {"Basic YW5uOlBhc3M=", AUTH_READ, AUTH_WRONG},       // ann:Pass
        {"Basic YW5uOg==", AUTH_READ, AUTH_WRONG},           // ann:
        {"Basic YW5u", AUTH_READ, AUTH_WRONG},               // ann
        {"Basic OnBhc3M=", AUTH_READ, AUTH_WRONG},           // :pass
        {"Basic ZG9iOnBhc3M=", AUTH_READ, AUTH_WRONG},       // dob:pass
        {"Basic YW5uOnBhc3MAeA==", AUTH_READ, AUTH_WRONG},   // ann:pass\0x
        {"Basic YW5u\fOnBhc3M=", AUTH_READ, AUTH_WRONG},     //
        {"Basic ???", AUTH_READ, AUTH_WRONG},                //
        {"Basic ", AUTH_READ, AUTH_WRONG},                   //
    };
    struct auth *a = make(users, ARRAY_LEN(users));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (auth_check(a, str_c(cases[i].header), cases[i].right) != cases[i].result)
            fail_msg("case %zu: \"%s\"", i, cases[i].header);
    auth_free(a);
}

static void test_the_fast_check_never_hashes_and_remembers(void **state)
{
    (void)state;
    const struct auth_user users[] = {{"ann", bcrypt, NULL, AUTH_READ}};
    const struct str right = STR("Basic YW5uOnBhc3M="), wrong = STR("Basic YW5uOlBhc3M=");
    struct auth *a = make(users, 1);
    assert_int_equal(auth_check_fast(a, right, AUTH_READ), AUTH_SLOW);
    assert_int_equal(auth_check(a, right, AUTH_READ), AUTH_OK);
    assert_int_equal(auth_check_fast(a, right, AUTH_READ), AUTH_OK);
    assert_int_equal(auth_check_fast(a, right, AUTH_ADMIN), AUTH_FORBIDDEN);
    assert_int_equal(auth_check(a, wrong, AUTH_READ), AUTH_WRONG);
    assert_int_equal(auth_check_fast(a, wrong, AUTH_READ), AUTH_SLOW); // only what is right is kept
    auth_free(a);
}

static void test_replaced_users_lose_their_rights_at_once(void **state)
{
    (void)state;
    const struct auth_user before[] = {{"ann", bcrypt, NULL, AUTH_READ},
                                       {NULL, NULL, secret, AUTH_READ}};
    const struct auth_user after[] = {{NULL, NULL, reader, AUTH_READ}};
    const struct auth_user broken[] = {{NULL, NULL, secret, AUTH_READ}, {"bob", "plain", NULL, 1}};
    struct auth *a = make(before, 2);
    struct err err;
    assert_int_equal(auth_check(a, STR("Basic YW5uOnBhc3M="), AUTH_READ), AUTH_OK);
    assert_int_equal(auth_replace(a, broken, 2, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "auth.users[1] (bob)"));
    assert_null(strstr(err.message, "plain")); // it may be a password
    assert_int_equal(auth_check_fast(a, STR("Basic YW5uOnBhc3M="), AUTH_READ), AUTH_OK);
    assert_int_equal(auth_replace(a, after, 1, &err), 0);
    assert_int_equal(auth_check(a, STR("Basic YW5uOnBhc3M="), AUTH_READ), AUTH_WRONG);
    assert_int_equal(auth_check(a, STR("Bearer secret"), AUTH_READ), AUTH_WRONG);
    assert_int_equal(auth_check(a, STR("Bearer reader"), AUTH_READ), AUTH_OK);
    auth_free(a);
}

static void test_without_users_all_is_open(void **state)
{
    (void)state;
    struct auth *a = make(NULL, 0);
    assert_int_equal(auth_check(a, (struct str){0}, AUTH_ADMIN), AUTH_OK);
    auth_free(a);
}

static void test_what_is_no_hash_is_refused_by_place(void **state)
{
    (void)state;
    const struct auth_user cases[] = {
        {"ann", "password", NULL, 1},
        {"ann", "", NULL, 1},
        {"ann", "$9$x$y", NULL, 1},
        {"ann", NULL, NULL, 1},
        {NULL, bcrypt, NULL, 1},
        {NULL, NULL, "abc", 1},
        {NULL, NULL, "zbb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct auth *a;
        struct err err;
        assert_int_equal(auth_new(&cases[i], 1, &a, &err), ERR_INVALID);
        assert_non_null(strstr(err.message, "auth.users[0]"));
    }
}

/* Many threads check while the users are replaced: the token is always one of the two sets'. */
struct race {
    struct auth *auth;
    atomic_bool done;
    atomic_int wrong;
};

static void check_often(void *arg)
{
    struct race *r = arg;
    while (!atomic_get_relaxed(&r->done)) {
        enum auth_result token = auth_check(r->auth, STR("Bearer secret"), AUTH_READ);
        enum auth_result basic = auth_check_fast(r->auth, STR("Basic YW5uOnBhc3M="), AUTH_READ);
        if (token != AUTH_OK || (basic != AUTH_OK && basic != AUTH_SLOW))
            atomic_add_relaxed(&r->wrong, 1);
    }
}

static void test_checks_and_a_reload_may_meet(void **state)
{
    (void)state;
    const struct auth_user users[] = {{NULL, NULL, secret, AUTH_READ},
                                      {"ann", bcrypt, NULL, AUTH_READ}};
    struct race r = {.auth = make(users, 2)};
    struct thread threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(thread_start(&threads[i], "checker", check_often, &r, NULL), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(auth_replace(r.auth, users, 2, NULL), 0);
        if (i % 50 == 0)
            assert_int_equal(auth_check(r.auth, STR("Basic YW5uOnBhc3M="), AUTH_READ), AUTH_OK);
    }
    atomic_set_relaxed(&r.done, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        thread_join(&threads[i]);
    assert_int_equal(atomic_get_relaxed(&r.wrong), 0);
    auth_free(r.auth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_credential_has_its_rights),
        cmocka_unit_test(test_the_fast_check_never_hashes_and_remembers),
        cmocka_unit_test(test_replaced_users_lose_their_rights_at_once),
        cmocka_unit_test(test_without_users_all_is_open),
        cmocka_unit_test(test_what_is_no_hash_is_refused_by_place),
        cmocka_unit_test(test_checks_and_a_reload_may_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
