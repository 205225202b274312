/* Loss of power at every n-th operation on the disk under spans: afterwards every acknowledged
 * batch is there whole and once, and no batch is there by half. */
#include "crash_lives.h"

#include <errno.h>

#include "base/time.h"
#include "store/records.h"

enum { BATCH_ROWS = 6, BATCHES = 24 };

/* Batch i: rows with the attribute batch=i, in two sources; every third batch is of two days. */
static int append_batch(struct harness *h, int i)
{
    struct record_batch b;
    struct sink_result result;
    const struct attribute service = {STR("service.name"), any_string(STR("agent"))};
    const struct attribute batch = {STR("batch"), any_int(i)};
    record_batch_init(&b, RECORD_SPANS, 1 << 20);
    for (int k = 0; k < BATCH_ROWS; k++) {
        struct record_group *g =
            k % 3 == 0 ? record_batch_add_group(&b) : &b.groups[b.n_groups - 1];
        if (k % 3 == 0)
            g->source = (struct record_source){.resource = &service, .n_resource = k ? 1 : 0};
        struct record *r = record_batch_add(&b, g);
        r->t_unix_ns = (NOON + i - (i % 3 == 0 && k % 2 ? DAY : 0)) * NS_PER_MS;
        r->fields[SPAN_TRACE_ID] = any_bytes(STR("0123456789abcdef"));
        r->fields[SPAN_NAME] = any_string(STR("agent.run"));
        r->attributes = &batch;
        r->n_attributes = 1;
    }
    int rc = store_append_records(h->store, &b, &result, NULL);
    record_batch_done(&b);
    return rc;
}

static int count(void *arg, const struct record_block *b)
{
    int *rows = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct any batch = vector_at(&b->columns[0], i);
        assert_int_equal(batch.type, ANY_INT);
        assert_in_range(batch.as.integer, 0, BATCHES);
        rows[batch.as.integer]++;
    }
    return 0;
}

static void count_rows(struct harness *h, int rows[CRASH_BATCHES_MAX], int n)
{
    const struct column_ref column = {.origin = COLUMN_ATTRIBUTE, .name = STR("batch")};
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .columns = &column,
                                     .n_columns = 1,
                                     .each = count,
                                     .arg = rows};
    (void)n; // a scan finds those of all batches
    memset(rows, 0, CRASH_BATCHES_MAX * sizeof *rows);
    assert_int_equal(store_scan(h->store, &scan, NULL, NULL), 0);
}

static void upkeep(struct harness *h, int i)
{
    struct err ignored;
    uint64_t rows;
    if (i % 5 == 4)
        (void)store_flush(h->store, &ignored);
    if (i % 11 == 10)
        (void)store_maintain(h->store, true, &ignored);
    if (i % 13 == 12)
        (void)store_delete_records(h->store, RECORD_SPANS, NULL, 0, 1, &rows, &ignored);
}

static const struct crash_work spans = {BATCHES, BATCH_ROWS, append_batch, upkeep, count_rows};

static void test_power_loss_at_any_operation_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    crash_at_any_operation(&spans, 80);
}

static void test_power_loss_during_recovery_keeps_it_too(void **state)
{
    (void)state;
    crash_during_recovery(&spans, 100, 50);
}

static void test_death_of_the_process_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    crash_of_the_process(&spans);
}

/* --- disks that fail -------------------------------------------------------------------------- */

/* Of the first `n` batches those in `whole` ("02": 0 and 2) are there, each once, and no other. */
static void check_batches(struct harness *h, int n, const char *whole)
{
    int rows[CRASH_BATCHES_MAX];
    count_rows(h, rows, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(rows[i], strchr(whole, '0' + i) ? BATCH_ROWS : 0);
}

static void test_a_full_disk_refuses_whole_batches_and_recovers(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(append_batch(&h, 0), 0);
    crash_fs_set_space(h.disk, crash_fs_used(h.disk) + 100);
    assert_int_equal(append_batch(&h, 1), ERR_BUSY);
    assert_int_not_equal(store_flush(h.store, NULL), 0);
    check_batches(&h, 2, "0");
    crash_fs_set_space(h.disk, UINT64_MAX);
    assert_int_equal(append_batch(&h, 2), 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_batches(&h, 3, "02");
    harness_kill(&h);
    check_batches(&h, 3, "02");
    harness_done(&h);
}

static void test_a_disk_that_cannot_be_written_refuses_and_keeps_answering(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_int_equal(append_batch(&h, 0), 0);
    crash_fs_fail_writes(h.disk, EROFS);
    assert_int_equal(append_batch(&h, 1), ERR_IO);
    assert_int_not_equal(store_flush(h.store, NULL), 0);
    check_batches(&h, 2, "0");
    crash_fs_fail_writes(h.disk, 0);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_kill(&h);
    check_batches(&h, 2, "0");
    harness_done(&h);
}

/* Damage anywhere in a part costs the group or the part that has it, never the server. */
static void test_damage_anywhere_in_a_part_loses_rows_at_most(void **state)
{
    (void)state;
    uint64_t lost = 0, size = 1;
    for (uint64_t at = 0; at < size; at += 13) {
        struct harness h;
        int rows[CRASH_BATCHES_MAX];
        harness_init(&h);
        (void)harness_open(&h);
        assert_int_equal(append_batch(&h, 1), 0);
        assert_int_equal(store_flush(h.store, NULL), 0);
        const char *part = crash_fs_path(h.disk, "1.part", 0);
        size = crash_fs_size(h.disk, part);
        harness_close(&h);
        assert_true(crash_fs_damage(h.disk, part, at, 0x10));
        struct err err = {0};
        assert_int_equal(store_open(&h.options, &h.store, &err), 0);
        assert_int_equal(store_replay(h.store, NULL, &err), 0);
        count_rows(&h, rows, 2);
        assert_true(rows[1] == 0 || rows[1] == BATCH_ROWS);
        lost += rows[1] == 0;
        assert_int_equal(append_batch(&h, 2), 0);
        assert_int_equal(store_maintain(h.store, true, &err), 0);
        store_abandon(h.store);
        h.store = NULL;
        harness_done(&h);
    }
    assert_true(lost > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_loss_at_any_operation_keeps_what_was_acknowledged),
        cmocka_unit_test(test_power_loss_during_recovery_keeps_it_too),
        cmocka_unit_test(test_death_of_the_process_keeps_what_was_acknowledged),
        cmocka_unit_test(test_a_full_disk_refuses_whole_batches_and_recovers),
        cmocka_unit_test(test_a_disk_that_cannot_be_written_refuses_and_keeps_answering),
        cmocka_unit_test(test_damage_anywhere_in_a_part_loses_rows_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
