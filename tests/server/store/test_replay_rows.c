/* Rows that a replay gathers before it puts them into heads. */
#include "store/embedded/replay_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

static void add_histogram(struct harness *h, const char *labels, int64_t t, uint64_t seed)
{
    struct sample *v = arena_zalloc(&h->batch.arena, sizeof *v);
    assert_non_null(v);
    *v = (struct sample){.t_unix_ms = t, .histogram = harness_histogram(&h->batch.arena, seed)};
    struct batch_series *s = harness_series(h, labels);
    s->samples = v;
    s->n_samples = 1;
}

/* Batches of `series` series each, of which one has histograms; three write each time. */
static void write_thrice(struct harness *h, int series, int batches)
{
    char labels[32];
    for (int i = 0; i < batches; i++) {
        int64_t t = NOON + i / 3 * SECOND;
        for (int k = 0; k < series; k++) {
            (void)snprintf(labels, sizeof labels, "m{n=%03d}", k);
            harness_float(h, labels, t, i * 1000 + k);
        }
        add_histogram(h, "native", t, (uint64_t)i * 7919);
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

static void check_all_come_back(int series, int batches)
{
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    write_thrice(&h, series, batches);
    char *before = str_dup(str_c(harness_read(&h, "", INT64_MIN, INT64_MAX)));
    assert_non_null(before);
    harness_kill(&h);
    check_rows(&h, "", before);
    free(before);
    harness_done(&h);
}

static void test_the_last_write_wins_among_rows_that_wait_together(void **state)
{
    (void)state;
    check_all_come_back(3, 60);
}

static void test_more_rows_than_may_wait_come_back(void **state)
{
    (void)state;
    check_all_come_back(100, 3 * REPLAY_ROWS / 100);
    check_all_come_back(REPLAY_ROWS + 1, 1); // one record
    check_all_come_back(REPLAY_ROWS - 1, 1); // with the histogram exactly so many
}

static void test_rows_of_two_days_find_their_heads(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < 10; i++)
        harness_put(&h, "m", NOON - (i % 2) * DAY + i, i);
    harness_kill(&h);
    check_rows(&h, "",
               "m -86399999=1 -86399997=3 -86399995=5 -86399993=7 -86399991=9 0=0 2=2 4=4 6=6 8=8");
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_write_wins_among_rows_that_wait_together),
        cmocka_unit_test(test_more_rows_than_may_wait_come_back),
        cmocka_unit_test(test_rows_of_two_days_find_their_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
