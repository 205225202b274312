/* Series of 1.0 are collected until there are some dozen, recalled by the bytes of their labels
 * with one question to the sink, and then read: those it knows without a look at the labels. */
#include "codec/remote_write.h"

#include <stdio.h>

#include "codec/remote_write_decoder.h"
#include "model/batch.h"
#include "model/sink.h"

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

/* ---- Recalling ---- */

/* Where the labels in front of the message end. */
static const uint8_t *skip_labels(struct pb_reader r)
{
    while (r.end - r.at >= 2 && *r.at == PB_TAG(1, PB_LEN)) {
        r.at++;
        struct str label = pb_str(&r);
        if (!label.p)
            return r.end; // damaged, and found to be so later
    }
    return r.at;
}

/* Where the labels end if one usual sample (see read_short_sample) is all that follows, or NULL. To
 * walk over a dozen labels takes longer than their hash; this looks at the end instead. It may be
 * wrong, and then the hash of what it takes for labels is one that nobody remembers. */
static const uint8_t *guess_labels_end(const struct pb_reader *r)
{
    enum { SIZE = 18, TIME_TAG = 11 };
    if (r->end - r->at < 2 * SIZE)
        return NULL;
    const uint8_t *p = r->end - SIZE, *before = p - SIZE;
    bool one = p[0] == PB_TAG(2, PB_LEN) && p[1] == SIZE - 2 && p[TIME_TAG] == PB_TAG(2, PB_VARINT);
    bool two = before[0] == p[0] && before[1] == p[1] && before[TIME_TAG] == p[TIME_TAG];
    return one && !two ? p : NULL;
}

/* The bytes up to `labels_end` are taken for the labels of the series that waits at `i`. */
static void set_labels_end(struct remote_write_decoder *d, size_t i, const uint8_t *labels_end)
{
    struct remote_write_waiting *w = &d->waiting[i];
    size_t n = (size_t)(labels_end - w->message.at);
    w->labels_end = labels_end;
    d->waiting_sent[i] = n ? sink_hash(w->message.at, n, SINK_REMOTE_WRITE_1) : (struct hash128){0};
}

static bool read_known(struct remote_write_decoder *d, struct pb_reader *outer, size_t i,
                       const void *known, uint32_t recalled)
{
    return known && remote_write_known(d, outer, &d->waiting[i], known, recalled);
}

static bool read_unknown(struct remote_write_decoder *d, struct pb_reader *outer, size_t i)
{
    return remote_write_unknown(d, outer, &d->waiting[i], d->waiting_sent[i]);
}

/* The end of its labels was guessed wrong. */
static void walk_and_read(struct remote_write_decoder *d, struct pb_reader *outer, size_t i)
{
    const void *known = NULL;
    uint32_t recalled = 0;
    set_labels_end(d, i, skip_labels(d->waiting[i].message));
    if (d->sink)
        recalled = sink_recall(d->sink, &d->waiting_sent[i], 1, &known);
    if (!read_known(d, outer, i, known, recalled))
        (void)read_unknown(d, outer, i); // this end is where they end
}

/* Recalls what waits, all at once, and reads it. */
static void read_waiting(struct remote_write_decoder *d, struct pb_reader *outer)
{
    const void *known[REMOTE_WRITE_WAITING] = {NULL};
    uint32_t recalled = 0;
    if (d->sink)
        recalled = sink_recall(d->sink, d->waiting_sent, d->n_waiting, known);
    for (size_t i = 0; i < d->n_waiting && !outer->damage; i++)
        if (!read_known(d, outer, i, known[i], recalled) && UNLIKELY(!read_unknown(d, outer, i)))
            walk_and_read(d, outer, i);
    d->n_waiting = 0;
}

static void read_series_1(struct remote_write_decoder *d, struct pb_reader *outer)
{
    struct remote_write_waiting *w = &d->waiting[d->n_waiting];
    w->message = pb_message(outer);
    const uint8_t *guess = guess_labels_end(&w->message);
    set_labels_end(d, d->n_waiting++, guess ? guess : skip_labels(w->message));
    if (d->n_waiting == REMOTE_WRITE_WAITING)
        read_waiting(d, outer);
}

/* ---- Messages ---- */

static void read_metadata_1(struct remote_write_decoder *d, struct pb_reader *outer)
{
    struct pb_reader r = pb_message(outer);
    struct metric_metadata m = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): m.type = remote_write_type(pb_varint(&r)); break;
        case PB_TAG(2, PB_LEN): m.family = pb_str(&r); break;
        case PB_TAG(4, PB_LEN): m.help = pb_str(&r); break;
        case PB_TAG(5, PB_LEN): m.unit = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(4) | PB_FIELD(5));
        }
    }
    remote_write_absorb(outer, &r);
    bool usable = m.family.n && str_is_utf8(m.family) && str_is_utf8(m.help) && str_is_utf8(m.unit);
    if (usable)
        (void)batch_add_metadata(d->batch, &m); // told by arena_failed
}

/* The symbols stand in front of the series; each is checked once, here. */
static int read_symbols(struct remote_write_decoder *d, struct pb_reader r)
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

static int state_of(const struct remote_write_decoder *d, const struct pb_reader *r)
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

static int read_request(struct remote_write_decoder *d, struct pb_reader r)
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
            remote_write_series_2(d, &r);
        else
            pb_skip_unknown(&r, tag, v1 ? PB_FIELD(1) | PB_FIELD(3) : PB_FIELD(5));
        rc = state_of(d, &r);
    }
    if (rc == 0 || pb_failed(&r)) {
        read_waiting(d, &r);
        rc = state_of(d, &r);
    }
    return rc;
}

int remote_write_decode(struct str body, enum remote_write_version version,
                        const struct remote_write_limits *limits, const struct sink *sink,
                        struct batch *b, struct remote_write_result *out, struct err *err)
{
    struct arena *arena = &b->arena;
    *out = (struct remote_write_result){0};
    struct remote_write_decoder d = {
        .version = version,
        .limits = limits,
        .sink = sink,
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
