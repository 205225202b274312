/* One pass over the message. Arrays of a series (labels, samples, exemplars) are built one after
 * the other at the end of larger chunks of the batch's arena, so that nothing is counted beforehand
 * and hardly anything is moved.
 *
 * Most requests are ASCII with sorted labels; both is verified on the way at the cost of a look at
 * each eight bytes and one comparison a label, and only what fails is looked at again. */
#include "codec/remote_write.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "codec/protobuf.h"
#include "codec/remote_write_histogram.h"
#include "model/batch.h"
#include "model/histogram.h"

const char *remote_write_reject_name(enum remote_write_reject r)
{
    static const char *const names[] = {
        [REMOTE_WRITE_BAD_LABELS] = "labels",
        [REMOTE_WRITE_LABEL_LIMIT] = "label_limit",
        [REMOTE_WRITE_BAD_HISTOGRAM] = "histogram",
    };
    return (size_t)r < ARRAY_LEN(names) ? names[r] : "unknown";
}

size_t remote_write_rejected(const struct remote_write_result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < REMOTE_WRITE_REJECTS; i++)
        n += r->rejected[i];
    return n;
}

/* ---- Arrays under construction ---- */

/* Arrays of one type, built one after another; the last one grows. */
struct arrays {
    struct arena *arena;
    size_t size;      /* of an element */
    char *chunk;      /* of the arena */
    size_t used, cap; /* elements in the chunk */
    size_t start;     /* of the array that grows */
};

enum { CHUNK_ELEMENTS = 1024 };

/* The growing array moves to a new chunk with room for more of it. */
static bool arrays_move(struct arrays *a)
{
    size_t n = a->used - a->start;
    size_t cap = MAX(n * 2, CHUNK_ELEMENTS);
    char *chunk =
        arena_grow(a->arena, a->chunk ? a->chunk + a->start * a->size : NULL, n, cap, a->size);
    if (!chunk)
        return false;
    a->chunk = chunk;
    a->start = 0;
    a->used = n;
    a->cap = cap;
    return true;
}

/* A new last element, uninitialised; NULL when the budget is spent. */
static inline void *arrays_add(struct arrays *a)
{
    if (UNLIKELY(a->used == a->cap) && !arrays_move(a))
        return NULL;
    return a->chunk + a->used++ * a->size;
}

static inline size_t arrays_count(const struct arrays *a)
{
    return a->used - a->start;
}

/* The growing array; it may be shortened in place before it is closed. */
static inline void *arrays_growing(const struct arrays *a)
{
    return a->chunk ? a->chunk + a->start * a->size : NULL;
}

/* The array is done at `n` elements; the next begins. */
static inline void arrays_close(struct arrays *a, size_t n)
{
    a->start += n;
    a->used = a->start;
}

/* ---- The decoder ---- */

enum { FAMILIES = 256 };

struct decoder {
    enum remote_write_version version;
    const struct remote_write_limits *limits;
    struct batch *batch;
    struct remote_write_result *result;
    struct err *err;

    struct str *symbols; /* of 2.0; of the arena */
    size_t n_symbols, n_series;

    struct arrays labels, samples, exemplars;
    struct arrays exemplar_labels;

    /* Of the series being read. */
    size_t n_histograms;
    const char *bad_text; /* a label is not right at first sight: why; static text */
    uint32_t type, help_ref, unit_ref;

    struct str families[FAMILIES]; /* of 2.0: whose metadata is in the batch, by hash */
};

static bool is_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t high = 0;
    for (; end - p >= 8; p += 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        high |= eight;
    }
    for (; p < end; p++)
        high |= (uint64_t)*p;
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

static void absorb(struct pb_reader *outer, const struct pb_reader *inner)
{
    if (UNLIKELY(inner->damage != NULL) && !outer->damage) {
        outer->damage = inner->damage;
        outer->damage_offset = inner->damage_offset;
        outer->at = outer->end;
    }
}

/* The usual Label message: name and value in this order, each below 128 bytes, and no more. */
static bool read_short_label(const uint8_t *p, const uint8_t *end, struct label *out)
{
    if (end - p < 4 || p[0] != PB_TAG(1, PB_LEN) || end - p < p[1] + 4)
        return false;
    const uint8_t *value = p + 2 + p[1];
    if (value[0] != PB_TAG(2, PB_LEN) || value[1] >= 0x80 || end - value != value[1] + 2)
        return false;
    out->name = str_of((const char *)p + 2, p[1]);
    out->value = str_of((const char *)value + 2, value[1]);
    return p[1] < 0x80;
}

