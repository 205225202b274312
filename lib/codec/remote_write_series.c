/* One series, in one pass over its message.
 *
 * Most labels are ASCII and sorted; both is verified on the way at the cost of a look at each eight
 * bytes and one comparison a label, and only what fails is looked at again. */
#include "codec/remote_write_decoder.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/short.h"
#include "base/word.h"
#include "codec/remote_write_histogram.h"
#include "model/batch.h"
#include "model/histogram.h"

enum { REASON_MAX = 192 };

static bool is_ascii(const uint8_t *p, const uint8_t *end)
{
    uint64_t high = 0;
    if (LIKELY(end - p >= 8)) {
        high = load64(end - 8);
        for (; end - p > 8; p += 8)
            high |= load64(p);
    } else {
        for (; p < end; p++)
            high |= (uint64_t)*p;
    }
    return (high & UINT64_C(0x8080808080808080)) == 0;
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

/* Of two labels with the same text the first one is taken, so that who comes later sees by the
 * address that they are the same. */
static bool is_again(const struct label *l, const struct label *before)
{
    return before && short_eq(l->value, before->value) && short_eq(l->name, before->name);
}

static void keep_label(struct arrays *to, const struct label *l)
{
    struct label *slot = arrays_add(to);
    if (slot)
        *slot = *l;
}

/* Where a Label message ends that says in the usual way what `l` says, or NULL. `p`: its length. */
static const uint8_t *pass_again(const uint8_t *p, const uint8_t *end, const struct label *l)
{
    size_t name = l->name.n, size = name + l->value.n + 4;
    if (size >= 0x80 || (size_t)(end - p) <= size || p[0] != size || p[2] != name)
        return NULL;
    const uint8_t *value = p + 3 + name;
    if (p[1] != PB_TAG(1, PB_LEN) || value[0] != PB_TAG(2, PB_LEN) || value[1] != l->value.n)
        return NULL;
    bool same = short_eq(str_of((const char *)value + 2, l->value.n), l->value) &&
                short_eq(str_of((const char *)p + 3, name), l->name);
    return same ? p + 1 + size : NULL;
}

/* One Label message of 1.0. `before`: the label at this place in another series, which was found to
 * be right, or NULL. */
static void read_label(struct pb_reader *outer, struct arrays *to, const struct label *before,
                       bool *out_bad_utf8)
{
    struct pb_reader r = pb_message(outer);
    const uint8_t *start = r.at;
    struct label l = {0};
    uint32_t tag;
    if (LIKELY(read_short_label(r.at, r.end, &l))) {
        r.at = r.end;
        if (is_again(&l, before)) {
            keep_label(to, before);
            return;
        }
    } else {
        l = (struct label){0};
    }
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): l.name = pb_str(&r); break;
        case PB_TAG(2, PB_LEN): l.value = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    remote_write_absorb(outer, &r);
    if (UNLIKELY(!is_ascii(start, r.end)) && !(str_is_utf8(l.name) && str_is_utf8(l.value)))
        *out_bad_utf8 = true;
    keep_label(to, &l);
}

/* A series's or exemplar's texts by reference: name, value, name, value … */
struct refs {
    struct arrays *to;
    struct str name; /* waits for its value when `half` */
    bool half, bad;
};

static struct str symbol(const struct remote_write_decoder *d, uint64_t ref, bool *out_bad)
{
    if (UNLIKELY(ref >= d->n_symbols)) {
        *out_bad = true;
        return (struct str){0};
    }
    return d->symbols[ref];
}

static inline void add_ref(const struct remote_write_decoder *d, struct refs *refs, uint64_t ref)
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

static void read_refs(const struct remote_write_decoder *d, struct pb_reader *outer,
                      struct refs *refs)
{
    struct pb_reader r = pb_message(outer);
    while (pb_more(&r))
        add_ref(d, refs, pb_varint(&r));
    remote_write_absorb(outer, &r);
}

/* The usual Sample message: value and time in this order, a time of six bytes (2^35 ms to 2^42 ms:
 * 1971 to 2109), and no more. Like the general way below in what it accepts and gives. */
static bool read_short_sample(struct pb_reader *outer, struct sample *out)
{
    enum { LENGTH = 16, VALUE = 2, TIME_TAG = VALUE + 8, TIME, SIZE = LENGTH + 1 };
    const uint8_t *p = outer->at;
    if (outer->end - p < SIZE || p[0] != LENGTH || p[1] != PB_TAG(1, PB_I64) ||
        p[TIME_TAG] != PB_TAG(2, PB_VARINT))
        return false;
    uint64_t t = 0;
    for (unsigned i = 0; i < 6; i++) {
        if (p[TIME + i] >> 7 != (i < 5))
            return false;
        t |= (uint64_t)(p[TIME + i] & 0x7f) << (7 * i);
    }
    struct pb_reader value = {.at = p + VALUE, .end = p + TIME_TAG};
    *out = (struct sample){.t_unix_ms = (int64_t)t, .value = pb_double(&value)};
    outer->at = p + SIZE;
    return true;
}

