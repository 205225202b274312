/* Snapshots of a running store, and starting on one. */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"

static char path[128];

static const char *take(struct harness *h, bool skip_head)
{
    char name[STORE_SNAPSHOT_NAME];
    struct err err = {0};
    if (store_snapshot(h->store, NULL, skip_head, name, &err) != 0) {
        print_error("%s\n", err.message);
        fail();
    }
    (void)snprintf(path, sizeof path, "root/data/snapshots/%s", name);
    return path;
}

/* Opens the directory as a store of its own beside the first. */
static void restore(struct harness *h, const struct harness *of, const char *dir)
{
    *h = (struct harness){.disk = of->disk, .options = of->options};
    h->options.dir = dir;
    batch_init(&h->batch, 1 << 20);
    (void)harness_open(h);
}

static void restore_done(struct harness *h)
{
    harness_close(h);
    batch_done(&h->batch);
}

static void test_a_snapshot_holds_what_was_acknowledged_before_it(void **state)
{
    (void)state;
    struct harness h, copy;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{a=b}", NOON, 1);
    harness_put(&h, "up{a=b}", NOON - DAY, 2);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "up{a=b}", NOON + 1, 3);
    const char *dir = take(&h, false);
    harness_put(&h, "up{a=b}", NOON + 2, 4);
    restore(&copy, &h, dir);
    check_rows(&copy, "", "up{a=\"b\"} -86400000=2 0=1 1=3");
    check_rows(&h, "", "up{a=\"b\"} -86400000=2 0=1 1=3 2=4");
    restore_done(&copy);
    harness_done(&h);
}

/* Such as lost+found of a disk of its own, which nobody else may read. */
static void test_directories_that_are_no_tables_are_left_out(void **state)
{
    (void)state;
    struct harness h, copy;
    uint64_t damaged;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{}", NOON, 1);
    harness_put_log(&h, NOON);
    assert_int_equal(fs_make_dir(h.options.fs, "root/data/lost+found", NULL), 0);
    const char *dir = take(&h, false);
    char strange[192];
    (void)snprintf(strange, sizeof strange, "%s/lost+found", dir);
    assert_false(fs_is_dir(h.options.fs, strange));
    restore(&copy, &h, dir);
    check_rows(&copy, "", "up 0=1");
    assert_int_equal(harness_count_logs(&copy, 0, NOON, &damaged), 1);
    restore_done(&copy);
    harness_done(&h);
}

static void test_without_the_head_it_holds_what_is_in_parts(void **state)
{
    (void)state;
    struct harness h, copy;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{}", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_put(&h, "up{}", NOON + 1, 2);
    restore(&copy, &h, take(&h, true));
    check_rows(&copy, "", "up 0=1");
    restore_done(&copy);
    harness_done(&h);
}

static void test_a_snapshot_outlives_merges_and_retention_of_its_origin(void **state)
{
    (void)state;
    struct harness h, copy;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 4; i++) {
        harness_put(&h, "up{}", NOON + i, i);
        assert_int_equal(store_flush(h.store, NULL), 0);
    }
    const char *dir = take(&h, false);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    h.options.retention_ms = DAY;
    assert_int_equal(store_reconfigure(h.store, &h.options, NULL), 0);
    harness_set_now(NOON + 10 * DAY);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_rows(&h, "", "");
    h.options.retention_ms = STORE_RETENTION_FOREVER;
    restore(&copy, &h, dir);
    check_rows(&copy, "", "up 0=0 1=1 2=2 3=3");
    restore_done(&copy);
    harness_done(&h);
}

static void test_files_are_copied_where_they_cannot_be_linked(void **state)
{
    (void)state;
    struct harness h, copy;
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{}", NOON, 1);
    crash_fs_fail_links(h.disk, EXDEV);
    const char *dir = take(&h, false);
    restore(&copy, &h, dir);
    check_rows(&copy, "", "up 0=1");
    restore_done(&copy);
    harness_done(&h);
}

static void test_a_failed_snapshot_leaves_nothing(void **state)
{
    (void)state;
    struct harness h;
    char name[STORE_SNAPSHOT_NAME];
    struct err err = {0};
    struct fs_names names = {0};
    harness_init(&h);
    (void)harness_open(&h);
    harness_put(&h, "up{}", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    crash_fs_fail_links(h.disk, EIO);
    assert_int_equal(store_snapshot(h.store, NULL, false, name, &err), ERR_IO);
    assert_true(strncmp(err.message, "snapshot: link root/data/", 25) == 0);
    assert_int_equal(fs_list(h.options.fs, "root/data/snapshots", &names, NULL), 0);
    assert_int_equal(names.n, 0);
    fs_names_done(&names);
    harness_done(&h);
}

/* One life that loses its power at operation `at` of a snapshot; false when it was done before. */
static bool crash_at(uint64_t at)
{
    struct harness h, copy;
    struct fs_names names = {0};
    char name[STORE_SNAPSHOT_NAME];
    harness_init(&h);
    h.options.durability = STORE_DURABILITY_DISK;
    (void)harness_open(&h);
    harness_put(&h, "up{}", NOON, 1);
    crash_fs_lose_power_at(h.disk, at);
    bool told = store_snapshot(h.store, NULL, false, name, NULL) == 0;
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);
    check_rows(&h, "", "up 0=1");
    if (fs_list(h.options.fs, "root/data/snapshots", &names, NULL) != 0)
        names.n = 0;
    assert_true(names.n <= 1 && (!told || names.n == 1));
    if (names.n) { // by its name it is whole
        (void)snprintf(path, sizeof path, "root/data/snapshots/%s", names.v[0]);
        restore(&copy, &h, path);
        check_rows(&copy, "", "up 0=1");
        restore_done(&copy);
    }
    fs_names_done(&names);
    harness_done(&h);
    return lost;
}

static void test_power_loss_during_a_snapshot_leaves_a_whole_one_or_none(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_at(at))
        at++;
    assert_true(at > 20);
}

static void append_on_and_on(void *arg)
{
    struct harness *h = arg;
    for (int i = 0; i < 200; i++) {
        harness_float(h, "a{}", NOON + i, i);
        harness_float(h, "b{}", NOON + i, i);
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

static void test_no_batch_is_in_a_snapshot_by_half(void **state)
{
    (void)state;
    struct harness h, copy;
    struct thread thread = {0};
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(thread_start(&thread, "append", append_on_and_on, &h, NULL), 0);
    for (int i = 0; i < 5; i++) {
        restore(&copy, &h, take(&h, false));
        char *a = str_dup(str_c(harness_read(&copy, "__name__=a", INT64_MIN, INT64_MAX)));
        const char *b = harness_read(&copy, "__name__=b", INT64_MIN, INT64_MAX);
        assert_true((!*a && !*b) || strcmp(a + 1, b + 1) == 0);
        free(a);
        restore_done(&copy);
    }
    thread_join(&thread);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_holds_what_was_acknowledged_before_it),
        cmocka_unit_test(test_directories_that_are_no_tables_are_left_out),
        cmocka_unit_test(test_without_the_head_it_holds_what_is_in_parts),
        cmocka_unit_test(test_a_snapshot_outlives_merges_and_retention_of_its_origin),
        cmocka_unit_test(test_files_are_copied_where_they_cannot_be_linked),
        cmocka_unit_test(test_a_failed_snapshot_leaves_nothing),
        cmocka_unit_test(test_power_loss_during_a_snapshot_leaves_a_whole_one_or_none),
        cmocka_unit_test(test_no_batch_is_in_a_snapshot_by_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
