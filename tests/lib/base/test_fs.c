/* The operating system's files behind the functions that everybody calls. */
#include "base/fs.h"

#include <stdlib.h>
#include <string.h>

#include "support/check.h"

static char dir[] = "/tmp/telltale-fs-XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    struct fs_names names = {0};
    if (fs_list(fs_real(), dir, &names, NULL) != 0)
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        (void)fs_remove(fs_real(), path, NULL);
        free(path);
    }
    fs_names_done(&names);
    return fs_remove_dir(fs_real(), dir, NULL);
}

static struct fs_file open_file(const char *name, enum fs_mode mode)
{
    struct fs_file f = {0};
    char *path = fs_join(dir, name);
    assert_int_equal(fs_open(fs_real(), path, mode, &f, NULL), 0);
    free(path);
    return f;
}

static void test_what_is_written_is_read_mapped_and_measured(void **state)
{
    (void)state;
    struct fs_file f = open_file("a", FS_NEW);
    char back[16];
    size_t n;
    uint64_t size;
    const void *map;
    assert_int_equal(fs_write_at(&f, "hello world", 11, 0, NULL), 0);
    assert_int_equal(fs_write_at(&f, "W", 1, 6, NULL), 0);
    assert_int_equal(fs_sync(&f, NULL), 0);
    assert_int_equal(fs_read_at(&f, back, sizeof back, 6, &n, NULL), 0);
    check_str(str_of(back, n), "World");
    assert_int_equal(fs_truncate(&f, 5, NULL), 0);
    assert_int_equal(fs_size(&f, &size, NULL), 0);
    assert_int_equal(size, 5);
    assert_int_equal(fs_map(&f, &map, &n, NULL), 0);
    char *path = fs_join(dir, "a");
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_int_equal(fs_remove(fs_real(), path, NULL), 0);
    check_str(str_of(map, n), "hello"); // outlives handle and name
    fs_unmap(fs_real(), map, n);
    free(path);
}

