#include "store/embedded/head_settle.h"

#include <stddef.h>

#include "base/compiler.h"
#include "store/embedded/columns.h"
#include "store/embedded/head_group.h"

/* Rows of a group that are sorted together, more or less: enough for blocks, and a bound for what
 * is in memory at once. Between such pieces order is left to the readers. */
enum { PIECE_ROWS = 8 * BLOCK_ROWS };

/* What settling a head uses again and again. */
struct settling {
    struct head *head;
    size_t shard;
    struct arena arena; /* of the columns: numbers need none */
    struct columns columns[BATCH_RUN_MAX];
    struct buf block;
    const struct head_chunk **first; /* of each stream of the group */
    struct head_chunk *last[BATCH_RUN_MAX];
};

/* --- reading ---------------------------------------------------------------------------------- */

static int add_row(struct settling *x, const struct raw_row *row, uint32_t columns)
{
    const int64_t base_ms = x->head->day * MS_PER_DAY;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < columns; i++)
        rc = columns_add(&x->columns[i], base_ms + row[i].t, row[i].value, NULL,
                         row[i].start_unix_ms);
    return rc;
}

static int read_run(struct settling *x, const struct head_group *g, const struct group_run *run)
{
    struct reader r = reader_of(run->bytes, run->n_bytes);
    struct numbers_reading states[BATCH_RUN_MAX];
    struct raw_row row[BATCH_RUN_MAX];
    int rc = 0;
    for (uint32_t i = 0; i < g->n_counts; i++)
        states[i] = (struct numbers_reading){.columns = g->n_counts, .column = i};
    for (uint32_t i = 0; rc == 0 && i < run->n_rows; i++) {
        bool there = numbers_read_all(&r, states, row);
        if (NEVER(r.bad))
            return ERR_CORRUPT;
        if (there)
            rc = add_row(x, row, g->n_counts);
        else
            atomic_set_relaxed(&x->head->lost_rows, true);
    }
    return rc;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* Memory of a frozen head: nobody else takes of it, so no lock is needed. */
static struct head_chunk *make_chunk(struct settling *x, const struct columns *c, size_t from,
                                     size_t n)
{
    const int64_t base_ms = x->head->day * MS_PER_DAY;
    buf_reset(&x->block);
    block_encode(&x->block, c, from, n, base_ms);
    const struct str bytes = buf_str(&x->block);
    struct head_chunk *chunk = NULL;
    if (!buf_failed(&x->block))
        chunk = head_take(x->head, x->shard, offsetof(struct head_chunk, bytes) + bytes.n);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->size = (uint32_t)bytes.n;
    chunk->min_t = (uint32_t)(c->t_unix_ms[from] - base_ms);
    chunk->max_t = (uint32_t)(c->t_unix_ms[from + n - 1] - base_ms);
    memcpy(chunk->bytes, bytes.p, bytes.n);
    return chunk;
}

static int add_chunks(struct settling *x, uint32_t column)
{
    struct columns *c = &x->columns[column];
    int rc = columns_sort(c);
    for (size_t from = 0; rc == 0 && from < c->n; from += BLOCK_ROWS) {
        struct head_chunk *chunk = make_chunk(x, c, from, MIN(c->n - from, (size_t)BLOCK_ROWS));
        if (!chunk)
            return ERR_NOMEM;
        if (x->last[column])
            x->last[column]->next = chunk;
        else
            x->first[column] = chunk;
        x->last[column] = chunk;
    }
    columns_reset(c);
    return rc;
}

static int end_piece(struct settling *x, const struct head_group *g)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < g->n_counts; i++)
        rc = add_chunks(x, i);
    return rc;
}

static int begin_group(struct settling *x, const struct head_group *g)
{
    size_t size = g->n_counts * sizeof(struct head_chunk *);
    x->first = head_take(x->head, x->shard, size);
    if (!x->first)
        return ERR_NOMEM;
    memset(x->first, 0, size);
    memset(x->last, 0, sizeof x->last);
    for (uint32_t i = 0; i < g->n_counts; i++)
        columns_reset(&x->columns[i]);
    return 0;
}

static int settle(struct settling *x, struct head_group *g)
{
    int rc = begin_group(x, g);
    for (const struct group_run *run = g->first; rc == 0 && run; run = run->next) {
        rc = read_run(x, g, run);
        if (rc == 0 && (x->columns[0].n >= PIECE_ROWS || !run->next))
            rc = end_piece(x, g);
    }
    if (rc == 0)
        atomic_set_release(&g->settled, x->first); // pairs with head_group_read
    return rc;
}

static int settle_shard(struct settling *x)
{
    int rc = 0;
    struct head_group *g = x->head->shards[x->shard].groups;
    for (; rc == 0 && g; g = g->next_of_shard)
        if (g->of_numbers && g->first && !atomic_get_relaxed(&g->settled))
            rc = settle(x, g);
    return rc;
}

int head_settle(struct head *h)
{
    struct settling x = {.head = h, .block = BUF_MAX(64 << 20)};
    int rc = 0;
    arena_init(&x.arena, 1 << 20);
    for (size_t i = 0; i < BATCH_RUN_MAX; i++)
        columns_init(&x.columns[i], &x.arena);
    for (; rc == 0 && x.shard < STREAM_SHARDS; x.shard++)
        rc = settle_shard(&x);
    for (size_t i = 0; i < BATCH_RUN_MAX; i++)
        columns_done(&x.columns[i]);
    buf_done(&x.block);
    arena_done(&x.arena);
    return rc;
}
