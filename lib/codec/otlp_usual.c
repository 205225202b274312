/* Metrics of numbers and of classic histograms, and their points, in the form that nearly all have:
 * points together and what is said of all behind them; attributes together, times, values; each tag
 * in one byte, lengths of what is in a point in one or two. Reading them by the table of fields
 * takes three times as long; what has another form is left to it as a whole.
 */
#include "codec/otlp_schema.h"
#include "codec/protobuf.h"

enum { FIXED = 8 };

static uint64_t fixed64(const char *at)
{
    const unsigned char *p = (const unsigned char *)at;
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* The end of the attributes that begin at `p`, tags and all; NULL: they are not short and whole. */
static const char *skip_attributes(const char *p, const char *end, char tag)
{
    while (p < end && *p == tag) {
        if (end - p < 2 || (signed char)p[1] < 0 || end - p - 2 < p[1])
            return NULL;
        p += 2 + p[1];
    }
    return p;
}

/* ---- numbers ---- */

struct number {
    struct str sent;
    uint64_t start, time, value;
    enum otlp_number_kind kind;
};

/* The eight bytes behind the tag belong to it. */
static bool read_fixed(struct number *to, char tag, uint64_t bits)
{
    switch (tag) {
    case PB_TAG(2, PB_I64): to->start = bits; return true;
    case PB_TAG(3, PB_I64): to->time = bits; return true;
    case PB_TAG(4, PB_I64): to->kind = OTLP_NUMBER_DOUBLE; break;
    case PB_TAG(6, PB_I64): to->kind = OTLP_NUMBER_INT; break;
    default: return false;
    }
    to->value = bits;
    return true;
}

bool otlp_usual_number_point(struct otlp_decoder *d, struct str message, void *out)
{
    struct number n = {0};
    const char *p = message.p, *end = p + message.n;
    (void)d;
    while (p < end) {
        if (*p == PB_TAG(7, PB_LEN)) {
            const char *from = p;
            p = skip_attributes(p, end, PB_TAG(7, PB_LEN));
            if (!p || n.sent.n)
                return false;
            n.sent = str_of(from, (size_t)(p - from));
        } else {
            if (end - p < 1 + FIXED || !read_fixed(&n, *p, fixed64(p + 1)))
                return false;
            p += 1 + FIXED;
        }
    }
    struct otlp_number_point *point = out;
    point->point.sent = n.sent;
    point->point.start_time_unix_ns = n.start;
    point->point.time_unix_ns = n.time;
    point->kind = n.kind;
    point->i64 = (int64_t)n.value;
    return true;
}

/* ---- histograms ---- */

/* Where the fields begin; NULL: not there. */
struct histogram_fields {
    const char *start, *time, *count, *sum, *min, *max;
    struct str sent, counts, bounds;
};

/* Packed values, all of them. NULL: they are not, or their length takes more bytes. */
static const char *read_packed(const char *p, const char *end, struct str *out)
{
    if (end - p < 2 || ((signed char)p[0] < 0 && (signed char)p[1] < 0))
        return NULL;
    size_t length = (signed char)p[0] < 0 ? 2 : 1, n = (unsigned char)p[0] & 0x7f;
    if (length == 2)
        n |= (size_t)p[1] << 7;
    if (n % FIXED != 0 || out->p || n > (size_t)(end - p) - length)
        return NULL;
    *out = str_of(p + length, n);
    return p + length + n;
}

static const char *read_field(struct histogram_fields *f, const char *p, const char *end)
{
    const char **fixed = NULL;
    switch (*p) {
    case PB_TAG(2, PB_I64): fixed = &f->start; break;
    case PB_TAG(3, PB_I64): fixed = &f->time; break;
    case PB_TAG(4, PB_I64): fixed = &f->count; break;
    case PB_TAG(5, PB_I64): fixed = &f->sum; break;
    case PB_TAG(11, PB_I64): fixed = &f->min; break;
    case PB_TAG(12, PB_I64): fixed = &f->max; break;
    case PB_TAG(6, PB_LEN): return read_packed(p + 1, end, &f->counts);
    case PB_TAG(7, PB_LEN): return read_packed(p + 1, end, &f->bounds);
    case PB_TAG(9, PB_LEN): {
        const char *after = skip_attributes(p, end, PB_TAG(9, PB_LEN));
        if (!after || f->sent.n)
            return NULL;
        f->sent = str_of(p, (size_t)(after - p));
        return after;
    }
    default: return NULL;
    }
    if (*fixed || end - p < 1 + FIXED)
        return NULL;
    *fixed = p + 1;
    return p + 1 + FIXED;
}

static uint64_t fixed_or_0(const char *p)
{
    return p ? fixed64(p) : 0;
}

/* A double that may be missing. */
static void take_optional(const char *p, double *value, bool *has)
{
    *value = bits_double(fixed_or_0(p));
    *has = p != NULL;
}

/* Numbers in host order, aligned; NULL: no memory, or none. */
static uint64_t *take_packed(struct str packed, struct arena *arena)
{
    size_t n = packed.n / FIXED;
    uint64_t *v = n ? arena_alloc(arena, packed.n) : NULL;
    for (size_t i = 0; v && i < n; i++)
        v[i] = fixed64(packed.p + i * FIXED);
    return v;
}

static void take_fields(struct otlp_histogram_point *to, const struct histogram_fields *f)
{
    to->point.sent = f->sent;
    to->point.start_time_unix_ns = fixed_or_0(f->start);
    to->point.time_unix_ns = fixed_or_0(f->time);
    to->count = fixed_or_0(f->count);
    take_optional(f->sum, &to->sum, &to->has_sum);
    take_optional(f->min, &to->min, &to->has_min);
    take_optional(f->max, &to->max, &to->has_max);
}

bool otlp_usual_histogram_point(struct otlp_decoder *d, struct str message, void *out)
{
    struct otlp_histogram_point *point = out;
    struct histogram_fields f = {0};
    const char *p = message.p, *end = p + message.n;
    while (p && p < end)
        p = read_field(&f, p, end);
    if (!p || f.counts.n == 0 || f.bounds.n == 0)
        return false;
    uint64_t *counts = take_packed(f.counts, d->arena), *bounds = take_packed(f.bounds, d->arena);
    if (!counts || !bounds)
        return false; // who reads it by the table says so
    take_fields(point, &f);
    point->bucket_counts = counts;
    point->n_bucket_counts = f.counts.n / FIXED;
    point->explicit_bounds = (const double *)(const void *)bounds;
    point->n_explicit_bounds = f.bounds.n / FIXED;
    return true;
}

/* ---- metrics ---- */

struct usual_points {
    enum otlp_metric_kind kind;
    size_t size;
    bool (*read)(struct otlp_decoder *d, struct str message, void *out);
};

/* By the number of the metric's field. */
static const struct usual_points usual_points[] = {
    [5] = {OTLP_GAUGE, sizeof(struct otlp_number_point), otlp_usual_number_point},
    [7] = {OTLP_SUM, sizeof(struct otlp_number_point), otlp_usual_number_point},
    [9] = {OTLP_HISTOGRAM, sizeof(struct otlp_histogram_point), otlp_usual_histogram_point},
};

/* Passes over the points that stand together from here on; returns how many. */
static size_t pass_points(struct pb_reader *r)
{
    size_t n = 0;
    for (; pb_more(r) && *r->at == PB_TAG(1, PB_LEN); n++) {
        r->at++;
        (void)pb_str(r);
    }
    return n;
}

/* What is said of all points of a sum or a histogram. */
static bool read_behind_points(struct pb_reader *r, struct otlp_metric *m)
{
    uint32_t tag;
    while (pb_next(r, &tag)) {
        if (tag == PB_TAG(2, PB_VARINT) && m->kind != OTLP_GAUGE)
            m->data.temporality = (int32_t)pb_varint(r);
        else if (tag == PB_TAG(3, PB_VARINT) && m->kind == OTLP_SUM)
            m->data.monotonic = pb_varint(r) != 0;
        else
            return false;
    }
    return !pb_failed(r);
}

static bool read_data(struct otlp_decoder *d, const struct usual_points *points, struct pb_reader r,
                      struct otlp_metric *m)
{
    struct pb_reader rest = r;
    size_t n = pass_points(&rest);
    m->kind = points->kind;
    if (!read_behind_points(&rest, m) || n > d->limits.max_points - d->n_points)
        return false;
    char *v = arena_array(d->arena, n, points->size);
    for (size_t i = 0; i < n; i++) {
        r.at++; // the tag
        if (!v || !points->read(d, pb_str(&r), v + i * points->size))
            return false;
    }
    m->data.numbers = (const void *)v; // of a union
    m->data.n_points = n;
    return true;
}

bool otlp_usual_metric(struct otlp_decoder *d, struct str message, void *out)
{
    struct otlp_metric m = {0};
    struct pb_reader r = pb_reader_of(message);
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): m.name = pb_str(&r); break;
        case PB_TAG(2, PB_LEN): m.description = pb_str(&r); break;
        case PB_TAG(3, PB_LEN): m.unit = pb_str(&r); break;
        case PB_TAG(5, PB_LEN):
        case PB_TAG(7, PB_LEN):
        case PB_TAG(9, PB_LEN):
            if (m.kind != OTLP_METRIC_NONE ||
                !read_data(d, &usual_points[pb_number(tag)], pb_message(&r), &m))
                return false;
            break;
        default: return false;
        }
    }
    if (pb_failed(&r))
        return false;
    d->n_points += m.data.n_points;
    *(struct otlp_metric *)out = m;
    return true;
}
