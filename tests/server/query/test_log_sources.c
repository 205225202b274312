/* Records of one resource and scope are told from those of others however much these look alike, in
 * memory, in a part and in a part that was merged. */
#include <math.h>

#include "base/compiler.h"
#include "base/time.h"
#include "harness.h"
#include "query/logs/logs.h"

enum { MOMENTS = 3, OF_SOURCE = 2 * MOMENTS };

/* --- sources that look alike ------------------------------------------------------------------ */

#define NAMED(text)                                                                                \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define SHOP                                                                                       \
    {                                                                                              \
        NAMED("service.name"),                                                                     \
        {                                                                                          \
            .type = ANY_STRING, .n = 4, .as.text = "shop"                                          \
        }                                                                                          \
    }
#define HOST(letter)                                                                               \
    {                                                                                              \
        NAMED("host.name"),                                                                        \
        {                                                                                          \
            .type = ANY_STRING, .n = 1, .as.text = letter                                          \
        }                                                                                          \
    }
#define RATIO(value)                                                                               \
    {                                                                                              \
        NAMED("ratio"),                                                                            \
        {                                                                                          \
            .type = ANY_DOUBLE, .as.number = value                                                 \
        }                                                                                          \
    }

static const struct attribute shop[] = {SHOP}, host[] = {SHOP, HOST("a")},
                              other_host[] = {SHOP, HOST("b")}, turned[] = {HOST("a"), SHOP},
                              not_a_number[] = {SHOP, RATIO(NAN)}, one[] = {SHOP, RATIO(1)},
                              whole[] = {SHOP,
                                         {NAMED("ratio"), {.type = ANY_INT, .as.integer = 1}}},
                              twice[] = {SHOP, HOST("a"), HOST("b")},
                              empty[] = {SHOP, {NAMED("e"), {.type = ANY_EMPTY}}},
                              pairs[] = {RATIO(NAN)},
                              nested[] = {
                                  SHOP, {NAMED("m"), {.type = ANY_MAP, .n = 1, .as.pairs = pairs}}};

static const struct record_source sources[] = {
    {0},
    {.scope_name = NAMED("lib")},
    {.resource = shop, .n_resource = 1},
    {.resource = shop, .n_resource = 1, .scope_name = NAMED("lib")},
    {.resource = shop, .n_resource = 1, .scope_name = NAMED("lib"), .scope_version = NAMED("1")},
    {.resource = shop, .n_resource = 1, .scope_name = NAMED("lib"), .scope_version = NAMED("2")},
    {.resource = shop, .n_resource = 1, .scope = host, .n_scope = 1},
    {.resource = shop, .n_resource = 1, .scope = host, .n_scope = 2},
    {.resource = shop, .n_resource = 1, .scope_schema_url = NAMED("u")},
    {.resource = shop, .n_resource = 1, .resource_schema_url = NAMED("u")},
    {.resource = shop, .n_resource = 1, .resource_dropped = 1},
    {.resource = shop, .n_resource = 1, .scope_dropped = 1},
    {.resource = host, .n_resource = 2},
    {.resource = other_host, .n_resource = 2},
    {.resource = turned, .n_resource = 2},
    {.resource = not_a_number, .n_resource = 2},
    {.resource = one, .n_resource = 2},
    {.resource = whole, .n_resource = 2},
    {.resource = twice, .n_resource = 3},
    {.resource = empty, .n_resource = 2},
    {.resource = nested, .n_resource = 2},
};

static const struct record_source stranger = {.scope_name = NAMED("stranger")};