static void test_modes_keep_empty_or_demand_a_file(void **state)
{
    (void)state;
    struct fs_file f = open_file("b", FS_WRITE);
    uint64_t size;
    assert_int_equal(fs_write_at(&f, "x", 1, 0, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    f = open_file("b", FS_WRITE);
    assert_int_equal(fs_size(&f, &size, NULL), 0);
    assert_int_equal(size, 1);
    assert_int_equal(fs_close(&f, NULL), 0);
    f = open_file("b", FS_NEW);
    assert_int_equal(fs_size(&f, &size, NULL), 0);
    assert_int_equal(size, 0);
    assert_int_equal(fs_close(&f, NULL), 0);
}

static void test_failures_name_the_path_and_have_a_code(void **state)
{
    (void)state;
    struct fs_file f = {0};
    struct err err = {0};
    char *path = fs_join(dir, "missing");
    assert_int_equal(fs_open(fs_real(), path, FS_READ, &f, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(fs_remove(fs_real(), path, NULL), ERR_NOT_FOUND);
    free(path);
    assert_int_equal(fs_make_dir(fs_real(), dir, NULL), 0); // there already: fine
    f = open_file("full", FS_WRITE);
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_int_equal(fs_open(fs_real(), "/dev/full", FS_WRITE, &f, NULL), 0);
    assert_int_equal(fs_write_at(&f, "x", 1, 0, &err), ERR_BUSY); // no space: try again later
    assert_int_equal(fs_close(&f, NULL), 0);
}

static void test_directories_are_made_with_their_parents(void **state)
{
    (void)state;
    char *deep = fs_join(dir, "x/y/z"), *top = fs_join(dir, "x"), *file = fs_join(dir, "f");
    struct fs_file f = open_file("f", FS_WRITE);
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_int_equal(fs_make_dirs(fs_real(), deep, NULL), 0);
    assert_int_equal(fs_make_dirs(fs_real(), deep, NULL), 0);
    assert_true(fs_is_dir(fs_real(), deep));
    free(deep);
    deep = fs_join(file, "y");
    assert_int_not_equal(fs_make_dirs(fs_real(), deep, NULL), 0);
    assert_int_equal(fs_remove_tree(fs_real(), top, NULL), 0);
    free(deep);
    free(top);
    free(file);
}

static void test_a_lock_is_exclusive_until_close(void **state)
{
    (void)state;
    struct fs_file a = open_file("lock", FS_WRITE), b = open_file("lock", FS_WRITE);
    assert_int_equal(fs_try_lock(&a, NULL), 0);
    assert_int_equal(fs_try_lock(&b, NULL), ERR_BUSY);
    assert_int_equal(fs_close(&a, NULL), 0);
    assert_int_equal(fs_try_lock(&b, NULL), 0);
    assert_int_equal(fs_close(&b, NULL), 0);
}

static void test_replace_leaves_one_whole_file(void **state)
{
    (void)state;
    char *path = fs_join(dir, "small"), *text = NULL;
    struct fs_names names;
    size_t n, seen = 0;
    assert_int_equal(fs_replace(fs_real(), dir, path, "one", 3, NULL), 0);
    assert_int_equal(fs_replace(fs_real(), dir, path, "two!", 4, NULL), 0);
    assert_int_equal(fs_read_all(fs_real(), path, 3, &text, &n, NULL), ERR_TOO_BIG);
    assert_int_equal(fs_read_all(fs_real(), path, 100, &text, &n, NULL), 0);
    assert_string_equal(text, "two!");
    assert_int_equal(fs_list(fs_real(), dir, &names, NULL), 0);
    for (size_t i = 0; i < names.n; i++) {
        assert_true(i == 0 || strcmp(names.v[i - 1], names.v[i]) < 0);
        seen += strncmp(names.v[i], "small", 5) == 0;
    }
    assert_int_equal(seen, 1); // nothing is left beside it
    fs_names_done(&names);
    free(text);
    free(path);
}

static void test_a_link_is_a_second_name_and_a_copy_a_second_file(void **state)
{
    (void)state;
    char *a = fs_join(dir, "origin"), *b = fs_join(dir, "link"), *c = fs_join(dir, "copy"), *text;
    size_t n;
    assert_int_equal(fs_replace(fs_real(), dir, a, "content", 7, NULL), 0);
    assert_int_equal(fs_link(fs_real(), a, b, NULL), 0);
    assert_int_equal(fs_link(fs_real(), a, b, NULL), ERR_EXISTS);
    assert_int_equal(fs_copy(fs_real(), a, c, NULL), 0);
    struct fs_file f = open_file("origin", FS_WRITE);
    assert_int_equal(fs_write_at(&f, "C", 1, 0, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    assert_int_equal(fs_read_all(fs_real(), b, 100, &text, &n, NULL), 0);
    assert_string_equal(text, "Content");
    free(text);
    assert_int_equal(fs_read_all(fs_real(), c, 100, &text, &n, NULL), 0);
    assert_string_equal(text, "content");
    free(text);
    assert_int_equal(fs_link(fs_real(), "/proc/version", "/tmp/telltale-fs-none", NULL),
                     ERR_UNSUPPORTED);
    assert_true(fs_is_dir(fs_real(), dir) && !fs_is_dir(fs_real(), a));
    free(a);
    free(b);
    free(c);
}

static void test_a_tree_is_removed_with_all_that_is_in_it(void **state)
{
    (void)state;
    char *top = fs_join(dir, "tree"), *inner = fs_join(top, "inner"), *file = fs_join(inner, "x");
    assert_int_equal(fs_make_dir(fs_real(), top, NULL), 0);
    assert_int_equal(fs_make_dir(fs_real(), inner, NULL), 0);
    assert_int_equal(fs_replace(fs_real(), inner, file, "x", 1, NULL), 0);
    assert_int_equal(fs_remove_tree(fs_real(), top, NULL), 0);
    assert_false(fs_is_dir(fs_real(), top));
    assert_int_equal(fs_remove_tree(fs_real(), top, NULL), 0); // gone already: fine
    free(top);
    free(inner);
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_mapped_and_measured),
        cmocka_unit_test(test_modes_keep_empty_or_demand_a_file),
        cmocka_unit_test(test_failures_name_the_path_and_have_a_code),
        cmocka_unit_test(test_directories_are_made_with_their_parents),
        cmocka_unit_test(test_a_lock_is_exclusive_until_close),
        cmocka_unit_test(test_replace_leaves_one_whole_file),
        cmocka_unit_test(test_a_link_is_a_second_name_and_a_copy_a_second_file),
        cmocka_unit_test(test_a_tree_is_removed_with_all_that_is_in_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