/* One Label message of 1.0. */
static void read_label(struct pb_reader *outer, struct arrays *to, bool *out_bad_utf8)
{
    struct pb_reader r = pb_message(outer);
    const uint8_t *start = r.at;
    struct label l = {0};
    uint32_t tag;
    if (LIKELY(read_short_label(r.at, r.end, &l)))
        r.at = r.end;
    else
        l = (struct label){0};
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): l.name = pb_str(&r); break;
        case PB_TAG(2, PB_LEN): l.value = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    absorb(outer, &r);
    if (UNLIKELY(!is_ascii(start, r.end)) && !(str_is_utf8(l.name) && str_is_utf8(l.value)))
        *out_bad_utf8 = true;
    struct label *slot = arrays_add(to);
    if (slot)
        *slot = l;
}

/* A series's or exemplar's texts by reference: name, value, name, value … */
struct refs {
    struct arrays *to;
    struct str name; /* waits for its value when `half` */
    bool half, bad;
};

static struct str symbol(const struct decoder *d, uint64_t ref, bool *out_bad)
{
    if (UNLIKELY(ref >= d->n_symbols)) {
        *out_bad = true;
        return (struct str){0};
    }
    return d->symbols[ref];
}

static inline void add_ref(const struct decoder *d, struct refs *refs, uint64_t ref)
{
    struct str text = symbol(d, ref, &refs->bad);
    refs->half = !refs->half;
    if (refs->half) {
        refs->name = text;
        return;
    }
    struct label *slot = arrays_add(refs->to);
    if (slot)
        *slot = (struct label){refs->name, text};
}

static void read_refs(const struct decoder *d, struct pb_reader *outer, struct refs *refs)
{
    struct pb_reader r = pb_message(outer);
    while (pb_more(&r))
        add_ref(d, refs, pb_varint(&r));
    absorb(outer, &r);
}

static void read_sample(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct sample s = {0};
    int64_t start = 0;
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_I64): s.value = pb_double(&r); break;
        case PB_TAG(2, PB_VARINT): s.t_unix_ms = (int64_t)pb_varint(&r); break;
        case PB_TAG(3, PB_VARINT): start = (int64_t)pb_varint(&r); break; // 2.0 only
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    absorb(outer, &r);
    s.start_unix_ms = d->version == REMOTE_WRITE_2 ? start : 0;
    struct sample *slot = arrays_add(&d->samples);
    if (slot)
        *slot = s;
}

static void read_histogram(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct sample s;
    remote_write_histogram(&r, &d->batch->arena, &s);
    absorb(outer, &r);
    struct sample *slot = arrays_add(&d->samples);
    if (!slot)
        return;
    *slot = s;
    d->n_histograms++;
}

static void read_exemplar(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct exemplar e = {0};
    struct refs refs = {.to = &d->exemplar_labels};
    bool v2 = d->version == REMOTE_WRITE_2;
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): add_ref(d, &refs, pb_varint(&r)); break;
        case PB_TAG(1, PB_LEN):
            if (v2)
                read_refs(d, &r, &refs);
            else
                read_label(&r, &d->exemplar_labels, &refs.bad);
            break;
        case PB_TAG(2, PB_I64): e.value = pb_double(&r); break;
        case PB_TAG(3, PB_VARINT): e.t_unix_ms = (int64_t)pb_varint(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    absorb(outer, &r);

    struct str twice;
    struct label *v = arrays_growing(&d->exemplar_labels);
    long n = labels_canonicalise(v, arrays_count(&d->exemplar_labels), &twice);
    arrays_close(&d->exemplar_labels, n > 0 ? (size_t)n : 0);
    e.labels = (struct labels){v, n > 0 ? (size_t)n : 0};
    struct exemplar *slot = refs.bad || refs.half || n < 0 ? NULL : arrays_add(&d->exemplars);
    if (slot)
        *slot = e;
    else
        d->result->exemplars_rejected++;
}

/* ---- The labels of a series ---- */

