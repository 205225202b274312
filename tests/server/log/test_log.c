#include "log/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

static int pipe_fds[2];
static char text[64 << 10];

static void configure(enum log_level level, enum log_format format, unsigned burst)
{
    log_configure(&(struct log_options){level, format, burst, pipe_fds[1]});
}

/* All that was logged since the last call. */
static const char *logged(void)
{
    ssize_t n = read(pipe_fds[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int setup(void **state)
{
    (void)state;
    if (pipe(pipe_fds) != 0)
        return -1;
    return fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
}

static void test_logfmt_quotes_what_needs_it(void **state)
{
    (void)state;
    configure(LOG_INFO, LOG_LOGFMT, 0);
    log_info("config", "loaded", LOG_STR("file", "a b\"c\n"), LOG_STR("plain", "x"),
             LOG_INT("n", -3), LOG_DOUBLE("d", 0.5), LOG_STR("empty", ""));
    const char *line = logged();
    assert_non_null(strstr(line,
                           "level=info area=config msg=loaded file=\"a b\\\"c\\n\" plain=x n=-3 "
                           "d=0.5 empty=\"\"\n"));
    assert_memory_equal(line, "time=2", 6);
}

static void test_json_lines_are_json(void **state)
{
    (void)state;
    configure(LOG_INFO, LOG_JSON, 0);
    log_warn("net", "bad \x01 input", LOG_INT("n", 1), LOG_TEXT("garbage", STR("\xff\xfe!")),
             LOG_DOUBLE("nan", 0.0 / (log_enabled(LOG_DEBUG) ? 1.0 : 0.0)));
    const char *line = logged();
    assert_non_null(strstr(line,
                           "\"level\":\"warn\",\"area\":\"net\",\"msg\":\"bad \\u0001 input\","
                           "\"n\":1,\"garbage\":\"(not UTF-8)\",\"nan\":null}\n"));
    assert_int_equal(line[0], '{');
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    (void)state;
    configure(LOG_WARN, LOG_LOGFMT, 0);
    log_info("x", "quiet");
    log_error("x", "loud");
    const char *lines = logged();
    assert_null(strstr(lines, "quiet"));
    assert_non_null(strstr(lines, "loud"));
}

static void repeat(void)
{
    log_warn("x", "again");
}

static void test_a_repeated_line_is_limited_and_counted(void **state)
{
    (void)state;
    configure(LOG_INFO, LOG_LOGFMT, 3);
    uint64_t before = log_suppressed_count();
    for (int i = 0; i < 10; i++)
        repeat();
    size_t lines = 0;
    for (const char *p = logged(); (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 3);
    assert_int_equal(log_suppressed_count() - before, 7);
}

static void test_an_overlong_line_ends_behind_a_whole_field(void **state)
{
    (void)state;
    configure(LOG_INFO, LOG_JSON, 0);
    char *big = malloc(100000);
    assert_non_null(big);
    memset(big, '"', 100000);
    struct str s = {big, 100000};
    log_info("x", "big", LOG_TEXT("a", s), LOG_TEXT("b", s), LOG_TEXT("c", s), LOG_TEXT("d", s),
             LOG_TEXT("e", s));
    const char *line = logged();
    size_t n = strlen(line);
    assert_true(n < (16 << 10) + 1);
    assert_memory_equal(line + n - 3, "\"}\n", 3);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logfmt_quotes_what_needs_it),
        cmocka_unit_test(test_json_lines_are_json),
        cmocka_unit_test(test_lines_below_the_level_are_left_out),
        cmocka_unit_test(test_a_repeated_line_is_limited_and_counted),
        cmocka_unit_test(test_an_overlong_line_ends_behind_a_whole_field),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