/* At each moment one record that says whose it is, and one that is the same in all sources. */
static void add_rows(struct harness *h)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, RECORD_LOGS, 1 << 20);
    for (int t = 0; t < MOMENTS; t++) {
        for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
            struct record_group *g = record_batch_add_group(&b);
            g->source = sources[i];
            struct attribute *of = arena_array(&b.arena, 1, sizeof *of);
            *of = (struct attribute){STR("of"), any_int((int64_t)i)};
            for (int same = 0; same < 2; same++) {
                struct record *r = record_batch_add(&b, g);
                r->t_unix_ns = NOON * NS_PER_MS + t;
                r->fields[LOG_BODY] = any_string(STR("line"));
                r->attributes = of;
                r->n_attributes = same ? 0 : 1;
            }
        }
    }
    assert_int_equal(store_append_records(h->store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

/* --- questions -------------------------------------------------------------------------------- */

static size_t ask(struct record_query *q, struct log_search search, struct log_row **out)
{
    size_t n;
    search.min_unix_ns = INT64_MIN;
    search.max_unix_ns = INT64_MAX;
    assert_int_equal(logs_search(q, &search, out, &n, NULL), 0);
    return n;
}

static void check_pages(struct record_query *q, const struct record_source *source, int64_t of)
{
    struct log_row *rows;
    struct log_search page = {.source = source, .limit = 1, .oldest_first = of % 2};
    size_t n, all = 0;
    while ((n = ask(q, page, &rows)) == 1) {
        if (rows->n_attributes)
            assert_int_equal(rows->attributes->value.as.integer, of);
        page.after = &rows->id;
        all++;
    }
    assert_int_equal(all, OF_SOURCE);
}

static bool id_eq(const struct log_id *x, const struct log_id *y)
{
    return x->t_unix_ns == y->t_unix_ns && x->hash == y->hash && x->number == y->number;
}

/* Before and behind each record stand the others of its source, and not itself. */
static void check_beside(struct store *store, const struct log_row *row)
{
    struct log_row *before, *behind, *found;
    struct arena arena;
    arena_init(&arena, 64 << 20);
    struct record_query own = {.store = store, .arena = &arena}, *q = &own;
    size_t n_before = ask(
        q, (struct log_search){.source = row->source, .limit = 100, .after = &row->id}, &before);
    size_t n_behind =
        ask(q,
            (struct log_search){
                .source = row->source, .limit = 100, .after = &row->id, .oldest_first = true},
            &behind);
    assert_int_equal(n_before + n_behind, OF_SOURCE - 1);
    for (size_t i = 0; i < n_before; i++)
        assert_false(id_eq(&before[i].id, &row->id));
    for (size_t i = 0; i < n_behind; i++)
        assert_false(id_eq(&behind[i].id, &row->id));
    assert_int_equal(logs_get(q, &row->id, &found, NULL), 0);
    assert_true(id_eq(&found->id, &row->id));
    arena_done(&arena);
}

static void check_all(struct harness *h)
{
    struct arena arena;
    struct log_row *rows;
    arena_init(&arena, 64 << 20);
    struct record_query q = {.store = h->store, .arena = &arena};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        check_pages(&q, &sources[i], (int64_t)i);
    size_t all = ask(&q, (struct log_search){.limit = 1000}, &rows);
    assert_int_equal(all, ARRAY_LEN(sources) * OF_SOURCE);
    for (size_t i = 0; i < all; i++)
        check_beside(h->store, &rows[i]);
    assert_int_equal(ask(&q, (struct log_search){.source = &stranger, .limit = 9}, &rows), 0);
    arena_done(&arena);
}

static void test_records_beside_one_are_of_its_very_source(void **state)
{
    (void)state;
    struct harness h;
    harness_init(&h);
    harness_set_now(NOON);
    (void)harness_open(&h);
    add_rows(&h);
    check_all(&h);
    assert_int_equal(store_flush(h.store, NULL), 0);
    check_all(&h);
    assert_int_equal(store_maintain(h.store, true, NULL), 0);
    check_all(&h);
    harness_done(&h);
}

/* Where a page is looked for, parts without the source are not read. */
static void test_parts_without_the_source_are_left_out(void **state)
{
    (void)state;
    struct harness h;
    struct arena arena;
    struct log_row *rows;
    harness_init(&h);
    harness_set_now(NOON);
    (void)harness_open(&h);
    add_rows(&h);
    assert_int_equal(store_flush(h.store, NULL), 0);
    arena_init(&arena, 16 << 20);
    struct record_query q = {.store = h.store, .arena = &arena};
    assert_int_equal(ask(&q, (struct log_search){.source = &stranger, .limit = 9}, &rows), 0);
    assert_int_equal(q.stats.blocks, 0);
    assert_true(q.stats.blocks_pruned > 0);
    arena_done(&arena);
    harness_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_beside_one_are_of_its_very_source),
        cmocka_unit_test(test_parts_without_the_source_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