/* Counts the series's samples as left out; the first reason is told with the series. */
static void reject(struct decoder *d, enum remote_write_reject why, size_t samples,
                   const struct labels *labels, const char *reason, struct str about)
{
    struct remote_write_result *result = d->result;
    result->rejected[why] += samples;
    if (result->message[0])
        return;
    struct buf series = BUF_MAX(1 << 20);
    labels_format(&series, labels);
    struct str shown = str_sub(buf_str(&series), 0, 120);
    (void)snprintf(result->message, sizeof result->message,
                   "timeseries[%zu]: %s%.*s%s in series %.*s", d->n_series - 1, reason,
                   STR_ARG(str_sub(about, 0, 60)), about.n ? "\"" : "", STR_ARG(shown));
    buf_done(&series);
}

/* Sorted, unique, without empty texts, and the name there: what nearly all series are. */
static bool is_canonical(const struct label *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].name.n == 0 || v[i].value.n == 0 ||
            (i > 0 && str_cmp(v[i - 1].name, v[i].name) >= 0))
            return false;
    return true;
}

/* What is over a limit, or NULL. */
static const char *over_limit(const struct remote_write_limits *limits, const struct labels *l,
                              struct str *out_about)
{
    size_t max_name = limits->max_label_name_bytes ? limits->max_label_name_bytes : SIZE_MAX;
    size_t max_value = limits->max_label_value_bytes ? limits->max_label_value_bytes : SIZE_MAX;
    if (limits->max_labels && l->n > limits->max_labels)
        return "too many labels";
    for (size_t i = 0; i < l->n; i++) {
        *out_about = l->v[i].name;
        if (l->v[i].name.n > max_name)
            return "name too long of label \"";
        if (l->v[i].value.n > max_value)
            return "value too long of label \"";
    }
    return NULL;
}

/* Makes the labels of the series just read canonical, in place. */
static bool series_labels(struct decoder *d, struct labels *out)
{
    struct label *v = arrays_growing(&d->labels);
    size_t n = arrays_count(&d->labels), samples = arrays_count(&d->samples);
    struct labels raw = {v, n};
    struct str about = {0};
    const char *reason = d->bad_text;
    enum remote_write_reject why = REMOTE_WRITE_BAD_LABELS;
    if (!reason && !is_canonical(v, n)) {
        long kept = labels_canonicalise(v, n, &about);
        if (kept < 0)
            reason = about.n ? "label name given twice: \"" : "empty label name";
        else
            n = raw.n = (size_t)kept;
    }
    if (!reason && labels_metric_name(&raw).n == 0)
        reason = "metric name missing";
    if (!reason) {
        reason = over_limit(d->limits, &raw, &about);
        why = REMOTE_WRITE_LABEL_LIMIT;
    }
    if (reason) {
        reject(d, why, samples, &raw, reason, about);
        return false;
    }
    arrays_close(&d->labels, n);
    *out = raw;
    return true;
}

/* ---- Series ---- */

/* Drops the histograms that are not right from the growing array of samples. */
static void check_histograms(struct decoder *d, const struct labels *labels)
{
    struct sample *v = arrays_growing(&d->samples);
    size_t n = arrays_count(&d->samples), kept = 0;
    for (size_t i = 0; i < n; i++) {
        const struct histogram *h = v[i].histogram;
        struct err err = {0};
        bool ok = !h || histogram_validate(h, &err) == 0;
        if (ok && h && d->limits->max_buckets &&
            h->n_positive + h->n_negative > d->limits->max_buckets) {
            (void)err_set(&err, ERR_TOO_BIG, "%zu buckets, the limit is %u",
                          h->n_positive + h->n_negative, d->limits->max_buckets);
            ok = false;
        }
        if (ok) {
            v[kept++] = v[i];
            continue;
        }
        d->n_histograms--;
        reject(d, REMOTE_WRITE_BAD_HISTOGRAM, 1, labels, err.message, (struct str){0});
    }
    d->samples.used -= n - kept;
}

/* A family's name is its series' name without what histograms and summaries add. */
static struct str family_of(struct str name, enum metric_type type)
{
    static const struct str suffixes[] = {{"_bucket", 7}, {"_count", 6}, {"_sum", 4}};
    bool many =
        type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM || type == METRIC_SUMMARY;
    for (size_t i = 0; many && i < ARRAY_LEN(suffixes); i++)
        if (str_ends(name, suffixes[i]) && name.n > suffixes[i].n)
            return str_sub(name, 0, name.n - suffixes[i].n);
    return name;
}

