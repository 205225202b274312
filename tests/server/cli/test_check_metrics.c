#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "support/check.h"

static char path[] = "/tmp/telltale-check-metrics-XXXXXX";

static int run_on(const char *text, const char *format)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    char flag[] = "--format", word[32];
    (void)snprintf(word, sizeof word, "%s", format);
    char *argv[] = {flag, word, path};
    return cli_check_metrics.run(ARRAY_LEN(argv), argv);
}

static void test_the_status_tells_valid_from_invalid(void **state)
{
    (void)state;
    assert_int_equal(run_on("a 1\n", "text"), 0);
    assert_int_equal(run_on("a one\n", "text"), 1);
    assert_int_equal(run_on("a 1\n# EOF\n", "openmetrics"), 0);
    assert_int_equal(run_on("a 1\n", "openmetrics"), 1);
}

static void test_a_wrong_command_line_or_file_is_status_2(void **state)
{
    (void)state;
    assert_int_equal(run_on("a 1\n", "binary"), 2);
    char unknown[] = "--what", absent[] = "/nonexistent/page", flag[] = "--format";
    assert_int_equal(cli_check_metrics.run(1, (char *[]){unknown}), 2);
    assert_int_equal(cli_check_metrics.run(1, (char *[]){absent}), 2);
    assert_int_equal(cli_check_metrics.run(1, (char *[]){flag}), 2);
    assert_int_equal(cli_check_metrics.run(2, (char *[]){path, absent}), 2);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_status_tells_valid_from_invalid),
        cmocka_unit_test(test_a_wrong_command_line_or_file_is_status_2),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
