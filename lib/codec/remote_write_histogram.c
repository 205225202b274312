#include "codec/remote_write_histogram.h"

#include "model/histogram.h"

/* Arrays whose length is known only when all their fields were seen: a repeated number may come
 * packed, one by one, or in several packed pieces. */
struct doubles {
    double *v;
    size_t n, cap;
};

struct spans {
    struct histogram_span *v;
    size_t n, cap;
};

static bool doubles_reserve(struct doubles *d, size_t more, struct arena *arena)
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

static void read_doubles(struct doubles *d, struct pb_reader *r, struct arena *arena)
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

/* The sum of deltas so far is the count: exact in an int64, and as a double up to 2^53. */
struct counts {
    struct doubles absolute;
    int64_t last;
};

static void add_delta(struct counts *c, int64_t delta, struct pb_reader *r, struct arena *arena)
{
    if (__builtin_add_overflow(c->last, delta, &c->last))
        pb_damage(r, "bucket deltas overflow");
    if (doubles_reserve(&c->absolute, 1, arena))
        c->absolute.v[c->absolute.n++] = (double)c->last;
}

static void read_deltas(struct counts *c, struct pb_reader *r, struct arena *arena)
{
    struct pb_reader values = pb_message(r);
    struct str packed = {(const char *)values.at, (size_t)(values.end - values.at)};
    (void)doubles_reserve(&c->absolute, pb_count_varints(packed), arena); // asked again below
    while (pb_more(&values) && !arena_failed(arena))
        add_delta(c, pb_sint(&values), &values, arena);
    if (pb_failed(&values))
        pb_damage(r, values.damage);
}

static void read_span(struct spans *s, struct pb_reader *outer, struct arena *arena)
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
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 8;
        struct histogram_span *v = arena_grow(arena, s->v, s->n, cap, sizeof *v);
        if (!v)
            return;
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = span;
}

#define HISTOGRAM_FIELDS (PB_FIELD(18) - PB_FIELD(1)) /* 1…17 */

/* What is being read. */
struct reading {
    struct histogram h;
    struct spans positive_spans, negative_spans;
    struct counts positive, negative;
    struct doubles custom;
};

/* Fields of one number; false for those of another kind. */
static bool read_number(struct reading *in, struct pb_reader *r, uint32_t tag, struct sample *out)
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
    case PB_TAG(15, PB_VARINT): out->t_unix_ms = (int64_t)pb_varint(r); return true;
    case PB_TAG(17, PB_VARINT): out->start_unix_ms = (int64_t)pb_varint(r); return true;
    default: return false;
    }
}

static void read_array(struct reading *in, struct pb_reader *r, uint32_t tag, struct arena *arena)
{
    switch (tag) {
    case PB_TAG(8, PB_LEN): read_span(&in->negative_spans, r, arena); break;
    case PB_TAG(9, PB_LEN): read_deltas(&in->negative, r, arena); break;
    case PB_TAG(9, PB_VARINT): add_delta(&in->negative, pb_sint(r), r, arena); break;
    case PB_TAG(10, PB_LEN): read_doubles(&in->negative.absolute, r, arena); break;
    case PB_TAG(11, PB_LEN): read_span(&in->positive_spans, r, arena); break;
    case PB_TAG(12, PB_LEN): read_deltas(&in->positive, r, arena); break;
    case PB_TAG(12, PB_VARINT): add_delta(&in->positive, pb_sint(r), r, arena); break;
    case PB_TAG(13, PB_LEN): read_doubles(&in->positive.absolute, r, arena); break;
    case PB_TAG(16, PB_LEN): read_doubles(&in->custom, r, arena); break;
    default: pb_skip_unknown(r, tag, HISTOGRAM_FIELDS); break;
    }
}

/* An unpacked double, one of many. */
static bool read_single_double(struct reading *in, struct pb_reader *r, uint32_t tag,
                               struct arena *arena)
{
    struct doubles *to = tag == PB_TAG(10, PB_I64)   ? &in->negative.absolute
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

void remote_write_histogram(struct pb_reader *r, struct arena *arena, struct sample *out)
{
    struct reading in = {0};
    uint32_t tag;
    *out = (struct sample){0};
    while (pb_next(r, &tag) && !arena_failed(arena))
        if (!read_number(&in, r, tag, out) && !read_single_double(&in, r, tag, arena))
            read_array(&in, r, tag, arena);

    struct histogram *h = arena_alloc(arena, sizeof *h);
    if (!h)
        return;
    *h = in.h;
    h->positive_spans = in.positive_spans.v;
    h->n_positive_spans = in.positive_spans.n;
    h->negative_spans = in.negative_spans.v;
    h->n_negative_spans = in.negative_spans.n;
    h->positive = in.positive.absolute.v;
    h->n_positive = in.positive.absolute.n;
    h->negative = in.negative.absolute.v;
    h->n_negative = in.negative.absolute.n;
    h->custom_bounds = in.custom.v;
    h->n_custom_bounds = in.custom.n;
    out->histogram = h;
}
