#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "telltale/init.h"

enum { TEXT_MAX = 4096 };

/* What stderr gets while `OTEL_LOG_LEVEL` is so and two problems happen. Problems are told once, so
 * each test has texts of its own. */
static void told(const char *level, const char *misuse, const char *loss, char text[TEXT_MAX])
{
    int ends[2], before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    assert_int_equal(setenv("OTEL_LOG_LEVEL", level, 1), 0);
    tt_init_options o = {.size = sizeof o,
                         .traces_exporter = "none",
                         .metrics_exporter = "none",
                         .logs_exporter = "none"};
    (void)tt_init(&o);
    tt_problem_tell(TT_PROBLEM_MISUSE, misuse, "so");
    tt_problem_tell(TT_PROBLEM_MISUSE, misuse, "and again");
    tt_problem_tell(TT_PROBLEM_EXPORT, loss, NULL);
    tt_cleanup();
    tt_problem_set_handler(NULL, NULL);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    (void)close(ends[1]);
    ssize_t n = read(ends[0], text, TEXT_MAX - 1);
    text[n > 0 ? n : 0] = '\0';
    (void)close(ends[0]);
}

static void test_problems_are_written_to_stderr_once(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    told("", "a mistake", "a loss", text);
    assert_string_equal(text, "telltale: warning: a mistake: \"so\"\ntelltale: error: a loss\n");
}

static void test_control_characters_are_not_written(void **state)
{
    (void)state;
    char text[TEXT_MAX], large[1024];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    told("", "a \x1b[31mred\nmistake\x7f", large, text);
    assert_ptr_equal(strstr(text, "telltale: warning: a ?[31mred?mistake?: \"so\"\n"), text);
    assert_null(strchr(text, '\x1b'));
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void test_level_error_leaves_mistakes_out(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    told("ERROR", "a second mistake", "a second loss", text);
    assert_string_equal(text, "telltale: error: a second loss\n");
}

static void test_level_none_is_silent(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    told("none", "a third mistake", "a third loss", text);
    assert_string_equal(text, "");
}

static void test_level_may_be_changed(void **state)
{
    (void)state;
    static const char *const silent[] = {"fatal4", "OFF", "none"}, *const all[] = {"info", NULL};
    int ends[2], before = dup(STDERR_FILENO);
    char text[TEXT_MAX];
    assert_int_equal(pipe(ends), 0);
    tt_init_options o = {.size = sizeof o,
                         .traces_exporter = "none",
                         .metrics_exporter = "none",
                         .logs_exporter = "none"};
    (void)tt_init(&o);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    for (size_t i = 0; i < 3; i++) {
        tt_problem_set_level(silent[i]);
        tt_problem_tell(TT_PROBLEM_EXPORT, i == 0 ? "s0" : i == 1 ? "s1" : "s2", NULL);
    }
    tt_problem_set_level("error2");
    tt_problem_tell(TT_PROBLEM_MISUSE, "no loss", NULL);
    tt_problem_tell(TT_PROBLEM_EXPORT, "loss", NULL);
    for (size_t i = 0; i < 2; i++) {
        tt_problem_set_level(all[i]);
        tt_problem_tell(TT_PROBLEM_MISUSE, i == 0 ? "m0" : "m1", NULL);
    }
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    (void)close(before);
    (void)close(ends[1]);
    tt_cleanup();
    tt_problem_set_handler(NULL, NULL);
    ssize_t n = read(ends[0], text, TEXT_MAX - 1);
    text[n > 0 ? n : 0] = '\0';
    (void)close(ends[0]);
    assert_string_equal(text, "telltale: error: loss\ntelltale: warning: m0\n"
                              "telltale: warning: m1\n");
}

static void count(enum tt_problem kind, const char *text, void *arg)
{
    (void)kind, (void)text;
    ++*(int *)arg;
}

static void test_handler_that_is_there_stays(void **state)
{
    (void)state;
    int calls = 0;
    tt_problem_set_handler(count, &calls);
    tt_init_options o = {.size = sizeof o,
                         .traces_exporter = "none",
                         .metrics_exporter = "none",
                         .logs_exporter = "none"};
    assert_int_equal(tt_init(&o), TT_OK);
    tt_problem_tell(TT_PROBLEM_MISUSE, "a fourth mistake", NULL);
    assert_int_equal(calls, 1);
    tt_problem_set_handler(NULL, NULL);
    tt_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems_are_written_to_stderr_once),
        cmocka_unit_test(test_control_characters_are_not_written),
        cmocka_unit_test(test_level_error_leaves_mistakes_out),
        cmocka_unit_test(test_level_none_is_silent),
        cmocka_unit_test(test_level_may_be_changed),
        cmocka_unit_test(test_handler_that_is_there_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
