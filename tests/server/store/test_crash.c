/* Loss of power at every n-th operation on the disk: afterwards every acknowledged batch is there
 * whole, and no batch is there by half. */
#include "crash_lives.h"

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

static void count_rows(struct harness *h, int rows[CRASH_BATCHES_MAX], int n)
{
    for (int i = 0; i < n; i++)
        rows[i] = streams_with(h, i);
}

static void upkeep(struct harness *h, int i)
{
    struct err ignored;
    if (i % 5 == 4)
        (void)store_flush(h->store, &ignored);
    if (i % 13 == 12)
        (void)store_maintain(h->store, true, &ignored);
}

static const struct crash_work samples = {BATCHES, BATCH_ROWS, append_batch, upkeep, count_rows};

static void test_power_loss_at_any_operation_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    crash_at_any_operation(&samples, 100);
}

static void test_power_loss_during_recovery_keeps_it_too(void **state)
{
    (void)state;
    crash_during_recovery(&samples, 150, 60);
}

static void test_death_of_the_process_keeps_what_was_acknowledged(void **state)
{
    (void)state;
    crash_of_the_process(&samples);
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
