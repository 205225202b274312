/* What is within a Metric. */
#include <math.h>

#include "codec/native_histogram.h"
#include "codec/prom_proto.h"
#include "model/sample.h"

/* Fields of Metric. */
enum { LABEL = 1, GAUGE, COUNTER, SUMMARY, UNTYPED, TIMESTAMP_MS, HISTOGRAM };

static void note_damage(struct pb_reader *outer, const struct pb_reader *inner)
{
    if (pb_failed(inner))
        pb_damage(outer, inner->damage);
}

/* What Prometheus makes of any NaN that it scrapes: a stale marker is not for targets to give. */
static double scraped(double v)
{
    return isnan(v) ? plain_nan() : v;
}

/* ---- Times and labels ---- */

/* A Timestamp as milliseconds; what no int64 holds is damage. */
static int64_t read_time(struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    int64_t seconds = 0, nanos = 0, ms = 0;
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): seconds = (int64_t)pb_varint(&r); break;
        case PB_TAG(2, PB_VARINT): nanos = (int64_t)pb_varint(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    if (__builtin_mul_overflow(seconds, INT64_C(1000), &ms) ||
        __builtin_add_overflow(ms, nanos / 1000000, &ms))
        pb_damage(&r, "a time that is none");
    note_damage(outer, &r);
    return ms;
}

struct label proto_label(struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct label l = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): l.name = pb_str(&r); break;
        case PB_TAG(2, PB_LEN): l.value = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    if (!str_is_utf8(l.name) || !str_is_utf8(l.value))
        pb_damage(&r, "a label is not UTF-8");
    note_damage(outer, &r);
    return l;
}

/* ---- Exemplars ---- */

/* Labels of the exemplar that `r` begins; `r` is a copy. */
static struct labels exemplar_labels(struct pb_reader r, struct pb_reader *outer,
                                     struct arena *arena)
{
    uint32_t counts[PB_COUNTED], tag;
    pb_count(r, counts);
    struct label *v = counts[1] ? arena_array(arena, counts[1], sizeof *v) : NULL;
    size_t n = 0;
    while (v && n < counts[1] && pb_next(&r, &tag)) {
        if (tag == PB_TAG(1, PB_LEN))
            v[n++] = proto_label(&r);
        else
            pb_skip(&r, tag);
    }
    note_damage(outer, &r);
    struct str bad;
    long kept = labels_canonicalise(v, n, &bad);
    if (kept < 0)
        pb_damage(outer, "an exemplar's label stands twice or has no name");
    return (struct labels){v, kept > 0 ? (size_t)kept : 0};
}

static void read_exemplar(struct pb_reader *outer, struct arena *arena, struct exemplar *e)
{
    struct pb_reader r = pb_message(outer), all = r;
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(2, PB_I64): e->value = scraped(pb_double(&r)); break;
        case PB_TAG(3, PB_LEN): e->t_unix_ms = read_time(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(2) | PB_FIELD(3)); break;
        }
    }
    e->labels = exemplar_labels(all, &r, arena);
    note_damage(outer, &r);
}

/* `room`: how many fields of them there are at most; the same at each call for a metric. */
static void add_exemplar(struct proto_metric *m, size_t room, struct pb_reader *r,
                         struct arena *arena)
{
    struct exemplar *e = m->n_exemplars ? (struct exemplar *)(uintptr_t)m->exemplars
                                        : arena_array(arena, room, sizeof *e);
    if (!e || m->n_exemplars == room) {
        (void)pb_str(r); // passed over
        return;
    }
    m->exemplars = e;
    read_exemplar(r, arena, &e[m->n_exemplars++]);
}

/* ---- Numbers ---- */

/* Counter, Gauge and Untyped are alike where they have a field. */
static void read_number(struct proto_metric *m, struct pb_reader *outer, struct arena *arena)
{
    struct pb_reader r = pb_message(outer);
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_I64): m->value = scraped(pb_double(&r)); break;
        case PB_TAG(2, PB_LEN): add_exemplar(m, 1, &r, arena); break;
        case PB_TAG(3, PB_LEN): m->start_unix_ms = read_time(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    note_damage(outer, &r);
}

static void read_summary(struct proto_metric *m, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    uint32_t tag;
    m->items = r;
    m->has_items = true;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): m->count = (double)pb_varint(&r); break;
        case PB_TAG(2, PB_I64): m->sum = scraped(pb_double(&r)); break;
        case PB_TAG(4, PB_LEN): m->start_unix_ms = read_time(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(4));
        }
    }
    note_damage(outer, &r);
}

/* ---- Histograms ---- */

/* Fields 4 and 8 stand for 1 and 7 when they are above 0. */
static bool read_float_count(struct native_reading *in, struct pb_reader *r, uint32_t tag)
{
    if (tag != PB_TAG(4, PB_I64) && tag != PB_TAG(8, PB_I64))
        return false;
    double v = pb_double(r), *to = tag == PB_TAG(4, PB_I64) ? &in->h.count : &in->h.zero_count;
    if (v > 0) {
        *to = v;
        in->h.integer = false;
    }
    return true;
}

/* The numbers that the fields of a native histogram have in remote write. */
static const uint8_t remote_numbers[] = {
    [1] = 1,  [2] = 3,   [5] = 4,   [6] = 5,   [7] = 6,  [9] = 8,
    [10] = 9, [11] = 10, [12] = 11, [13] = 12, [14] = 13};

