#include "two_stores.h"

#include <stdlib.h>

#include "base/thread.h"

void both_begin(struct both *b)
{
    harness_set_now(NOON);
    *b = (struct both){.random = 1};
    harness_init(&b->rows);
    harness_init(&b->series);
    (void)harness_open(&b->rows);
    (void)harness_open(&b->series);
}

void both_done(struct both *b)
{
    harness_done(&b->rows);
    harness_done(&b->series);
}

void both_append(struct both *b)
{
    struct sink_result rows, series;
    struct err err = {0};
    assert_int_equal(harness_append(&b->rows, &rows, &err), 0);
    assert_int_equal(harness_append(&b->series, &series, &err), 0);
    assert_int_equal(rows.accepted, series.accepted);
    assert_memory_equal(rows.rejected, series.rejected, sizeof rows.rejected);
}

void both_same_rows(struct both *b, int64_t min_ms, int64_t max_ms)
{
    char *rows = strdup(harness_read(&b->rows, "", min_ms, max_ms));
    assert_string_equal(rows, harness_read(&b->series, "", min_ms, max_ms));
    free(rows);
}

void both_same(struct both *b)
{
    both_same_rows(b, INT64_MIN, INT64_MAX);
}

void both_go_on(struct both *b, unsigned i)
{
    if (i % 10 == 5)
        harness_kill(&b->rows);
    if (i % 10 == 8)
        assert_int_equal(store_flush(b->rows.store, NULL), 0);
    both_same(b);
}

uint64_t both_below(struct both *b, uint64_t n)
{
    return check_random(&b->random) % n;
}

size_t rows_in_heads(struct harness *h)
{
    struct store_stats stats;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(store_stats(h->store, 0, &arena, &stats, NULL), 0);
    arena_done(&arena);
    return stats.head_rows;
}

/* --- at random -------------------------------------------------------------------------------- */

static void delete_some(struct both *b, const char *const deleted[2], int64_t t)
{
    struct matcher m[2];
    size_t n = harness_matchers(deleted[both_below(b, 2)], m, 2);
    int64_t from = t - (int64_t)both_below(b, HOUR);
    assert_int_equal(store_delete(b->rows.store, m, n, from, t, NULL), 0);
    assert_int_equal(store_delete(b->series.store, m, n, from, t, NULL), 0);
    harness_matchers_done(m, n);
}

static void random_step(struct both *b, const struct both_dice *dice, int64_t t)
{
    switch (both_below(b, 60)) {
    case 0: assert_int_equal(store_flush(b->rows.store, NULL), 0); break;
    case 1: assert_int_equal(store_flush(b->series.store, NULL), 0); break;
    case 2: harness_kill(&b->rows); break;
    case 3: harness_reopen(&b->rows); break;
    case 4: delete_some(b, dice->deleted, t); break;
    case 5: dice->single(b, t); break;
    case 6: both_same_rows(b, t - (int64_t)both_below(b, HOUR), t); break;
    case 7: assert_int_equal(store_maintain(b->rows.store, true, NULL), 0); break;
    default: dice->batch(b, t);
    }
}

void both_at_random(const struct both_dice *dice)
{
    enum { ROUNDS = 4 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct both b;
        both_begin(&b);
        b.random = round + 1 + harness_setting("TELLTALE_STORE_SEED", 0);
        for (int i = 0; i < BOTH_STEPS; i++) {
            int64_t t = NOON + i * (round % 2 ? SECOND : dice->pace_ms);
            harness_set_now(t);
            random_step(&b, dice, t);
            if (i % 50 == 0)
                both_same(&b);
        }
        both_same(&b);
        assert_true(b.as_rows > dice->known_min);
        both_done(&b);
    }
}

/* --- at the same time ------------------------------------------------------------------------- */

enum { WRITERS = 2, WRITES = 400 };

struct writer {
    struct harness *h;
    both_writing *add;
    struct thread thread;
    unsigned number;
    bool ok;
};

static void write_all(void *arg)
{
    struct writer *w = arg;
    struct harness h = {.store = w->h->store};
    batch_init(&h.batch, 16 << 20);
    w->ok = true;
    for (unsigned i = 0; i < WRITES; i++) {
        int rc;
        do { // a flush may take streams away in between
            w->add(&h, w->number, i);
            rc = harness_append(&h, NULL, NULL);
        } while (rc == ERR_STALE);
        w->ok &= rc == 0;
    }
    batch_done(&h.batch);
}

void both_write_at_once(struct both *b, both_writing *add)
{
    struct writer w[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){.h = &b->rows, .add = add, .number = i};
        assert_int_equal(thread_start(&w[i].thread, "writer", write_all, &w[i], NULL), 0);
    }
    for (int i = 0; i < 20; i++) {
        (void)harness_read(&b->rows, "", INT64_MIN, INT64_MAX);
        assert_int_equal(store_flush(b->rows.store, NULL), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&w[i].thread);
        assert_true(w[i].ok);
        struct writer alone = {.h = &b->series, .add = add, .number = i};
        write_all(&alone);
    }
}