/* The wire's numbers are those of enum metric_type, in both versions. */
static enum metric_type type_of(uint64_t wire)
{
    _Static_assert(METRIC_GAUGE_HISTOGRAM == 4 && METRIC_STATESET == 7, "the wire's numbers");
    return wire <= METRIC_STATESET ? (enum metric_type)wire : METRIC_UNKNOWN;
}

/* In 2.0 each series carries the metadata of its family: one of them is enough. Two families that
 * share a slot may be told more than once, which does no harm. */
static void add_series_metadata(struct decoder *d, const struct labels *labels)
{
    bool bad = false;
    struct metric_metadata m = {
        .type = type_of(d->type),
        .help = symbol(d, d->help_ref, &bad),
        .unit = symbol(d, d->unit_ref, &bad),
    };
    if (bad || (d->type == 0 && m.help.n == 0 && m.unit.n == 0))
        return;
    m.family = family_of(labels_metric_name(labels), m.type);
    struct str *slot = &d->families[hash_str(m.family) % FAMILIES];
    if (str_eq(*slot, m.family))
        return;
    *slot = m.family;
    (void)batch_add_metadata(d->batch, &m); // told by arena_failed
}

static void finish_series(struct decoder *d)
{
    struct labels labels;
    bool ok = series_labels(d, &labels);
    if (!ok) {
        arrays_close(&d->labels, 0);
        arrays_close(&d->samples, 0);
        arrays_close(&d->exemplars, 0);
        return;
    }
    if (d->n_histograms)
        check_histograms(d, &labels);

    size_t n_samples = arrays_count(&d->samples), n_exemplars = arrays_count(&d->exemplars);
    const struct sample *samples = arrays_growing(&d->samples);
    const struct exemplar *exemplars = arrays_growing(&d->exemplars);
    arrays_close(&d->samples, n_samples);
    arrays_close(&d->exemplars, n_exemplars);
    struct batch_series *s = n_samples || n_exemplars ? batch_add_series(d->batch, labels) : NULL;
    if (s) {
        s->samples = samples;
        s->exemplars = exemplars;
        s->n_samples = (uint32_t)n_samples;
        s->n_exemplars = (uint32_t)n_exemplars;
        d->result->samples += n_samples - d->n_histograms;
        d->result->histograms += d->n_histograms;
        d->result->exemplars += n_exemplars;
    }
    if (d->version == REMOTE_WRITE_2)
        add_series_metadata(d, &labels);
}

static void begin_series(struct decoder *d)
{
    d->n_series++;
    d->n_histograms = 0;
    d->bad_text = NULL;
    d->type = d->help_ref = d->unit_ref = 0;
}

static void read_series_1(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    bool bad_utf8 = false;
    uint32_t tag;
    begin_series(d);
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): read_label(&r, &d->labels, &bad_utf8); break;
        case PB_TAG(2, PB_LEN): read_sample(d, &r); break;
        case PB_TAG(3, PB_LEN): read_exemplar(d, &r); break;
        case PB_TAG(4, PB_LEN): read_histogram(d, &r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3) | PB_FIELD(4));
        }
    }
    absorb(outer, &r);
    if (bad_utf8)
        d->bad_text = "a label is not valid UTF-8";
    if (!outer->damage)
        finish_series(d);
}

static void read_series_metadata(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): d->type = (uint32_t)pb_varint(&r); break;
        case PB_TAG(3, PB_VARINT): d->help_ref = (uint32_t)pb_varint(&r); break;
        case PB_TAG(4, PB_VARINT): d->unit_ref = (uint32_t)pb_varint(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(3) | PB_FIELD(4));
        }
    }
    absorb(outer, &r);
}

static void read_series_2(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct refs refs = {.to = &d->labels};
    uint32_t tag;
    begin_series(d);
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): read_refs(d, &r, &refs); break;
        case PB_TAG(1, PB_VARINT): add_ref(d, &refs, pb_varint(&r)); break;
        case PB_TAG(2, PB_LEN): read_sample(d, &r); break;
        case PB_TAG(3, PB_LEN): read_histogram(d, &r); break;
        case PB_TAG(4, PB_LEN): read_exemplar(d, &r); break;
        case PB_TAG(5, PB_LEN): read_series_metadata(d, &r); break;
        default:
            pb_skip_unknown(&r, tag,
                            PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3) | PB_FIELD(4) | PB_FIELD(5));
        }
    }
    absorb(outer, &r);
    if (refs.bad || refs.half)
        d->bad_text = "labels_refs: not pairs of references into the symbols";
    if (!outer->damage)
        finish_series(d);
}

