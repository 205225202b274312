/* Checking and measuring spans and log records on disk: every flipped byte is found, bytes add up.
 */
#include "harness.h"

#include <stdlib.h>

#include "base/time.h"
#include "store/inspect.h"
#include "store/records.h"

enum { ROWS = 200 };

static const char dir[] = "root/data";

/* A row of two sources in turn with an attribute that is always the same, one that is a number, one
 * that few have. */
static void add_row(struct record_batch *b, int64_t i)
{
    static const struct any nested[] = {{ANY_STRING, 4, {.text = "deep"}}};
    struct attribute *v = arena_array(&b->arena, 3, sizeof *v);
    struct attribute *service = arena_alloc(&b->arena, sizeof *service);
    char id[17] = "0123456789abcdef";
    id[0] = (char)('0' + i % 50);
    *service = (struct attribute){STR("service.name"), any_string(i % 2 ? STR("a") : STR("b"))};
    v[0] = (struct attribute){STR("region"), any_string(STR("north"))};
    v[1] = (struct attribute){STR("number"), any_int(i * i)};
    v[2] = (struct attribute){STR("rare"), any_array(nested, 1)};
    struct record_group *g = record_batch_add_group(b);
    g->source = (struct record_source){.resource = service, .n_resource = 1};
    struct record *r = record_batch_add(b, g);
    r->t_unix_ns = (NOON + i) * NS_PER_MS;
    r->attributes = v;
    r->n_attributes = i % 20 ? 2 : 3;
    r->fields[b->table == RECORD_SPANS ? (int)SPAN_TRACE_ID : (int)LOG_TRACE_ID] =
        any_bytes(arena_str(&b->arena, str_of(id, 16)));
    if (b->table == RECORD_SPANS)
        r->fields[SPAN_NAME] = any_string(i % 3 ? STR("get") : STR("put"));
    else
        r->fields[LOG_BODY] = any_string(i % 3 ? STR("it works") : STR("it failed"));
}

static void append_rows(struct harness *h, enum record_table table, int64_t from, int64_t to)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, table, 4 << 20);
    for (int64_t i = from; i < to; i++)
        add_row(&b, i);
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

/* Both tables: a part each, and rows in the log. */
static void fill(struct harness *h)
{
    harness_init(h);
    (void)harness_open(h);
    for (int t = 0; t < RECORD_TABLES; t++)
        append_rows(h, (enum record_table)t, 0, ROWS);
    assert_int_equal(store_flush(h->store, NULL), 0);
    for (int t = 0; t < RECORD_TABLES; t++)
        append_rows(h, (enum record_table)t, ROWS, ROWS + 4);
    crash_fs_kill_process(h->disk);
    store_abandon(h->store);
    h->store = NULL;
}

static void flip_each_byte(const char *suffix, const char *expected)
{
    struct harness h;
    fill(&h);
    assert_string_equal(harness_check(&h, dir, true), "");
    const char *found_path = crash_fs_path(h.disk, suffix, 0);
    assert_non_null(found_path);
    char *path = str_dup(str_c(found_path));
    uint64_t size = crash_fs_size(h.disk, path);
    for (uint64_t at = 0; at < size; at++) {
        unsigned char mask = (unsigned char)(1u << (at % 8));
        assert_true(crash_fs_damage(h.disk, path, at, mask));
        if (!strstr(harness_check(&h, dir, true), expected))
            fail_msg("byte %d of %s flipped and not found", (int)at, path);
        assert_true(crash_fs_damage(h.disk, path, at, mask));
    }
    free(path);
    harness_done(&h);
}

static void test_every_flipped_byte_of_a_part_is_found(void **state)
{
    (void)state;
    flip_each_byte("spans/2026-11-21/0000000000000001-0000000000000001.part",
                   "damage: root/data/spans/2026-11-21");
    flip_each_byte("logs/2026-11-21/0000000000000001-0000000000000001.part",
                   "damage: root/data/logs/2026-11-21");
}

static void test_every_flipped_byte_of_the_log_is_found(void **state)
{
    (void)state;
    flip_each_byte("logs/wal/00000002.wal", ": root/data/logs/wal/0000000");
}

static void test_it_counts_what_it_read(void **state)
{
    (void)state;
    struct harness h;
    struct store_check_totals totals;
    struct err err = {0};
    fill(&h);
    assert_int_equal(store_check(h.options.fs, dir, NULL, NULL, &totals, &err), 0);
    assert_int_equal(totals.parts, RECORD_TABLES);
    assert_int_equal(totals.rows, RECORD_TABLES * ROWS);
    assert_int_equal(totals.log_rows, RECORD_TABLES * 4);
    assert_int_equal(totals.streams, RECORD_TABLES * 2);
    assert_int_equal(totals.damages + totals.remarks, 0);
    harness_done(&h);
}

