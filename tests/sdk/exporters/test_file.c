#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "sinks/output.h"
#include "support/check.h"
#include "telltale/component.h"
#include "telltale/log.h"
#include "telltale/sinks.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/test_file_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof path, "%s/log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), folder, NULL);
}

static const char *numbered(int number)
{
    static char name[160];
    (void)snprintf(name, sizeof name, number ? "%s.%d" : "%s", path, number);
    return name;
}

/* The whole of PATH.number; "" when there is none. */
static const char *content(int number)
{
    static char text[4096];
    int fd = open(numbered(number), O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        (void)close(fd);
    return text;
}

static struct output open_output(struct output o)
{
    assert_int_equal(output_open(&o, path), TT_OK);
    return o;
}

static int64_t now_s(void)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mtime;
}

static void test_file_is_renamed_when_its_hour_is_over(void **state)
{
    (void)state;
    struct output o = open_output((struct output){.period_s = 3600, .keep = 2});
    int64_t begin = now_s() / 3600 * 3600 + 3600; // a file written now belongs to the hour before
    assert_int_equal(output_write(&o, STR("one\n"), begin - 1, 1000), TT_OK);
    assert_int_equal(output_write(&o, STR("two\n"), begin - 1, 1000), TT_OK);
    assert_int_equal(output_write(&o, STR("three\n"), begin, 1000), TT_OK);
    assert_string_equal(content(1), "one\ntwo\n");
    assert_string_equal(content(0), "three\n");
    output_close(&o);
}

static void test_file_is_renamed_before_it_becomes_too_large(void **state)
{
    (void)state;
    struct output o = open_output((struct output){.bytes_max = 8, .keep = 2});
    static const char *const lines[] = {"a\n", "bcdef\n", "g\n", "a long line\n", "h\n", "i\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(output_write(&o, str_c(lines[i]), now_s(), 1000), TT_OK);
    assert_string_equal(content(0), "h\ni\n");
    assert_string_equal(content(1), "a long line\n");
    assert_string_equal(content(2), "g\n");
    assert_string_equal(content(3), ""); // two are kept
    output_close(&o);
}

static void test_file_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct output o = open_output((struct output){.bytes_max = 8, .keep = 1});
    assert_int_equal(output_write(&o, STR("one\n"), now_s(), 1000), TT_OK);
    output_close(&o);
    o = open_output((struct output){.bytes_max = 8, .keep = 1});
    assert_int_equal(output_write(&o, STR("two\n"), now_s(), 1000), TT_OK);
    assert_int_equal(output_write(&o, STR("three\n"), now_s(), 1000), TT_OK);
    assert_string_equal(content(1), "one\ntwo\n");
    assert_string_equal(content(0), "three\n");
    output_close(&o);
}

static void test_nothing_is_kept_when_nothing_is_to_be(void **state)
{
    (void)state;
    struct output o = open_output((struct output){.bytes_max = 4});
    assert_int_equal(output_write(&o, STR("one\n"), now_s(), 1000), TT_OK);
    assert_int_equal(output_write(&o, STR("two\n"), now_s(), 1000), TT_OK);
    assert_string_equal(content(0), "two\n");
    assert_string_equal(content(1), "");
    output_close(&o);
}

static void test_file_that_logrotate_moved_is_made_anew(void **state)
{
    (void)state;
    char moved[160];
    (void)snprintf(moved, sizeof moved, "%s.old", path);
    struct output o = open_output((struct output){.keep = 1});
    int64_t now = now_s();
    assert_int_equal(output_write(&o, STR("one\n"), now, 1000), TT_OK);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(output_write(&o, STR("two\n"), now, 1000), TT_OK);
    assert_string_equal(content(0), "two\n");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(output_write(&o, STR("three\n"), now, 1000), TT_OK);
    assert_string_equal(content(0), "three\n");
    assert_int_equal(truncate(path, 0), 0); // copytruncate
    assert_int_equal(output_write(&o, STR("four\n"), now, 1000), TT_OK);
    assert_string_equal(content(0), "four\n");
    output_close(&o);
}