/* ---- Messages ---- */

static void read_metadata_1(struct decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct metric_metadata m = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): m.type = type_of(pb_varint(&r)); break;
        case PB_TAG(2, PB_LEN): m.family = pb_str(&r); break;
        case PB_TAG(4, PB_LEN): m.help = pb_str(&r); break;
        case PB_TAG(5, PB_LEN): m.unit = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(4) | PB_FIELD(5));
        }
    }
    absorb(outer, &r);
    bool usable = m.family.n && str_is_utf8(m.family) && str_is_utf8(m.help) && str_is_utf8(m.unit);
    if (usable)
        (void)batch_add_metadata(d->batch, &m); // told by arena_failed
}

/* The symbols stand in front of the series; each is checked once, here. */
static int read_symbols(struct decoder *d, struct pb_reader r)
{
    uint32_t counts[PB_COUNTED], tag;
    pb_count(r, counts);
    d->symbols = arena_array(&d->batch->arena, counts[4], sizeof *d->symbols);
    if (!d->symbols)
        return err_set(d->err, ERR_NOMEM, "the request is over its memory budget");
    while (pb_next(&r, &tag)) {
        if (tag != PB_TAG(4, PB_LEN)) {
            pb_skip_unknown(&r, tag, PB_FIELD(4));
            continue;
        }
        struct str s = pb_str(&r);
        if (!str_is_utf8(s))
            return err_set(d->err, ERR_INVALID, "symbols[%zu]: not valid UTF-8", d->n_symbols);
        if (d->n_symbols < counts[4])
            d->symbols[d->n_symbols++] = s;
    }
    if (pb_failed(&r))
        return pb_error(&r, "symbols", d->err);
    if (d->n_symbols && d->symbols[0].n)
        return err_set(d->err, ERR_INVALID, "symbols[0]: \"%.*s\"; expected the empty text",
                       STR_ARG(str_sub(d->symbols[0], 0, 60)));
    return 0;
}

static int state_of(const struct decoder *d, const struct pb_reader *r)
{
    char field[48];
    if (pb_failed(r)) {
        (void)snprintf(field, sizeof field, "timeseries[%zu]", d->n_series ? d->n_series - 1 : 0);
        return pb_error(r, field, d->err);
    }
    if (arena_failed(&d->batch->arena))
        return err_set(d->err, ERR_NOMEM, "the request is over its memory budget");
    if (d->limits->max_series && d->n_series > d->limits->max_series)
        return err_set(d->err, ERR_TOO_BIG, "more than %u series in one request",
                       d->limits->max_series);
    return 0;
}

static int read_request(struct decoder *d, struct pb_reader r)
{
    bool v1 = d->version == REMOTE_WRITE_1;
    uint32_t tag;
    int rc = 0;
    while (rc == 0 && pb_next(&r, &tag)) {
        if (v1 && tag == PB_TAG(1, PB_LEN))
            read_series_1(d, &r);
        else if (v1 && tag == PB_TAG(3, PB_LEN))
            read_metadata_1(d, &r);
        else if (!v1 && tag == PB_TAG(5, PB_LEN))
            read_series_2(d, &r);
        else
            pb_skip_unknown(&r, tag, v1 ? PB_FIELD(1) | PB_FIELD(3) : PB_FIELD(5));
        rc = state_of(d, &r);
    }
    return rc != 0 ? rc : state_of(d, &r);
}

int remote_write_decode(struct str body, enum remote_write_version version,
                        const struct remote_write_limits *limits, struct batch *b,
                        struct remote_write_result *out, struct err *err)
{
    struct arena *arena = &b->arena;
    *out = (struct remote_write_result){0};
    struct decoder d = {
        .version = version,
        .limits = limits,
        .batch = b,
        .result = out,
        .err = err,
        .labels = {.arena = arena, .size = sizeof(struct label)},
        .samples = {.arena = arena, .size = sizeof(struct sample)},
        .exemplars = {.arena = arena, .size = sizeof(struct exemplar)},
        .exemplar_labels = {.arena = arena, .size = sizeof(struct label)},
    };
    struct pb_reader r = pb_reader_of(body);
    int rc = version == REMOTE_WRITE_2 ? read_symbols(&d, r) : 0;
    return rc != 0 ? rc : read_request(&d, r);
}
