#include "codec/native_histogram.h"

static bool doubles_reserve(struct native_doubles *d, size_t more, struct arena *arena)
{
    if (d->n + more <= d->cap)
        return true;
    size_t cap = MAX(d->cap * 2, d->n + more);
    double *v = arena_grow(arena, d->v, d->n, cap, sizeof *v);
    if (!v)
        return false;
    d->v = v;
    d->cap = cap;
    return true;
}

static void read_doubles(struct native_doubles *d, struct pb_reader *r, struct arena *arena)
{
    struct str packed = pb_str(r);
    struct pb_reader values = pb_reader_of(packed);
    if (packed.n % 8 != 0) {
        pb_damage(r, "packed doubles are not a multiple of 8 bytes");
        return;
    }
    if (!doubles_reserve(d, packed.n / 8, arena))
        return;
    while (pb_more(&values))
        d->v[d->n++] = pb_double(&values);
}

static void add_delta(struct native_counts *c, int64_t delta, struct pb_reader *r,
                      struct arena *arena)
{
    if (__builtin_add_overflow(c->last, delta, &c->last))
        pb_damage(r, "bucket deltas overflow");
    if (doubles_reserve(&c->absolute, 1, arena))
        c->absolute.v[c->absolute.n++] = (double)c->last;
}

static void read_deltas(struct native_counts *c, struct pb_reader *r, struct arena *arena)
{
    struct pb_reader values = pb_message(r);
    struct str packed = {(const char *)values.at, (size_t)(values.end - values.at)};
    (void)doubles_reserve(&c->absolute, pb_count_varints(packed), arena); // asked again below
    while (pb_more(&values) && !arena_failed(arena))
        add_delta(c, pb_sint(&values), &values, arena);
    if (pb_failed(&values))
        pb_damage(r, values.damage);
}

static void read_span(struct native_spans *s, struct pb_reader *outer, struct arena *arena)
{
    struct pb_reader r = pb_message(outer);
    struct histogram_span span = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): span.offset = (int32_t)pb_sint(&r); break;
        case PB_TAG(2, PB_VARINT): span.length = (uint32_t)pb_varint(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    if (pb_failed(&r))
        pb_damage(outer, r.damage);
    struct histogram_span *v = arena_room(arena, s->v, s->n, &s->cap, 8, sizeof *v);
    if (!v)
        return;
    s->v = v;
    s->v[s->n++] = span;
}

/* Fields of one number; false for those of another kind. */
static bool read_number(struct native_reading *in, struct pb_reader *r, uint32_t tag)
{
    struct histogram *h = &in->h;
    switch (tag) {
    case PB_TAG(1, PB_VARINT):
        h->count = (double)pb_varint(r);
        h->integer = true;
        return true;
    case PB_TAG(2, PB_I64): h->count = pb_double(r); return true;
    case PB_TAG(3, PB_I64): h->sum = pb_double(r); return true;
    case PB_TAG(4, PB_VARINT): h->schema = (int32_t)pb_sint(r); return true;
    case PB_TAG(5, PB_I64): h->zero_threshold = pb_double(r); return true;
    case PB_TAG(6, PB_VARINT): h->zero_count = (double)pb_varint(r); return true;
    case PB_TAG(7, PB_I64): h->zero_count = pb_double(r); return true;
    case PB_TAG(14, PB_VARINT): {
        uint64_t hint = pb_varint(r);
        h->reset =
            hint <= HISTOGRAM_RESET_GAUGE ? (enum histogram_reset)hint : HISTOGRAM_RESET_UNKNOWN;
        return true;
    }
    default: return false;
    }
}

static bool read_array(struct native_reading *in, struct pb_reader *r, uint32_t tag,
                       struct arena *arena)
{
    switch (tag) {
    case PB_TAG(8, PB_LEN): read_span(&in->negative_spans, r, arena); return true;
    case PB_TAG(9, PB_LEN): read_deltas(&in->negative, r, arena); return true;
    case PB_TAG(9, PB_VARINT): add_delta(&in->negative, pb_sint(r), r, arena); return true;
    case PB_TAG(10, PB_LEN): read_doubles(&in->negative.absolute, r, arena); return true;
    case PB_TAG(11, PB_LEN): read_span(&in->positive_spans, r, arena); return true;
    case PB_TAG(12, PB_LEN): read_deltas(&in->positive, r, arena); return true;
    case PB_TAG(12, PB_VARINT): add_delta(&in->positive, pb_sint(r), r, arena); return true;
    case PB_TAG(13, PB_LEN): read_doubles(&in->positive.absolute, r, arena); return true;
    case PB_TAG(16, PB_LEN): read_doubles(&in->custom, r, arena); return true;
    default: return false;
    }
}

/* An unpacked double, one of many. */
static bool read_single_double(struct native_reading *in, struct pb_reader *r, uint32_t tag,
                               struct arena *arena)
{
    struct native_doubles *to = tag == PB_TAG(10, PB_I64)   ? &in->negative.absolute
                                : tag == PB_TAG(13, PB_I64) ? &in->positive.absolute
                                : tag == PB_TAG(16, PB_I64) ? &in->custom
                                                            : NULL;
    if (!to)
        return false;
    double v = pb_double(r);
    if (doubles_reserve(to, 1, arena))
        to->v[to->n++] = v;
    return true;
}

bool native_read_field(struct native_reading *in, struct pb_reader *r, uint32_t tag,
                       struct arena *arena)
{
    return read_number(in, r, tag) || read_single_double(in, r, tag, arena) ||
           read_array(in, r, tag, arena);
}

struct histogram *native_read_end(const struct native_reading *in, struct arena *arena)
{
    struct histogram *h = arena_alloc(arena, sizeof *h);
    if (!h)
        return NULL;
    *h = in->h;
    h->positive_spans = in->positive_spans.v;
    h->n_positive_spans = in->positive_spans.n;
    h->negative_spans = in->negative_spans.v;
    h->n_negative_spans = in->negative_spans.n;
    h->positive = in->positive.absolute.v;
    h->n_positive = in->positive.absolute.n;
    h->negative = in->negative.absolute.v;
    h->n_negative = in->negative.absolute.n;
    h->custom_bounds = in->custom.v;
    h->n_custom_bounds = in->custom.n;
    return h;
}

void native_put_spans(struct buf *out, uint32_t number, const struct histogram_span *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t begun = pb_begin(out, number);
        pb_put_sint(out, 1, v[i].offset);
        pb_put_varint(out, 2, v[i].length);
        pb_end(out, begun);
    }
}
