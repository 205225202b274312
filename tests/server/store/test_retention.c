/* How long which stream is kept, and how much all may take. The random part is in test_model and
 * test_records_model. */
#include "harness.h"

#include <string.h>

#include "base/time.h"
#include "store/records.h"

static struct store_stats stats_of(struct harness *h)
{
    struct store_stats stats;
    assert_int_equal(store_stats(h->store, 0, NULL, &stats, NULL), 0);
    return stats;
}

static void maintain(struct harness *h)
{
    assert_int_equal(store_maintain(h->store, true, NULL), 0);
}

static void reconfigure(struct harness *h)
{
    assert_int_equal(store_reconfigure(h->store, &h->options, NULL), 0);
}

/* A row of each stream every six hours of the last three days. */
static void fill(struct harness *h)
{
    for (int i = 12; i >= 0; i--) {
        harness_put(h, "up{job=batch}", NOON - i * 6 * HOUR, i);
        harness_put(h, "up{job=web}", NOON - i * 6 * HOUR, i);
    }
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void test_a_rule_hides_rows_as_soon_as_it_is_there(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    harness_init(&h);
    h.options.retention_ms = 10 * DAY;
    (void)harness_open(&h);
    fill(&h);
    harness_keep(&rules, &h.options.retention_rules, "job=batch", 7 * HOUR);
    reconfigure(&h);
    check_rows(&h, "job=batch", "up{job=\"batch\"} -21600000=1 0=0");
    assert_string_equal(harness_values(&h, "job", ""), "batch web");
    harness_set_now(NOON + 8 * HOUR);
    check_rows(&h, "job=batch", "");
    assert_int_equal(store_flush(h.store, NULL), 0);
    assert_int_equal(strncmp(harness_read(&h, "", INT64_MIN, INT64_MAX), "up{job=\"web\"} ", 14),
                     0);
    h.options.retention_rules.n = 0; // what is still in parts is seen again
    reconfigure(&h);
    assert_non_null(strstr(harness_read(&h, "job=batch", INT64_MIN, INT64_MAX), " 0=0"));
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_a_day_that_is_over_for_some_streams_is_rewritten_without_them(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    harness_init(&h);
    harness_keep(&rules, &h.options.retention_rules, "job=batch", DAY);
    (void)harness_open(&h);
    harness_set_now(NOON - 3 * DAY);
    harness_put(&h, "up{job=batch}", NOON - 3 * DAY, 1);
    harness_put(&h, "up{job=web}", NOON - 3 * DAY, 1);
    maintain(&h);
    struct store_stats before = stats_of(&h);
    harness_set_now(NOON + 3 * DAY);
    assert_int_equal(store_maintain(h.store, false, NULL), 0);
    struct store_stats after = stats_of(&h);
    assert_int_equal(after.partitions, before.partitions);
    assert_true(after.part_rows < before.part_rows);
    assert_string_equal(harness_values(&h, "job", ""), "web");
    struct sink_result r;
    harness_float(&h, "up{job=batch}", NOON, 1);
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_non_null(strstr(r.message, "(storage.retention.overrides): up{job=\"batch\"}"));
    h.options.retention_rules.n = 0; // they are gone, not hidden
    reconfigure(&h);
    check_rows(&h, "job=batch", "");
    harness_reopen(&h);
    check_rows(&h, "job=batch", "");
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_a_rule_keeps_streams_longer_than_the_table(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    harness_init(&h);
    h.options.retention_ms = DAY;
    harness_keep(&rules, &h.options.retention_rules, "job=web", STORE_RETENTION_FOREVER);
    (void)harness_open(&h);
    struct sink_result r;
    harness_float(&h, "up{job=web}", NOON - 300 * DAY, 1);
    harness_float(&h, "up{job=batch}", NOON - 2 * DAY, 1);
    harness_float(&h, "up{job=batch}", NOON - HOUR, 2);
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.accepted, 2);
    assert_int_equal(r.rejected[REJECT_TOO_OLD], 1);
    assert_non_null(strstr(r.message, "(storage.retention.metrics): up{job=\"batch\"}"));
    maintain(&h);
    harness_set_now(NOON + 3 * DAY);
    maintain(&h);
    assert_int_equal(stats_of(&h).partitions, 1); // the day with batch alone is gone
    harness_kill(&h);
    check_rows(&h, "", "up{job=\"web\"} -25920000000=1");
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_exemplars_are_kept_as_long_as_their_stream(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    harness_init(&h);
    h.options.retention_ms = 10 * DAY;
    h.options.max_exemplars = 10;
    harness_keep(&rules, &h.options.retention_rules, "job=batch", HOUR);
    (void)harness_open(&h);
    struct exemplar e = {.t_unix_ms = NOON - DAY, .value = 1};
    const char *const names[] = {"up{job=batch}", "up{job=web}"};
    for (int i = 0; i < 2; i++) {
        struct batch_series *s = harness_series(&h, names[i]);
        s->exemplars = &e;
        s->n_exemplars = 1;
    }
    struct sink_result r;
    assert_int_equal(harness_append(&h, &r, NULL), 0);
    assert_int_equal(r.exemplars_accepted, 1);
    assert_int_equal(r.exemplars_rejected, 1);
    harness_done(&h);
    harness_rules_done(&rules);
}

/* --- spans and logs --------------------------------------------------------------------------- */

static void put_log(struct harness *h, const char *service, int64_t t_unix_ms, uint64_t accepted)
{
    struct record_batch b;
    struct sink_result result;
    struct attribute name = {STR("service.name"), any_string(str_c(service))};
    record_batch_init(&b, RECORD_LOGS, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    g->source.resource = &name;
    g->source.n_resource = 1;
    struct record *r = record_batch_add(&b, g);
    r->t_unix_ns = t_unix_ms * NS_PER_MS;
    r->fields[LOG_BODY] = any_string(STR("text"));
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    assert_int_equal(result.accepted, accepted);
    record_batch_done(&b);
}

static int count_rows(void *arg, const struct record_block *b)
{
    *(size_t *)arg += b->n;
    return 0;
}

static size_t logs(struct harness *h)
{
    size_t n = 0;
    const struct record_scan scan = {.table = RECORD_LOGS,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .each = count_rows,
                                     .arg = &n};
    assert_int_equal(store_scan(h->store, &scan, NULL, NULL), 0);
    return n;
}

static void test_logs_of_a_service_are_kept_differently(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    harness_init(&h);
    h.options.retention_records_ms[RECORD_LOGS] = 2 * DAY;
    struct store_retention_rules *table = &h.options.retention_records_rules[RECORD_LOGS];
    harness_keep(&rules, table, "resource.service.name=audit", STORE_RETENTION_FOREVER);
    harness_keep(&rules, table, "resource.service.name=~debug.*", HOUR);
    (void)harness_open(&h);
    put_log(&h, "audit", NOON - 50 * DAY, 1);
    put_log(&h, "debug-1", NOON - 30 * SECOND, 1);
    put_log(&h, "debug-1", NOON - 2 * HOUR, 0);
    put_log(&h, "web", NOON - DAY, 1);
    put_log(&h, "web", NOON - 3 * DAY, 0);
    assert_int_equal(logs(&h), 3);
    harness_set_now(NOON + HOUR);
    assert_int_equal(logs(&h), 2);
    maintain(&h);
    harness_set_now(NOON + 3 * DAY);
    maintain(&h);
    assert_int_equal(logs(&h), 1);
    table->n = 0; // nothing comes back: it is gone
    h.options.retention_records_ms[RECORD_LOGS] = STORE_RETENTION_FOREVER;
    harness_reopen(&h);
    assert_int_equal(logs(&h), 1);
    harness_done(&h);
    harness_rules_done(&rules);
}

static void test_a_rule_of_logs_names_columns_of_the_source_alone(void **state)
{
    (void)state;
    struct harness h;
    struct harness_rules rules = {0};
    struct err err = {0};
    harness_init(&h);
    (void)harness_open(&h);
    harness_keep(&rules, &h.options.retention_records_rules[RECORD_LOGS], "severity_text=DEBUG",
                 HOUR);
    assert_int_equal(store_reconfigure(h.store, &h.options, &err), ERR_INVALID);
    assert_string_equal(err.message, "a retention of logs by \"severity_text\": expected a column "
                                     "of resource or scope, such as resource.service.name");
    h.options.retention_records_rules[RECORD_LOGS].n = 0;
    harness_done(&h);
    harness_rules_done(&rules);
}

/* (x+x+)+[yz] on many x takes for ever: an error must take nothing away, and stop no merge. */
static void test_a_regex_without_end_takes_nothing_away(void **state)
{
    (void)state;
    static char name[40000], service[40000];
    struct harness h;
    struct harness_rules metrics = {0}, records = {0};
    harness_init(&h);
    h.options.retention_ms = 10 * DAY;
    h.options.retention_records_ms[RECORD_LOGS] = 10 * DAY;
    struct store_retention_rules *logs_rules = &h.options.retention_records_rules[RECORD_LOGS];
    harness_keep(&metrics, &h.options.retention_rules, "a=~(x+x+)+[yz]", DAY);
    harness_keep(&records, logs_rules, "resource.service.name=~(x+x+)+[yz]", DAY);
    harness_keep(&metrics, &h.options.retention_rules, "__name__=m", DAY);
    harness_keep(&records, logs_rules, "resource.none=", DAY);
    (void)harness_open(&h);
    memset(service, 'x', sizeof service - 1);
    memcpy(name, "m{a=", 4);
    memset(name + 4, 'x', sizeof name - 6);
    name[sizeof name - 2] = '}';
    harness_put(&h, name, NOON, 1);
    put_log(&h, service, NOON, 1);
    harness_set_now(NOON + 3 * DAY);
    maintain(&h);
    struct selection *sel = NULL;
    assert_int_equal(store_select(h.store, NULL, 0, NOON, NOON, 0, NULL, &sel, NULL), 0);
    assert_int_equal(selection_count(sel), 1);
    selection_free(sel);
    assert_int_equal(logs(&h), 1);
    harness_done(&h);
    harness_rules_done(&metrics);
    harness_rules_done(&records);
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* Rows of a day that is over for one series and one service; then the power goes at operation `at`
 * of writing the day again, or of removing it because of the size. */
static bool crash_at(uint64_t at, uint64_t seed, bool size)
{
    struct harness h;
    struct harness_rules metrics = {0}, records = {0};
    harness_init(&h);
    crash_fs_free(h.disk);
    h.disk = crash_fs_new(seed);
    h.options.fs = crash_fs_vtable(h.disk);
    h.options.durability = STORE_DURABILITY_DISK;
    h.options.retention_records_ms[RECORD_LOGS] = STORE_RETENTION_FOREVER;
    harness_keep(&metrics, &h.options.retention_rules, "job=batch", DAY);
    harness_keep(&records, &h.options.retention_records_rules[RECORD_LOGS],
                 "resource.service.name=debug", DAY);
    (void)harness_open(&h);
    harness_put(&h, "up{job=batch}", NOON, 1);
    harness_put(&h, "up{job=web}", NOON, 2);
    put_log(&h, "debug", NOON, 1);
    put_log(&h, "web", NOON, 1);
    assert_int_equal(store_flush(h.store, NULL), 0);
    harness_set_now(NOON + 3 * DAY);
    harness_put(&h, "up{job=web}", NOON + 3 * DAY, 3);
    h.options.max_bytes = size ? 1 : 0;
    reconfigure(&h);
    crash_fs_lose_power_at(h.disk, at);
    (void)store_maintain(h.store, true, NULL);
    bool lost = crash_fs_has_lost_power(h.disk);
    for (int i = 0; i < 3; i++) {
        harness_power_loss(&h);
        const char *rows = harness_read(&h, "", INT64_MIN, INT64_MAX);
        bool all = strcmp(rows, "up{job=\"web\"} 0=2 259200000=3") == 0;
        assert_true(all || (size && strcmp(rows, "up{job=\"web\"} 259200000=3") == 0));
        assert_true(logs(&h) == 1 || (size && logs(&h) == 0));
        (void)store_maintain(h.store, true, NULL);
    }
    harness_done(&h);
    harness_rules_done(&metrics);
    harness_rules_done(&records);
    return lost;
}

static void test_power_loss_at_any_operation_takes_nothing_that_is_kept(void **state)
{
    (void)state;
    for (int size = 0; size < 2; size++) {
        uint64_t at = 0;
        while (crash_at(at, at + 1, size))
            at++;
        assert_true(at > 15);
    }
}

/* --- size ------------------------------------------------------------------------------------- */

static void test_the_oldest_days_of_any_table_go_when_all_take_too_much(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.retention_records_ms[RECORD_LOGS] = STORE_RETENTION_FOREVER;
    (void)harness_open(&h);
    for (int day = 9; day >= 0; day--) {
        if (day % 2)
            put_log(&h, "web", NOON - day * DAY, 1);
        else
            harness_put(&h, "up{}", NOON - day * DAY, day);
    }
    maintain(&h);
    assert_int_equal(logs(&h), 5);
    h.options.max_bytes = 1 << 20;
    reconfigure(&h);
    maintain(&h);
    assert_int_equal(logs(&h), 5); // it fits
    uint64_t one = stats_of(&h).part_bytes / 5;
    h.options.max_bytes = stats_of(&h).part_bytes + stats_of(&h).wal_bytes;
    reconfigure(&h);
    maintain(&h);
    check_rows(&h, "", "up -172800000=2 0=0"); // of 9 … 0 days ago those from 3 on are left
    assert_int_equal(logs(&h), 2);
    h.options.max_bytes = one / 2; // today stays, whatever it takes
    reconfigure(&h);
    maintain(&h);
    check_rows(&h, "", "up 0=0");
    assert_int_equal(logs(&h), 0);
    harness_done(&h);
}

static void test_of_old_days_alone_the_newest_stays(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    h.options.max_bytes = 1;
    (void)harness_open(&h);
    for (int day = 9; day >= 5; day--)
        harness_put(&h, "up{}", NOON - day * DAY, day);
    maintain(&h);
    check_rows(&h, "", "up -432000000=5");
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_rule_hides_rows_as_soon_as_it_is_there),
        cmocka_unit_test(test_a_day_that_is_over_for_some_streams_is_rewritten_without_them),
        cmocka_unit_test(test_a_rule_keeps_streams_longer_than_the_table),
        cmocka_unit_test(test_exemplars_are_kept_as_long_as_their_stream),
        cmocka_unit_test(test_logs_of_a_service_are_kept_differently),
        cmocka_unit_test(test_a_rule_of_logs_names_columns_of_the_source_alone),
        cmocka_unit_test(test_a_regex_without_end_takes_nothing_away),
        cmocka_unit_test(test_power_loss_at_any_operation_takes_nothing_that_is_kept),
        cmocka_unit_test(test_the_oldest_days_of_any_table_go_when_all_take_too_much),
        cmocka_unit_test(test_of_old_days_alone_the_newest_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
