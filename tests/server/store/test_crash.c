/* Loss of power at every n-th operation on the disk: afterwards every acknowledged batch is there
 * whole, and no batch is there by half. */
#include "harness.h"

#include <stdlib.h>

#include "base/buf.h"

enum { BATCH_ROWS = 7, BATCHES = 30 };

/* Batch i: the same time and value in BATCH_ROWS streams, so that a half one shows. */
static int append_batch(struct harness *h, int i)
{
    for (int k = 0; k < BATCH_ROWS; k++) {
        char name[32];
        struct buf text = {.p = name, .cap = sizeof name, .max = sizeof name};
        buf_printf(&text, "m%d{s=%d}", k % 2, k);
        buf_putc(&text, '\0');
        /* Every third batch is of the day before: two days to flush and merge. */
        harness_float(h, name, NOON + i - (i % 3 == 0 ? DAY : 0), i);
    }
    return harness_append(h, NULL, NULL);
}

/* How many of the streams have batch i. */
static int streams_with(struct harness *h, int i)
{
    struct selection *sel = NULL;
    struct arena arena;
    struct columns c;
    int64_t t = NOON + i - (i % 3 == 0 ? DAY : 0);
    int count = 0;
    arena_init(&arena, 1 << 20);
    columns_init(&c, &arena);
    assert_int_equal(store_select(h->store, NULL, 0, t, t, 0, NULL, &sel, NULL), 0);
    for (size_t k = 0; k < selection_count(sel); k++) {
        assert_int_equal(selection_read(sel, k, t, t, &c, NULL), 0);
        if (c.n) {
            assert_int_equal(c.n, 1);
            assert_true(c.value[0] == i);
            count++;
        }
    }
    columns_done(&c);
    arena_done(&arena);
    selection_free(sel);
    return count;
}

/* Appends, flushes, merges and reopens until the power goes; returns how many batches were
 * acknowledged. */
static int work(struct harness *h, bool acknowledged[BATCHES])
{
    int i = 0;
    for (; i < BATCHES && !crash_fs_has_lost_power(h->disk); i++) {
        acknowledged[i] = append_batch(h, i) == 0;
        struct err ignored;
        if (i % 5 == 4)
            (void)store_flush(h->store, &ignored);
        if (i % 13 == 12)
            (void)store_maintain(h->store, true, &ignored);
    }
    return i;
}

static void check_after(struct harness *h, const bool acknowledged[BATCHES], int n)
{
    for (int i = 0; i < n; i++) {
        int found = streams_with(h, i);
        if (acknowledged[i])
            assert_int_equal(found, BATCH_ROWS);
        else
            assert_true(found == 0 || found == BATCH_ROWS);
    }
}

/* One life that ends at operation `at`; false when the work was done before. */
static bool crash_at(uint64_t at, uint64_t seed)
{
    struct harness h;
    bool acknowledged[BATCHES] = {false};
    harness_init(&h);
    crash_fs_free(h.disk);
    h.disk = crash_fs_new(seed);
    h.options.fs = crash_fs_vtable(h.disk);
    h.options.durability = STORE_DURABILITY_DISK;
    (void)harness_open(&h);
    crash_fs_lose_power_at(h.disk, at);
    int n = work(&h, acknowledged);
    bool lost = crash_fs_has_lost_power(h.disk);
    harness_power_loss(&h);
    check_after(&h, acknowledged, n);
    /* And it goes on: write, flush, once more. */
    assert_int_equal(append_batch(&h, n), 0);
    assert_int_equal(streams_with(&h, n), BATCH_ROWS);
    harness_reopen(&h);
    check_after(&h, acknowledged, n);
    harness_done(&h);
    return lost;
}

static void test_power_loss_at_any_operation_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    uint64_t at = 0;
    while (crash_at(at, at + 1))
        at++;
    assert_true(at > 100);
}

static void test_power_loss_during_recovery_keeps_it_too(void **state)
{
    (void)state;
    for (uint64_t at = 0; at < 60; at++) {
        struct harness h;
        bool acknowledged[BATCHES] = {false};
        harness_init(&h);
        h.options.durability = STORE_DURABILITY_DISK;
        (void)harness_open(&h);
        crash_fs_lose_power_at(h.disk, 150);
        int n = work(&h, acknowledged);
        store_abandon(h.store);
        crash_fs_reboot(h.disk);
        /* The second crash comes while opening, replaying or flushing. */
        crash_fs_lose_power_at(h.disk, at);
        struct err err = {0};
        h.store = NULL;
        if (store_open(&h.options, &h.store, &err) == 0) {
            if (store_replay(h.store, NULL, &err) == 0)
                (void)store_flush(h.store, &err);
            store_abandon(h.store);
        }
        crash_fs_reboot(h.disk);
        (void)harness_open(&h);
        check_after(&h, acknowledged, n);
        harness_done(&h);
    }
}

static void test_death_of_the_process_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    struct harness h;
    bool acknowledged[BATCHES] = {false};
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < BATCHES; i++) {
        acknowledged[i] = append_batch(&h, i) == 0;
        assert_true(acknowledged[i]);
        if (i % 4 == 0)
            harness_kill(&h);
        if (i % 7 == 6)
            assert_int_equal(store_flush(h.store, NULL), 0);
        check_after(&h, acknowledged, i + 1);
    }
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_loss_at_any_operation_keeps_what_was_acknowledged),
        cmocka_unit_test(test_power_loss_during_recovery_keeps_it_too),
        cmocka_unit_test(test_death_of_the_process_keeps_what_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