static void test_two_writers_share_a_file_and_its_rotation(void **state)
{
    (void)state;
    struct output a = open_output((struct output){.bytes_max = 8, .keep = 3});
    struct output b = open_output((struct output){.bytes_max = 8, .keep = 3});
    assert_int_equal(output_write(&a, STR("of a\n"), now_s(), 1000), TT_OK);
    assert_int_equal(output_write(&b, STR("of b\n"), now_s(), 1000), TT_OK);
    assert_int_equal(output_write(&a, STR("a\n"), now_s(), 1000), TT_OK);
    assert_string_equal(content(1), "of a\n");
    assert_string_equal(content(0), "of b\na\n");
    output_close(&a);
    output_close(&b);
}

static void test_pipe_without_a_reader_fails_and_no_signal_comes(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct output o = {.fd = ends[1]};
    (void)close(ends[0]);
    assert_int_equal(output_write(&o, STR("one\n"), 0, 1000), TT_ERR_IO);
    (void)close(ends[1]);
}

static void test_full_disk_is_a_failure(void **state)
{
    (void)state;
    struct output o = {.period_s = 3600, .keep = 1};
    assert_int_equal(output_open(&o, "/dev/full"), TT_OK);
    assert_int_equal(output_write(&o, STR("one\n"), 0, 1000), TT_ERR_IO);
    output_close(&o);
}

/* --- the exporter --- */

static void test_file_exporter_writes_a_line_of_otlp_for_each_request(void **state)
{
    (void)state;
    tt_file_options fo = {.size = sizeof fo, .path = path, .sync = true};
    tt_logger_provider_options o = {.size = sizeof o, .simple = true};
    assert_int_equal(tt_file_exporter_new(TT_SIGNAL_LOGS, &fo, &o.exporter), TT_OK);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, "one", NULL, 0);
    tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, "two", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(p, 60000), TT_OK);
    assert_int_equal(tt_logger_provider_lost(p), 0);
    tt_logger_provider_free(p);
    const char *text = content(0), *second = strchr(text, '\n') + 1;
    assert_memory_equal(text, "{\"resourceLogs\":[{", 18);
    assert_memory_equal(second, "{\"resourceLogs\":[{", 18);
    assert_non_null(strstr(second, "{\"stringValue\":\"two\"}"));
}

static void test_file_that_cannot_be_opened_is_told(void **state)
{
    (void)state;
    tt_exporter e;
    tt_file_options o = {.size = sizeof o, .path = "/nowhere/log"};
    uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
    assert_int_equal(tt_file_exporter_new(TT_SIGNAL_LOGS, &o, &e), TT_ERR_IO);
    assert_int_equal(tt_problem_count(TT_PROBLEM_EXPORT) - before, 1);
    assert_int_equal(tt_file_exporter_new(TT_SIGNAL_LOGS, NULL, &e), TT_ERR_INVALID);
}

static int make(const char *name, const char *stream, tt_exporter *out)
{
    tt_component c;
    tt_attr fields[] = {tt_str("output_stream", stream)};
    tt_value properties = tt_value_map(fields, 1);
    assert_int_equal(tt_sinks_register(), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_EXPORTER, name, &c), TT_OK);
    return c.make.exporter(c.arg, TT_SIGNAL_LOGS, &properties, out);
}

static void test_configuration_knows_the_exporters_by_name(void **state)
{
    (void)state;
    char stream[160];
    tt_exporter e;
    assert_int_equal(make("console", "", &e), TT_OK);
    e.close(e.arg);
    assert_int_equal(make("otlp/stdout", "", &e), TT_OK);
    e.close(e.arg);
    (void)snprintf(stream, sizeof stream, "file://%s", path);
    assert_int_equal(make("otlp_file/development", stream, &e), TT_OK);
    e.close(e.arg);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(make("otlp_file/development", "gopher://x", &e), TT_ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_file_is_renamed_when_its_hour_is_over),
        TEST(test_file_is_renamed_before_it_becomes_too_large),
        TEST(test_file_goes_on_after_a_restart),
        TEST(test_nothing_is_kept_when_nothing_is_to_be),
        TEST(test_file_that_logrotate_moved_is_made_anew),
        TEST(test_two_writers_share_a_file_and_its_rotation),
        TEST(test_pipe_without_a_reader_fails_and_no_signal_comes),
        TEST(test_full_disk_is_a_failure),
        TEST(test_file_exporter_writes_a_line_of_otlp_for_each_request),
        TEST(test_file_that_cannot_be_opened_is_told),
        TEST(test_configuration_knows_the_exporters_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
