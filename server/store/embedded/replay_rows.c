#include "store/embedded/replay_rows.h"

#include "base/compiler.h"

/* How many rows before its turn a row's memory is asked for. */
enum { EARLY = 24, SOON = 12 };

/* Sorts by counting: rows of one stream stay in their order. `from`: where each shard's begin. */
static void order_by_shard(struct replay_rows *r, uint16_t from[STREAM_SHARDS + 1])
{
    uint16_t at[STREAM_SHARDS] = {0};
    for (size_t i = 0; i < r->n; i++)
        at[stream_shard_of(r->v[i].stream->hash)]++;
    from[0] = 0;
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        from[i + 1] = (uint16_t)(from[i] + at[i]);
        at[i] = from[i];
    }
    for (size_t i = 0; i < r->n; i++)
        r->order[at[stream_shard_of(r->v[i].stream->hash)]++] = (uint16_t)i;
}

static int apply_shard(struct replay_rows *r, struct stream_shard *shard, size_t from, size_t to,
                       struct err *err)
{
    const uint16_t *order = r->order;
    int rc = 0;
    lock_take(&shard->lock);
    for (size_t i = from; i < MIN(from + EARLY, to); i++)
        apply_early(r->v[order[i]].stream);
    for (size_t i = from; i < MIN(from + SOON, to); i++)
        apply_soon(r->v[order[i]].stream);
    for (size_t i = from; rc == 0 && i < to; i++) {
        if (i + EARLY < to)
            apply_early(r->v[order[i + EARLY]].stream);
        if (i + SOON < to)
            apply_soon(r->v[order[i + SOON]].stream);
        const struct replayed_row *row = &r->v[order[i]];
        rc = apply_rows(&r->to_heads, row->stream, &row->sample, 1, err);
    }
    lock_give(&shard->lock);
    return rc;
}

int replay_rows_apply(struct replay_rows *r, struct err *err)
{
    uint16_t from[STREAM_SHARDS + 1];
    int rc = 0;
    order_by_shard(r, from);
    for (size_t i = 0; rc == 0 && i < STREAM_SHARDS; i++)
        if (from[i] < from[i + 1])
            rc = apply_shard(r, &r->to_heads.store->streams.shards[i], from[i], from[i + 1], err);
    r->n = 0;
    return rc;
}
