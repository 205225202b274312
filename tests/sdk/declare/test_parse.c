/* A file read: its model, and the mistakes in it. */
#include "declared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_file_becomes_a_model(void **state)
{
    (void)state;
    static const char text[] = "file_format: \"1.0\"\n"
                               "list: [1, 2.5, \"3\", true, null, {a: b}]\n"
                               "base: &base {x: 1}\n"
                               "again: *base\n"
                               "empty: {}\n"
                               "tagged: !!str 5\n";
    tt_config *config;
    assert_int_equal(tt_config_parse(text, sizeof text - 1, &config, NULL), TT_OK);
    const tt_value *model = tt_config_model(config), *list = tt_property(model, "list");
    assert_int_equal(list->n, 6);
    assert_int_equal(list->as.items[0].as.integer, 1);
    assert_true(list->as.items[1].as.number == 2.5);
    assert_string_equal(list->as.items[2].as.text, "3");
    assert_true(list->as.items[3].as.truth);
    assert_int_equal(list->as.items[4].type, TT_TYPE_EMPTY);
    assert_string_equal(tt_property_text(&list->as.items[5], "a"), "b");
    assert_int_equal(tt_property_int(tt_property(model, "again"), "x", 0), 1);
    assert_int_equal(tt_property(model, "empty")->type, TT_TYPE_MAP);
    assert_string_equal(tt_property_text(model, "tagged"), "5");
    tt_config_free(config);
}

static void test_variables_get_their_type_after_they_are_put_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("NUMBER", "17", 1), 0);
    assert_int_equal(setenv("INJECTION", "a\nb: c", 1), 0);
    static const char text[] = "file_format: 1.0\n"
                               "plain: ${NUMBER}\n"
                               "quoted: \"${NUMBER}\"\n"
                               "gone: ${NOT_SET_AT_ALL}\n"
                               "injected: ${INJECTION}\n"
                               "${NUMBER}: key\n";
    tt_config *config;
    assert_int_equal(tt_config_parse(text, sizeof text - 1, &config, NULL), TT_OK);
    const tt_value *model = tt_config_model(config);
    assert_int_equal(tt_property_int(model, "plain", 0), 17);
    assert_string_equal(tt_property_text(model, "quoted"), "17");
    assert_int_equal(tt_property(model, "gone")->type, TT_TYPE_EMPTY);
    assert_string_equal(tt_property_text(model, "injected"), "a\nb: c");
    assert_string_equal(tt_property_text(model, "${NUMBER}"), "key");
    tt_config_free(config);
}

static void test_mistakes_are_told_with_their_line(void **state)
{
    (void)state;
    declared_refused("file_format: \"0.1\"\n",
                     "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
    declared_refused("resource: {}\n",
                     "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
    declared_refused("- a\n", "line 1: a configuration is a map");
    declared_refused("a: 1\nb: 2\na: 3\n", "line 3: twice in a map: \"a\"");
    declared_refused("a:\n  b: ${X:?no}\n", "line 2: not a reference to a variable: \"${X:?no}\"");
    declared_refused("a: *b\n", "line 1: an alias of what is not there, or not complete \"b\"");
    declared_refused("a: &a [*a]\n",
                     "line 1: an alias of what is not there, or not complete \"a\"");
    declared_refused("a: 1\n---\nb: 2\n", "line 3: a second document");
    declared_refused("[a]: 1\n", "line 1: a map has up to 1024 keys, which are words");
    declared_refused("a: [1\n", "line 2: did not find expected ',' or ']'");
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    char text[128] = "a: ";
    memset(text + 3, '[', 40);
    declared_refused(text, "line 1: nested more than 32 deep");
}

static void test_file_that_is_not_there_is_told(void **state)
{
    (void)state;
    tt_config *config;
    tt_config_error error;
    assert_int_equal(tt_config_parse_file("/nowhere/otel.yaml", &config, &error), TT_ERR_IO);
    assert_string_equal(error.text, "/nowhere/otel.yaml: No such file or directory");
    assert_int_equal(tt_config_parse_file(NULL, &config, &error), TT_ERR_IO);
    assert_null(tt_config_model(NULL));
    tt_config_free(NULL);
}

static void test_pipe_is_no_file(void **state)
{
    (void)state;
    char path[] = "/tmp/otel-pipe-XXXXXX";
    tt_config *config = NULL;
    tt_config_error error;
    assert_non_null(mkdtemp(path));
    char name[sizeof path + 2];
    (void)snprintf(name, sizeof name, "%s/p", path);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(tt_config_parse_file(name, &config, &error), TT_ERR_IO);
    assert_non_null(strstr(error.text, "/p: not a regular file"));
    assert_int_equal(tt_config_parse_file(path, &config, &error), TT_ERR_IO);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(path), 0);
}

static void test_newer_format_is_read_and_told(void **state)
{
    (void)state;
    tt_sdk sdk;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(declared_create("file_format: \"1.2\"\n", &sdk), TT_OK);
    assert_int_equal(declared_create("file_format: 1.1\n", &sdk), TT_OK);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before);
    assert_int_equal(declared_create("file_format: \"1.9\"\n", &sdk), TT_OK);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 1);
    declared_refused("file_format: \"2.0\"\n",
                     "line 1: file_format: expected \"1.0\" to \"1.2\", or \"0.4\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECLARED_TEST(file_becomes_a_model),
        DECLARED_TEST(variables_get_their_type_after_they_are_put_in),
        DECLARED_TEST(mistakes_are_told_with_their_line),
        DECLARED_TEST(deep_nesting_is_refused),
        DECLARED_TEST(file_that_is_not_there_is_told),
        DECLARED_TEST(pipe_is_no_file),
        DECLARED_TEST(newer_format_is_read_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
