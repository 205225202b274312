/* Native histograms: the buckets of an exponential histogram as Prometheus has them.
 *
 * Both have buckets whose bounds are powers of 2^(2^-scale), but an index counts upper bounds here
 * and lower ones there, so it is one more here; and a scale, here "schema", lies between -4 and 8.
 * Finer ones are merged two by two. Only what is not empty is written: as spans of buckets, each
 * with its distance from the one before, and for each bucket how much its count differs from that
 * of the one before. A gap of up to two empty buckets is cheaper within a span than between two. */
#include "core/message.h"
#include "text/writer.h"

enum { SCHEMA_MIN = -4, SCHEMA_MAX = 8, GAP_MAX = 2, SPANS_MAX = EXP_BUCKETS / 2 };
enum { SCHEMA = 5, ZERO_THRESHOLD, ZERO_COUNT, NEGATIVE_SPAN = 9, NEGATIVE_DELTA = 10 };
enum { POSITIVE_SPAN = 12, POSITIVE_DELTA = 13, SPAN_OFFSET = 1, SPAN_LENGTH = 2 };

/* The width of the bucket of zeros where nothing else is known, as in OpenTelemetry's rules. */
static const double THRESHOLD = 1e-128;

struct span {
    int32_t from, end;
};

static size_t find_spans(const struct exp_buckets *b, struct span spans[SPANS_MAX])
{
    size_t n = 0;
    for (int32_t i = b->low; b->used && i <= b->high; i++) {
        if (!exp_get(b, i))
            continue;
        if (n == 0 || i - spans[n - 1].end > GAP_MAX)
            spans[n++].from = i;
        spans[n - 1].end = i + 1;
    }
    return n;
}

static void put_spans(struct buf *out, unsigned field, const struct span *spans, size_t n)
{
    int32_t last = -1; // so that the first offset is an index of upper bounds
    for (size_t i = 0; i < n; i++) {
        size_t at = message_open(out, field);
        message_int(out, SPAN_OFFSET, zigzag(spans[i].from - last));
        message_int(out, SPAN_LENGTH, (uint64_t)(spans[i].end - spans[i].from));
        message_close(out, at);
        last = spans[i].end;
    }
}

static void put_deltas(struct buf *out, unsigned field, const struct exp_buckets *b,
                       const struct span *spans, size_t n)
{
    int64_t last = 0;
    size_t at = message_open(out, field);
    for (size_t s = 0; s < n; s++) {
        for (int32_t i = spans[s].from; i < spans[s].end; i++) {
            int64_t count = (int64_t)exp_get(b, i);
            char *to = buf_reserve(out, PROTO_HEAD_MAX);
            if (to)
                buf_advance(out, (size_t)(put_varint(to, zigzag(count - last)) - to));
            last = count;
        }
    }
    message_close(out, at);
}

static void put_buckets(struct buf *out, unsigned span_field, unsigned delta_field,
                        const struct exp_buckets *b)
{
    struct span spans[SPANS_MAX];
    size_t n = find_spans(b, spans);
    if (!n)
        return;
    put_spans(out, span_field, spans, n);
    put_deltas(out, delta_field, b, spans, n);
}

bool native_put(struct buf *out, struct point *p)
{
    const struct exp_buckets *b = p->positive.used ? &p->positive : &p->negative;
    int32_t scale = b->used ? MIN(b->scale, SCHEMA_MAX) : SCHEMA_MAX;
    if (scale < SCHEMA_MIN)
        return false;
    exp_rescale(&p->positive, scale);
    exp_rescale(&p->negative, scale);
    message_int(out, SCHEMA, zigzag(scale));
    message_double(out, ZERO_THRESHOLD, THRESHOLD);
    message_int(out, ZERO_COUNT, p->zeros);
    put_buckets(out, NEGATIVE_SPAN, NEGATIVE_DELTA, &p->negative);
    put_buckets(out, POSITIVE_SPAN, POSITIVE_DELTA, &p->positive);
    return true;
}