static void read_sample(struct remote_write_decoder *d, struct pb_reader *outer)
{
    struct sample s = {0};
    if (LIKELY(read_short_sample(outer, &s))) {
        struct sample *slot = arrays_add(&d->samples);
        if (slot)
            *slot = s;
        return;
    }
    struct pb_reader r = pb_message(outer);
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
    remote_write_absorb(outer, &r);
    s.start_unix_ms = d->version == REMOTE_WRITE_2 ? start : 0;
    struct sample *slot = arrays_add(&d->samples);
    if (slot)
        *slot = s;
}

static void read_histogram(struct remote_write_decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct sample s;
    remote_write_histogram(&r, &d->batch->arena, &s);
    remote_write_absorb(outer, &r);
    struct sample *slot = arrays_add(&d->samples);
    if (!slot)
        return;
    *slot = s;
    d->n_histograms++;
}

static void read_exemplar(struct remote_write_decoder *d, struct pb_reader *outer)
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
                read_label(&r, &d->exemplar_labels, NULL, &refs.bad);
            break;
        case PB_TAG(2, PB_I64): e.value = pb_double(&r); break;
        case PB_TAG(3, PB_VARINT): e.t_unix_ms = (int64_t)pb_varint(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    remote_write_absorb(outer, &r);

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
static void reject(struct remote_write_decoder *d, enum remote_write_reject why, size_t samples,
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

/* What is over a limit, told in `room`, or NULL. What is in `same` was not. */
static const char *over_limit(const struct remote_write_limits *limits, const struct labels *l,
                              uint64_t same, char room[static REASON_MAX])
{
    size_t max_name = limits->max_label_name_bytes ? limits->max_label_name_bytes : SIZE_MAX;
    size_t max_value = limits->max_label_value_bytes ? limits->max_label_value_bytes : SIZE_MAX;
    if (limits->max_labels && l->n > limits->max_labels) {
        (void)snprintf(room, REASON_MAX,
                       "%zu labels; expected at most %" PRIu32 " (limits.max_labels)", l->n,
                       limits->max_labels);
        return room;
    }
    for (size_t i = 0; i < l->n; i++) {
        if (i < LABEL_HASHES && same >> i & 1)
            continue;
        struct str name = l->v[i].name, value = l->v[i].value;
        if (name.n <= max_name && value.n <= max_value)
            continue;
        bool is_name = name.n > max_name;
        (void)snprintf(room, REASON_MAX,
                       "%s of label \"%.*s\": %zu bytes; expected at most %zu "
                       "(limits.max_label_%s_bytes)",
                       is_name ? "name" : "value", STR_ARG(str_sub(name, 0, 60)),
                       is_name ? name.n : value.n, is_name ? max_name : max_value,
                       is_name ? "name" : "value");
        return room;
    }
    return NULL;
}

/* Makes the labels of the series just read canonical, in place. */
static bool series_labels(struct remote_write_decoder *d, struct labels *out)
{
    struct label *v = arrays_growing(&d->labels);
    size_t n = arrays_count(&d->labels), samples = arrays_count(&d->samples);
    struct labels raw = {v, n};
    struct str about = {0};
    char room[REASON_MAX];
    const char *reason = d->bad_text;
    enum remote_write_reject why = REMOTE_WRITE_BAD_LABELS;
    if (d->version == REMOTE_WRITE_2)
        d->same = labels_same_text(&raw, &d->before);
    if (!reason && !labels_are_canonical_like(&raw, d->same)) {
        long kept = labels_canonicalise(v, n, &about);
        if (kept < 0)
            reason = about.n ? "label name given twice: \"" : "empty label name";
        else
            n = raw.n = (size_t)kept;
        d->same = 0;
    }
    if (!reason && labels_metric_name(&raw).n == 0)
        reason = "metric name missing";
    if (!reason) {
        reason = over_limit(d->limits, &raw, d->same, room);
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
static void check_histograms(struct remote_write_decoder *d, const struct labels *labels)
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

/* In 2.0 each series carries the metadata of its family: one of them is enough. Two families that
 * share a slot may be told more than once, which does no harm. */
static void add_series_metadata(struct remote_write_decoder *d, const struct labels *labels)
{
    bool bad = false;
    struct metric_metadata m = {
        .type = remote_write_type(d->type),
        .help = symbol(d, d->help_ref, &bad),
        .unit = symbol(d, d->unit_ref, &bad),
    };
    if (bad || (d->type == 0 && m.help.n == 0 && m.unit.n == 0))
        return;
    m.family = family_of(labels_metric_name(labels), m.type);
    struct str *slot = &d->families[hash_str(m.family) % REMOTE_WRITE_FAMILIES];
    if (str_eq(*slot, m.family))
        return;
    *slot = m.family;
    (void)batch_add_metadata(d->batch, &m); // told by arena_failed
}

static void finish_series(struct remote_write_decoder *d)
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
    struct batch_series *s = NULL;
    if (n_samples || n_exemplars)
        s = batch_add_series_like(d->batch, labels, d->same);
    if (s) {
        d->before = labels;
        s->sent = d->sent;
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

static void begin_series(struct remote_write_decoder *d)
{
    d->n_series++;
    d->n_histograms = 0;
    d->bad_text = NULL;
    d->sent = (struct hash128){0};
    d->type = d->help_ref = d->unit_ref = 0;
}

static const struct label *label_before(const struct remote_write_decoder *d)
{
    size_t i = arrays_count(&d->labels);
    return i < d->before.n ? &d->before.v[i] : NULL;
}

/* The labels in front of all else. */
static void read_labels(struct remote_write_decoder *d, struct pb_reader *r, bool *out_bad_utf8)
{
    while (r->end - r->at >= 2 && *r->at == PB_TAG(1, PB_LEN)) {
        const struct label *before = label_before(d);
        const uint8_t *end = before ? pass_again(r->at + 1, r->end, before) : NULL;
        if (LIKELY(end)) {
            size_t i = arrays_count(&d->labels);
            d->same |= i < LABEL_HASHES ? UINT64_C(1) << i : 0;
            keep_label(&d->labels, before);
        }
        r->at = end ? end : r->at + 1;
        if (!end)
            read_label(r, &d->labels, before, out_bad_utf8);
    }
}

bool remote_write_unknown(struct remote_write_decoder *d, struct pb_reader *outer,
                          const struct remote_write_waiting *w, struct hash128 sent)
{
    struct pb_reader r = w->message;
    bool bad_utf8 = false;
    uint32_t tag;
    d->same = 0;
    read_labels(d, &r, &bad_utf8);
    if (UNLIKELY(r.at != w->labels_end) && !r.damage) {
        arrays_close(&d->labels, 0);
        return false;
    }
    begin_series(d);
    d->sent = sent;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN):
            d->sent = (struct hash128){0}; // a label behind other fields
            read_label(&r, &d->labels, label_before(d), &bad_utf8);
            break;
        case PB_TAG(2, PB_LEN): read_sample(d, &r); break;
        case PB_TAG(3, PB_LEN): read_exemplar(d, &r); break;
        case PB_TAG(4, PB_LEN): read_histogram(d, &r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3) | PB_FIELD(4));
        }
    }
    remote_write_absorb(outer, &r);
    if (bad_utf8)
        d->bad_text = "a label is not valid UTF-8";
    if (!outer->damage)
        finish_series(d);
    return true;
}

bool remote_write_known(struct remote_write_decoder *d, struct pb_reader *outer,
                        const struct remote_write_waiting *w, const void *known, uint32_t recalled)
{
    struct pb_reader r = w->message;
    uint32_t tag;
    r.at = w->labels_end;
    while (pb_next(&r, &tag)) {
        if (UNLIKELY(tag != PB_TAG(2, PB_LEN))) {
            arrays_close(&d->samples, 0);
            return false;
        }
        read_sample(d, &r);
    }
    remote_write_absorb(outer, &r);
    begin_series(d);
    size_t n = arrays_count(&d->samples);
    const struct sample *samples = arrays_growing(&d->samples);
    arrays_close(&d->samples, n);
    struct batch_series *s = n ? batch_add_known(d->batch, known, recalled) : NULL;
    if (s) {
        s->samples = samples;
        s->n_samples = (uint32_t)n;
        d->result->samples += n;
    }
    return true;
}

static void read_series_metadata(struct remote_write_decoder *d, struct pb_reader *outer)
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
    remote_write_absorb(outer, &r);
}

void remote_write_series_2(struct remote_write_decoder *d, struct pb_reader *outer)
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
    remote_write_absorb(outer, &r);
    if (refs.bad || refs.half)
        d->bad_text = "labels_refs: not pairs of references into the symbols";
    if (!outer->damage)
        finish_series(d);
}
