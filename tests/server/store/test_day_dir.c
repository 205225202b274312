#include "store/embedded/day_dir.h"

#include <stdlib.h>

#include "base/str.h"
#include "support/check.h"
#include "support/crash_fs.h"

static struct crash_fs *disk;
static const struct fs *fs;

static int begin(void **state)
{
    (void)state;
    disk = crash_fs_new(1);
    fs = crash_fs_vtable(disk);
    return fs_make_dir(fs, "table", NULL);
}

static int end(void **state)
{
    (void)state;
    crash_fs_free(disk);
    return 0;
}

static void put_file(const char *dir, const char *name)
{
    struct fs_file f;
    char *path = fs_join(dir, name);
    assert_int_equal(fs_open(fs, path, FS_WRITE, &f, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    free(path);
}

static void test_days_are_named_as_calendars_do(void **state)
{
    (void)state;
    char name[DAY_NAME_MAX];
    int64_t day = 0;
    day_format_name(name, 0);
    assert_string_equal(name, "1970-01-01");
    assert_true(day_parse_name("2024-02-29", &day));
    day_format_name(name, day);
    assert_string_equal(name, "2024-02-29");
    static const char *const others[] = {"2023-02-29", "2024-2-29", "2024-13-01", "2024-00-10",
                                         "wal",        "",          "2024-02-29x"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(day_parse_name(others[i], &day));
}

static void test_parts_come_by_width_and_what_was_interrupted_goes(void **state)
{
    (void)state;
    char *dir = NULL;
    struct day_parts found = {0};
    assert_int_equal(day_dir_make(fs, "table", 3, &dir, NULL), 0);
    assert_string_equal(dir, "table/1970-01-04");
    put_file(dir, "0000000000000002-0000000000000002.part");
    put_file(dir, "0000000000000001-0000000000000003.part");
    put_file(dir, "0000000000000001-0000000000000001.part");
    put_file(dir, "0000000000000004-0000000000000004.part.damaged");
    put_file(dir, "0000000000000005-0000000000000005.part.tmp");
    put_file(dir, "note");
    assert_int_equal(day_parts_list(fs, dir, &found, NULL), 0);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.aside, 1);
    assert_int_equal(found.v[0].hi, 3);
    assert_int_equal(found.v[1].lo, 1);
    assert_int_equal(found.v[2].lo, 2);
    assert_true(str_ends(str_c(found.v[2].path), STR("/0000000000000002-0000000000000002.part")));
    assert_null(crash_fs_path(disk, ".tmp", 0));
    assert_non_null(crash_fs_path(disk, "note", 0));
    day_parts_done(&found);
    free(dir);
}

static int add_up(void *arg, int64_t day, const char *dir, struct err *err)
{
    (void)err;
    assert_true(str_starts(str_c(dir), STR("table/")));
    *(int64_t *)arg += day;
    return day == 100 ? ERR_IO : 0;
}

static void test_each_day_is_visited_until_one_fails(void **state)
{
    (void)state;
    char *dir = NULL;
    int64_t sum = 0;
    for (int64_t day = 1; day <= 4; day++) {
        assert_int_equal(day_dir_make(fs, "table", day, &dir, NULL), 0);
        free(dir);
    }
    assert_int_equal(fs_make_dir(fs, "table/wal", NULL), 0);
    assert_int_equal(day_dir_each(fs, "table", add_up, &sum, NULL), 0);
    assert_int_equal(sum, 1 + 2 + 3 + 4);
    assert_int_equal(day_dir_make(fs, "table", 100, &dir, NULL), 0);
    free(dir);
    assert_int_equal(day_dir_each(fs, "table", add_up, &sum, NULL), ERR_IO);
}

static void test_day_goes_with_its_files(void **state)
{
    (void)state;
    char *dir = NULL;
    assert_int_equal(day_dir_make(fs, "table", 3, &dir, NULL), 0);
    put_file(dir, "a.part");
    put_file(dir, "b.part.damaged");
    assert_int_equal(day_dir_remove(fs, "table", 3, NULL), 0);
    assert_false(fs_is_dir(fs, dir));
    assert_null(crash_fs_path(disk, ".part", 0));
    free(dir);
}

static void test_file_set_aside_keeps_its_content_under_another_name(void **state)
{
    (void)state;
    put_file("table", "a.part");
    assert_true(table_file_set_aside(fs, "table/a.part"));
    assert_non_null(crash_fs_path(disk, "table/a.part.damaged", 0));
    assert_null(crash_fs_path(disk, "a.part", 0));
    assert_false(table_file_set_aside(fs, "table/a.part"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(days_are_named_as_calendars_do),
        TEST(parts_come_by_width_and_what_was_interrupted_goes),
        TEST(each_day_is_visited_until_one_fails),
        TEST(day_goes_with_its_files),
        TEST(file_set_aside_keeps_its_content_under_another_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
