/* When days of spans become one part, and what retention and deletion leave. */
#include "harness.h"

#include "base/time.h"
#include "store/records.h"

static void put(struct harness *h, int64_t t_ms)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, RECORD_SPANS, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    struct record *r = record_batch_add(&b, g);
    r->t_unix_ns = t_ms * NS_PER_MS;
    r->fields[SPAN_NAME] = any_string(STR("agent.run"));
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

static void put_and_flush(struct harness *h, int64_t t_ms)
{
    put(h, t_ms);
    assert_int_equal(store_flush(h->store, NULL), 0);
}

static size_t parts(struct harness *h)
{
    size_t n = 0;
    while (crash_fs_path(h->disk, ".part", n))
        n++;
    return n;
}

static int count(void *arg, const struct record_block *b)
{
    *(size_t *)arg += b->n;
    return 0;
}

static size_t rows(struct harness *h)
{
    size_t n = 0;
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .each = count,
                                     .arg = &n};
    assert_int_equal(store_scan(h->store, &scan, NULL, NULL), 0);
    return n;
}

static void test_a_day_that_is_over_becomes_one_part_once_nothing_comes_for_it(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_records_ms[RECORD_SPANS] = STORE_RETENTION_FOREVER;
    (void)harness_open(&h);
    for (int i = 0; i < 3; i++) {
        put_and_flush(&h, NOON - 2 * DAY + i);
        assert_int_equal(store_maintain(h.store, false, NULL), 0);
        assert_int_equal(parts(&h), i + 1);
    }
    put_and_flush(&h, NOON);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(parts(&h), 2);
    assert_int_equal(rows(&h), 4);
    harness_reopen(&h);
    assert_int_equal(rows(&h), 4);
    harness_done(&h);
}

static void test_days_behind_the_retention_are_removed_and_their_rows_not_read_before(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_records_ms[RECORD_SPANS] = 2 * DAY;
    (void)harness_open(&h);
    put_and_flush(&h, NOON - DAY);
    put_and_flush(&h, NOON);
    harness_set_now(NOON + DAY + HOUR);
    assert_int_equal(rows(&h), 1); // the first row's hour is over, its day is not
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(parts(&h), 2);
    harness_set_now(NOON + 2 * DAY);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    assert_int_equal(parts(&h), 1);
    harness_done(&h);
}

static void test_a_part_that_lost_all_its_rows_stays_gone_after_a_restart(void **state)
{
    (void)state;
    struct harness h;
    uint64_t gone = 0;
    harness_init(&h);
    (void)harness_open(&h);
    put(&h, NOON);
    put(&h, NOON + 1);
    assert_int_equal(store_delete_records(h.store, RECORD_SPANS, NULL, INT64_MIN,
                                          (NOON + 1) * NS_PER_MS, &gone, NULL),
                     0);
    assert_int_equal(gone, 2);
    assert_int_equal(rows(&h), 0);
    harness_kill(&h);
    assert_int_equal(rows(&h), 0);
    put_and_flush(&h, NOON); // and may be written again
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    harness_kill(&h);
    assert_int_equal(rows(&h), 1);
    harness_done(&h);
}

/* --- sources ---------------------------------------------------------------------------------- */

static void put_of_user(struct harness *h, const char *user, int64_t t_ms)
{
    struct record_batch b;
    struct sink_result result;
    const struct attribute resource = {STR("enduser.id"), any_string(str_c(user))};
    record_batch_init(&b, RECORD_SPANS, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    g->source = (struct record_source){.resource = &resource, .n_resource = 1};
    struct record *r = record_batch_add(&b, g);
    r->t_unix_ns = t_ms * NS_PER_MS;
    r->fields[SPAN_NAME] = any_string(str_c(user));
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

static int name_user(void *arg, const struct record_source *s)
{
    char *users = arg;
    const struct any *user = attribute_get(s->resource, s->n_resource, STR("enduser.id"));
    size_t n = strlen(users);
    assert_non_null(user);
    assert_true(n + user->n + 2 < 100);
    memcpy(users + n, user->as.text, user->n);
    memcpy(users + n + user->n, " ", 2);
    return 0;
}

static void assert_users(struct harness *h, const char *expected)
{
    char users[100] = "";
    assert_int_equal(
        store_list_sources(h->store, RECORD_SPANS, INT64_MIN, INT64_MAX, name_user, users, NULL),
        0);
    assert_string_equal(users, expected);
}

static struct predicate named(const char *user)
{
    return (struct predicate){.op = PREDICATE_EQ,
                              .column = {.origin = COLUMN_FIELD, .field = SPAN_NAME},
                              .value = any_string(str_c(user))};
}

static void test_a_source_goes_with_the_last_of_its_rows(void **state)
{
    (void)state;
    struct harness h;
    uint64_t gone = 0;
    harness_init(&h);
    (void)harness_open(&h);
    put_of_user(&h, "ann", NOON);
    put_of_user(&h, "bob", NOON);
    put_of_user(&h, "cid", NOON + 1);
    assert_users(&h, "ann bob cid ");
    const struct predicate is_bob = named("bob");
    assert_int_equal(
        store_delete_records(h.store, RECORD_SPANS, &is_bob, INT64_MIN, INT64_MAX, &gone, NULL), 0);
    assert_int_equal(gone, 1);
    assert_users(&h, "ann cid ");
    put_of_user(&h, "bob", NOON + 2);
    put_of_user(&h, "ann", NOON + 3);
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(
        store_delete_records(h.store, RECORD_SPANS, &is_bob, INT64_MIN, INT64_MAX, &gone, NULL), 0);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    assert_users(&h, "ann cid ");
    harness_reopen(&h);
    assert_users(&h, "ann cid ");
    assert_int_equal(rows(&h), 3);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_day_that_is_over_becomes_one_part_once_nothing_comes_for_it),
        cmocka_unit_test(test_a_source_goes_with_the_last_of_its_rows),
        cmocka_unit_test(test_days_behind_the_retention_are_removed_and_their_rows_not_read_before),
        cmocka_unit_test(test_a_part_that_lost_all_its_rows_stays_gone_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
