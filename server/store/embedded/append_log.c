/* What is resolved of a batch, as one record of the log. */
#include "store/embedded/append.h"

#include "base/compiler.h"
#include "store/embedded/wal_record.h"

/* Equal numbers are equal labels. */
static uint64_t same_labels(const struct stream *a, const struct stream *b)
{
    uint64_t same = 0;
    for (size_t i = 0; a && i < MIN(MIN(a->n, b->n), (uint32_t)WAL_SAME_MAX); i++)
        same |= (uint64_t)(a->pairs[i] == b->pairs[i]) << i;
    return same;
}

static void encode_definitions(const struct append *a, struct buf *out)
{
    if (a->n_definitions == 0)
        return;
    wal_put_streams(out, a->n_definitions);
    const struct stream *before = NULL;
    for (size_t i = 0; i < a->x->n; i++)
        if (a->x->v[i].define) {
            const struct resolved *r = &a->x->v[i];
            const struct labels labels = append_labels(a, r->series);
            wal_put_stream(out, r->id, &labels, same_labels(before, r->stream));
            before = r->stream;
        }
}

/* Returns the latest time of them. */
static int64_t encode_rows(const struct append *a, struct buf *out)
{
    if (a->n_with_rows == 0)
        return INT64_MIN;
    const struct resolved *v = a->x->v;
    const uint32_t *order = a->x->order;
    struct wal_rows state;
    size_t first = 0;
    while (v[order[first]].n_samples == 0)
        first++;
    wal_put_rows(out, a->n_with_rows, v[order[first]].samples[0].t_unix_ms, &state);
    for (size_t i = first; i < a->x->n; i++) {
        const struct resolved *r = &v[order[i]];
        if (r->n_samples)
            wal_put_series(out, r->id, r->samples, r->n_samples, &state);
    }
    return state.latest_ms;
}

static void encode_exemplars(const struct append *a, struct buf *out)
{
    if (a->n_exemplars == 0)
        return;
    wal_put_exemplars(out, a->n_exemplars);
    for (size_t i = 0; i < a->x->n; i++)
        for (uint32_t k = 0; k < a->x->v[i].n_exemplars; k++)
            wal_put_exemplar(out, a->x->v[i].id, &a->x->v[i].exemplars[k]);
}

static void encode_metadata(const struct append *a, struct buf *out)
{
    if (a->n_families == 0)
        return;
    wal_put_metadata(out, a->n_families);
    for (size_t i = 0; i < a->n_families; i++)
        wal_put_family(out, a->families[i]);
}

int append_log(struct append *a, struct wal_position *out)
{
    struct buf *record = &a->x->record;
    buf_reset(record);
    wal_record_begin(record);
    size_t at = wal_put_latest(record);
    encode_definitions(a, record);
    encode_exemplars(a, record);
    encode_metadata(a, record);
    int64_t of_points = append_points_encode(a, record), of_rows = encode_rows(a, record);
    wal_set_latest(record, at, MAX(of_points, of_rows));
    if (arena_failed(&a->x->arena))
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    return wal_append(&a->store->wal, record, out, a->err);
}