static bool read_native(struct native_reading *in, struct pb_reader *r, uint32_t tag,
                        struct arena *arena)
{
    uint32_t number = pb_number(tag);
    if (read_float_count(in, r, tag))
        return true;
    if (number >= ARRAY_LEN(remote_numbers) || !remote_numbers[number])
        return false;
    return native_read_field(in, r, PB_TAG(remote_numbers[number], tag & 7), arena);
}

/* What tells a native histogram from a classic one without any. */
static bool is_native(const struct native_reading *in)
{
    return in->positive_spans.n || in->negative_spans.n || in->h.zero_threshold > 0 ||
           in->h.zero_count > 0;
}

static void read_histogram(struct proto_metric *m, struct pb_reader *outer, bool gauge,
                           struct arena *arena)
{
    struct pb_reader r = pb_message(outer);
    struct native_reading in = {0};
    uint32_t counts[PB_COUNTED], tag;
    pb_count(r, counts);
    m->items = r;
    m->has_items = counts[3] > 0;
    while (pb_next(&r, &tag) && !arena_failed(arena)) {
        if (tag == PB_TAG(15, PB_LEN))
            m->start_unix_ms = read_time(&r);
        else if (tag == PB_TAG(16, PB_LEN))
            add_exemplar(m, counts[16], &r, arena);
        else if (!read_native(&in, &r, tag, arena))
            pb_skip_unknown(&r, tag, PB_FIELD(17) - PB_FIELD(4) + PB_FIELD(1) + PB_FIELD(2));
    }
    note_damage(outer, &r);
    in.h.sum = scraped(in.h.sum);
    in.h.reset = gauge ? HISTOGRAM_RESET_GAUGE : HISTOGRAM_RESET_UNKNOWN;
    m->count = in.h.count;
    m->sum = in.h.sum;
    if (is_native(&in))
        m->native = native_read_end(&in, arena);
}

/* ---- The metric ---- */

static uint32_t data_field(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER: return COUNTER;
    case METRIC_GAUGE: return GAUGE;
    case METRIC_SUMMARY: return SUMMARY;
    case METRIC_HISTOGRAM:
    case METRIC_GAUGE_HISTOGRAM: return HISTOGRAM;
    default: return UNTYPED;
    }
}

/* Instead of what was read before: of a field that stands twice the last one holds. */
static void read_data(struct proto_metric *m, struct pb_reader *r, enum metric_type type,
                      struct arena *arena)
{
    *m = (struct proto_metric){.items = m->items, .t_unix_ms = m->t_unix_ms};
    if (type == METRIC_SUMMARY)
        read_summary(m, r);
    else if (type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM)
        read_histogram(m, r, type == METRIC_GAUGE_HISTOGRAM, arena);
    else
        read_number(m, r, arena);
}

void proto_metric_read(struct proto_metric *m, struct pb_reader message, enum metric_type type,
                       struct arena *arena)
{
    struct pb_reader r = message;
    uint32_t tag, data = PB_TAG(data_field(type), PB_LEN);
    *m = (struct proto_metric){.items = {.at = r.end, .end = r.end, .start = r.start}};
    while (pb_next(&r, &tag)) {
        if (tag == data)
            read_data(m, &r, type, arena);
        else if (tag == PB_TAG(TIMESTAMP_MS, PB_VARINT))
            m->t_unix_ms = (int64_t)pb_varint(&r);
        else
            pb_skip(&r, tag); // labels, and data of another type
    }
    m->message = message;
    note_damage(&m->message, &r);
}

/* ---- Buckets and quantiles ---- */

static void read_bucket(struct pb_reader *outer, struct arena *arena, struct proto_item *out)
{
    struct pb_reader r = pb_message(outer);
    struct proto_metric holder = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        double v;
        switch (tag) {
        case PB_TAG(1, PB_VARINT):
            v = (double)pb_varint(&r);
            out->value = out->value > 0 ? out->value : v;
            break;
        case PB_TAG(2, PB_I64): out->label = scraped(pb_double(&r)); break;
        case PB_TAG(3, PB_LEN): add_exemplar(&holder, 1, &r, arena); break;
        case PB_TAG(4, PB_I64):
            v = pb_double(&r);
            out->value = v > 0 ? v : out->value;
            break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(5) - PB_FIELD(1));
        }
    }
    out->exemplar = holder.n_exemplars ? holder.exemplars : NULL;
    note_damage(outer, &r);
}

static void read_quantile(struct pb_reader *outer, struct proto_item *out)
{
    struct pb_reader r = pb_message(outer);
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_I64): out->label = scraped(pb_double(&r)); break;
        case PB_TAG(2, PB_I64): out->value = scraped(pb_double(&r)); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    note_damage(outer, &r);
}

int proto_item_next(struct proto_metric *m, enum metric_type type, struct arena *arena,
                    struct proto_item *out)
{
    uint32_t tag;
    *out = (struct proto_item){0};
    while (pb_next(&m->items, &tag)) {
        if (tag != PB_TAG(3, PB_LEN)) {
            pb_skip(&m->items, tag);
            continue;
        }
        if (type == METRIC_SUMMARY)
            read_quantile(&m->items, out);
        else
            read_bucket(&m->items, arena, out);
        m->has_inf = m->has_inf || out->label == INFINITY;
        return !pb_failed(&m->items);
    }
    return 0;
}