/* --- measuring -------------------------------------------------------------------------------- */

static const struct store_record_column *column(const struct store_record_measure *m,
                                                const char *name)
{
    for (size_t i = 0; i < m->n_columns; i++)
        if (str_eq(m->columns[i].name, str_c(name)))
            return &m->columns[i];
    fail_msg("no column %s", name);
    return NULL;
}

static void check_measure(const struct store_record_measure *m)
{
    uint64_t columns = 0, filters = 0;
    for (size_t i = 0; i < m->n_columns; i++) {
        columns += m->columns[i].bytes;
        filters += m->columns[i].filter_bytes;
    }
    assert_int_equal(columns, m->column_bytes);
    assert_int_equal(filters, m->filter_bytes);
    assert_int_equal(m->files.rows, ROWS);
    assert_int_equal(m->files.days, 1);
    assert_int_equal(m->files.segments, 1);
    assert_true(m->files.log_bytes > 0);
    assert_int_equal(m->files.unreadable, 0);
    assert_int_equal(m->sources, 2);
    assert_int_equal(m->min_unix_ns, NOON * NS_PER_MS);
    assert_int_equal(m->max_unix_ns, (NOON + ROWS - 1) * NS_PER_MS);
    assert_true(m->filter_bytes > 0 && m->index_bytes > 0);
    assert_int_equal(m->column_bytes + m->filter_bytes + m->index_bytes, m->files.bytes);
    assert_int_equal(m->columns[0].values, ROWS);
}

static void test_measuring_names_each_column_with_its_codec(void **state)
{
    (void)state;
    struct harness h;
    struct store_record_measure m;
    struct arena arena;
    struct err err = {0};
    fill(&h);
    arena_init(&arena, 64 << 20);
    for (int t = 0; t < RECORD_TABLES; t++) {
        assert_int_equal(
            store_measure_records(h.options.fs, dir, (enum record_table)t, 99, &arena, &m, &err),
            0);
        check_measure(&m);
        const struct store_record_column *region = column(&m, "attributes.region");
        assert_string_equal(region->type, "string");
        assert_string_equal(region->codec, "dictionary");
        assert_int_equal(region->distinct, 1);
        assert_int_equal(column(&m, "attributes.rare")->values, ROWS / 20);
        assert_string_equal(column(&m, "attributes.number")->type, "int");
        assert_string_equal(column(&m, "trace_id")->type, "bytes");
        assert_int_equal(column(&m, "trace_id")->distinct, 50);
        assert_string_equal(column(&m, t == RECORD_SPANS ? "name" : "body")->codec, "dictionary");
    }
    arena_done(&arena);
    harness_done(&h);
}

static void test_measuring_goes_on_behind_damage(void **state)
{
    (void)state;
    struct harness h;
    struct store_record_measure m;
    struct arena arena;
    struct err err = {0};
    fill(&h);
    const char *path = crash_fs_path(h.disk, "spans/2026-11-21/0000000000000001-", 0);
    path = path ? path : crash_fs_path(h.disk, "1.part", 0);
    assert_true(crash_fs_damage(h.disk, path, 40, 1)); // in the first column
    arena_init(&arena, 64 << 20);
    assert_int_equal(store_measure_records(h.options.fs, dir, RECORD_SPANS, 3, &arena, &m, &err),
                     0);
    assert_true(m.files.unreadable <= 1);
    assert_int_equal(m.n_columns, 3);
    assert_true(m.all_columns > 3);
    arena_done(&arena);
    harness_done(&h);
}

static void test_a_directory_without_the_table_is_told(void **state)
{
    (void)state;
    struct harness h;
    struct store_record_measure m;
    struct arena arena;
    struct err err = {0};
    harness_init(&h);
    arena_init(&arena, 1 << 20);
    assert_int_equal(
        store_measure_records(h.options.fs, "elsewhere", RECORD_LOGS, 3, &arena, &m, &err),
        ERR_NOT_FOUND);
    assert_string_equal(err.message, "elsewhere is no data directory: it has no table logs");
    arena_done(&arena);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_byte_of_a_part_is_found),
        cmocka_unit_test(test_every_flipped_byte_of_the_log_is_found),
        cmocka_unit_test(test_it_counts_what_it_read),
        cmocka_unit_test(test_measuring_names_each_column_with_its_codec),
        cmocka_unit_test(test_measuring_goes_on_behind_damage),
        cmocka_unit_test(test_a_directory_without_the_table_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
