/* Series that the store recognises by the bytes that were sent as their labels. */
#include "harness.h"

#include <stdio.h>

static bool put_sent(struct harness *h, const char *labels, uint64_t form, int64_t t, double v)
{
    struct batch *b = &h->batch;
    struct sample *sample = arena_zalloc(&b->arena, sizeof *sample);
    struct batch_series *s = harness_sent(h->store, b, harness_labels(&b->arena, labels), form);
    *sample = (struct sample){.t_unix_ms = t, .value = v};
    s->samples = sample;
    s->n_samples = 1;
    bool known = s->known != NULL;
    assert_int_equal(harness_append(h, NULL, NULL), 0);
    return known;
}

static void test_a_series_sent_again_needs_no_labels(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_false(put_sent(&h, "m{a=1}", 0, NOON, 1));
    assert_false(put_sent(&h, "m{a=2}", 0, NOON, 2));
    assert_true(put_sent(&h, "m{a=1}", 0, NOON + 1, 3));
    assert_true(put_sent(&h, "m{a=2}", 0, NOON + 1, 4));
    check_rows(&h, "", "m{a=\"1\"} 0=1 1=3\nm{a=\"2\"} 0=2 1=4");
    harness_done(&h);
}

static void test_the_last_of_several_forms_is_remembered(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    assert_false(put_sent(&h, "m", 0, NOON, 1));
    assert_false(put_sent(&h, "m", 1, NOON + 1, 2));
    assert_true(put_sent(&h, "m", 1, NOON + 2, 3));
    assert_false(put_sent(&h, "m", 0, NOON + 3, 4));
    check_rows(&h, "", "m 0=1 1=2 2=3 3=4");
    harness_done(&h);
}

static void test_known_series_are_defined_in_each_segment_of_the_log(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    (void)harness_open(&h);
    (void)put_sent(&h, "m{a=1}", 0, NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_true(put_sent(&h, "m{a=1}", 0, NOON + 1, 2));
    harness_kill(&h);
    check_rows(&h, "", "m{a=\"1\"} 0=1 1=2");
    harness_done(&h);
}

static void test_a_rejected_sample_of_a_known_series_is_named(void **state)
{
    (void)state;
    struct harness h;
    struct sink_result result;
    harness_init(&h);
    h.options.retention_ms = 30 * DAY;
    (void)harness_open(&h);
    (void)put_sent(&h, "m{a=1}", 0, NOON, 1);
    struct labels labels = harness_labels(&h.batch.arena, "m{a=1}");
    struct batch_series *s = harness_sent(h.store, &h.batch, labels, 0);
    const struct sample late = {.t_unix_ms = NOON + 2 * DAY};
    s->samples = &late;
    s->n_samples = 1;
    assert_int_equal(harness_append(&h, &result, NULL), 0);
    assert_int_equal(result.rejected[REJECT_TOO_NEW], 1);
    assert_string_equal(result.message,
                        "time 1795435200000 is after 1795348800000, the last that is accepted "
                        "(storage.max_future): m{a=\"1\"}");
    harness_done(&h);
}

static void test_what_was_recalled_before_an_eviction_is_refused(void **state)
{
    (void)state;
    struct harness h;
    struct err err = {0};
    harness_init(&h);
    (void)harness_open(&h);
    (void)put_sent(&h, "m{a=1}", 0, NOON, 1);
    struct labels labels = harness_labels(&h.batch.arena, "m{a=1}");
    const struct sample sample = {.t_unix_ms = NOON + HOUR, .value = 2};
    struct batch_series *s = harness_sent(h.store, &h.batch, labels, 0);
    s->samples = &sample;
    s->n_samples = 1;
    harness_set_now(NOON + HOUR);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(harness_append(&h, NULL, &err), ERR_STALE);
    check_rows(&h, "", "m{a=\"1\"} 0=1");
    assert_false(put_sent(&h, "m{a=1}", 0, NOON + HOUR, 3));
    check_rows(&h, "", "m{a=\"1\"} 0=1 3600000=3");
    harness_done(&h);
}

static void name_of(char out[32], int i)
{
    (void)snprintf(out, 32, "m{pod=p%d}", i);
}

static void test_thousands_of_series_come_and_go(void **state)
{
    (void)state;
    enum { SERIES = 3000 };
    struct harness h;
    char name[32];
    harness_init(&h);
    (void)harness_open(&h);
    for (int i = 0; i < SERIES; i++) {
        name_of(name, i);
        assert_false(put_sent(&h, name, 0, NOON, i));
    }
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_set_now(NOON + HOUR);
    for (int i = 0; i < SERIES; i += 3) {
        name_of(name, i);
        assert_true(put_sent(&h, name, 0, NOON + HOUR, i));
    }
    assert_int_equal(store_flush(h.store, NULL), 0); // evicts two of three
    for (int i = 0; i < SERIES; i++) {
        name_of(name, i);
        assert_int_equal(put_sent(&h, name, 0, NOON + HOUR + 1, i), i % 3 == 0);
    }
    check_rows(&h, "pod=p2999", "m{pod=\"p2999\"} 0=2999 3600001=2999");
    check_rows(&h, "pod=p2997", "m{pod=\"p2997\"} 0=2997 3600000=2997 3600001=2997");
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_series_sent_again_needs_no_labels),
        cmocka_unit_test(test_the_last_of_several_forms_is_remembered),
        cmocka_unit_test(test_known_series_are_defined_in_each_segment_of_the_log),
        cmocka_unit_test(test_a_rejected_sample_of_a_known_series_is_named),
        cmocka_unit_test(test_what_was_recalled_before_an_eviction_is_refused),
        cmocka_unit_test(test_thousands_of_series_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
