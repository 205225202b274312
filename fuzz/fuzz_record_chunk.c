/* A chunk of a log record: opens or is refused, and every value, source and row of an open one is
 * readable. */
#include "base/hash.h"
#include "store/embedded/records/chunk.h"
#include "store/embedded/records/predicate.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sum_of_all;

static uint64_t read_values(const struct chunk *c, struct arena *arena)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->n_columns; i++) {
        const struct column *v = &c->columns[i].values;
        sum += column_id_hash(&c->columns[i].id);
        for (uint32_t k = 0; k < v->n; k++) {
            struct any one = column_any(v, k, arena);
            sum += hash_str(any_text(&one)) + (v->rows ? v->rows[k] : k);
        }
    }
    for (uint32_t i = 0; i < c->n_runs; i++) {
        struct record_source source;
        if (source_get(c->runs[i].source, arena, &source) == 0)
            sum += hash_str(source.scope_name);
    }
    return sum;
}

static void match(const struct chunk *c, struct arena *arena)
{
    const struct predicate leaves[] = {
        {.op = PREDICATE_CONTAINS_NOCASE,
         .column = {.origin = COLUMN_ATTRIBUTE, .name = STR("a")},
         .value = any_string(STR("x"))},
        {.op = PREDICATE_EXISTS, .column = {.origin = COLUMN_RESOURCE, .name = STR("b")}},
        {.op = PREDICATE_GE, .column = {.origin = COLUMN_FIELD, .field = 4}, .value = any_int(3)}};
    const struct predicate p = {.op = PREDICATE_OR, .children = leaves, .n_children = 3};
    struct rowset rows;
    if (rowset_of_chunk(&rows, c, RECORD_SPANS, arena) != 0)
        return;
    uint64_t *bits = arena_array(arena, rowset_words(&rows), sizeof *bits);
    if (bits && rowset_times(&rows) == 0 && rowset_sources(&rows) == 0 &&
        rowset_may_match(&rows, &p))
        (void)rowset_match(&rows, &p, bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct chunk *c = NULL;
    struct arena arena;
    size_t at = 0;
    uint64_t sum = 0;
    arena_init(&arena, 256 << 20);
    while (chunk_open(str_of((const char *)data, size), &at, &c) == 0) {
        sum += read_values(c, &arena);
        match(c, &arena);
        chunk_unref(c);
        arena_reset(&arena);
    }
    arena_done(&arena);
    sum_of_all = sum; // so that every byte is read
    return 0;
}
