#include "store/embedded/wal_record.h"

#include "base/compiler.h"
#include "base/err.h"
#include "base/short.h"
#include "store/embedded/bytes.h"
#include "store/embedded/histogram_column.h"

enum section { STREAMS_ALONE = 1, ROWS, EXEMPLARS, METADATA, STREAMS, POINTS, LATEST };

/* Low bits of a series' row count. */
enum { WITH_STARTS = 1, WITH_HISTOGRAMS = 2, COUNT_SHIFT = 2, PLAIN = 1 << COUNT_SHIFT };

/* Low bits of a point's series count. */
enum { WITH_START = 1, WITH_SUM = 2, SERIES_SHIFT = 2, SERIES_MAX = 1 << 16 };

/* --- writing ---------------------------------------------------------------------------------- */

static void begin(struct buf *out, enum section section, size_t count)
{
    buf_putc(out, (char)section);
    put_varint(out, count);
}

static void put_labels(struct buf *out, const struct labels *labels)
{
    put_varint(out, labels->n);
    for (size_t i = 0; i < labels->n; i++) {
        put_text(out, labels->v[i].name);
        put_text(out, labels->v[i].value);
    }
}

size_t wal_put_latest(struct buf *out)
{
    buf_putc(out, (char)LATEST);
    put_u64(out, (uint64_t)INT64_MIN);
    return out->n - sizeof(uint64_t);
}

void wal_set_latest(struct buf *out, size_t at, int64_t latest_ms)
{
    if (!buf_failed(out))
        write_u64(out->p + at, (uint64_t)latest_ms);
}

void wal_put_streams(struct buf *out, size_t count)
{
    begin(out, STREAMS, count);
}

static bool is_same(uint64_t same, size_t i)
{
    return i < WAL_SAME_MAX && same >> i & 1;
}

static char *write_text(char *p, struct str s)
{
    return short_copy(varint_write(p, s.n), s);
}

void wal_put_stream(struct buf *out, uint32_t id, const struct labels *labels, uint64_t same)
{
    size_t size = 3 * VARINT_MAX;
    for (size_t i = 0; i < labels->n; i++)
        if (!is_same(same, i))
            size += labels->v[i].name.n + labels->v[i].value.n + 2 * VARINT_MAX;
    char *from = buf_reserve(out, size);
    if (!from)
        return;
    char *p = varint_write(varint_write(varint_write(from, id), labels->n), same);
    for (size_t i = 0; i < labels->n; i++)
        if (!is_same(same, i))
            p = write_text(write_text(p, labels->v[i].name), labels->v[i].value);
    buf_advance(out, (size_t)(p - from));
}

void wal_put_rows(struct buf *out, size_t series, int64_t first_t, struct wal_rows *state)
{
    begin(out, ROWS, series);
    put_zigzag(out, first_t);
    *state = (struct wal_rows){.t = first_t, .latest_ms = INT64_MIN};
}

static inline char *write_sample(char *p, const struct sample *s, unsigned kind,
                                 struct wal_rows *state)
{
    p = varint_write(p, zigzag((int64_t)((uint64_t)s->t_unix_ms - (uint64_t)state->t)));
    state->t = s->t_unix_ms;
    state->latest_ms = MAX(state->latest_ms, s->t_unix_ms);
    if (kind & WITH_STARTS) {
        p = varint_write(p, zigzag((int64_t)((uint64_t)s->start_unix_ms - (uint64_t)state->start)));
        state->start = s->start_unix_ms;
    }
    if (kind & WITH_HISTOGRAMS)
        *p++ = s->histogram ? 1 : 0;
    if (!s->histogram) {
        write_u64(p, double_bits(s->value));
        p += 8;
    }
    return p;
}

static unsigned kind_of(const struct sample *samples, size_t n)
{
    unsigned kind = 0;
    for (size_t i = 0; i < n; i++)
        kind |= (samples[i].start_unix_ms ? WITH_STARTS : 0u) |
                (samples[i].histogram ? WITH_HISTOGRAMS : 0u);
    return kind;
}

enum { SAMPLE_MAX = 2 * VARINT_MAX + 9 };

static void put_histograms(struct buf *out, const struct sample *samples, size_t n, unsigned kind,
                           struct wal_rows *state)
{
    for (size_t i = 0; i < n; i++) {
        char *p = buf_reserve(out, SAMPLE_MAX);
        if (!p)
            return;
        buf_advance(out, (size_t)(write_sample(p, &samples[i], kind, state) - p));
        if (samples[i].histogram)
            histogram_column_encode(out, &samples[i].histogram, 1);
    }
}

void wal_put_series(struct buf *out, uint32_t id, const struct sample *samples, size_t n,
                    struct wal_rows *state)
{
    enum { AT_ONCE = 64 };
    unsigned kind = kind_of(samples, n);
    char *p = buf_reserve(out, 2 * VARINT_MAX);
    if (!p)
        return;
    char *end = varint_write(p, zigzag((int64_t)id - (int64_t)state->id));
    end = varint_write(end, (uint64_t)n << COUNT_SHIFT | kind);
    buf_advance(out, (size_t)(end - p));
    state->id = id;
    if (kind & WITH_HISTOGRAMS) {
        put_histograms(out, samples, n, kind, state);
        return;
    }
    for (size_t i = 0; i < n; i += AT_ONCE) {
        size_t upto = MIN(i + AT_ONCE, n);
        p = end = buf_reserve(out, (upto - i) * SAMPLE_MAX);
        for (size_t k = i; p && k < upto; k++)
            end = write_sample(end, &samples[k], kind, state);
        buf_advance(out, (size_t)(end - p));
    }
}

char *wal_write_id(char *p, uint32_t id, uint32_t before)
{
    return varint_write(p, zigzag((int64_t)id - (int64_t)before));
}

void wal_put_run(struct buf *out, struct str ids, const struct sample *samples, size_t n,
                 struct wal_rows *state)
{
    struct reader r = reader_of(ids.p, ids.n);
    char *from = buf_reserve(out, n * (2 * VARINT_MAX + SAMPLE_MAX)), *p = from;
    uint32_t id = 0;
    for (size_t i = 0; p && i < n; i++) {
        unsigned kind = samples[i].start_unix_ms ? WITH_STARTS : 0;
        id = (uint32_t)(id + get_zigzag(&r));
        p = wal_write_id(p, id, state->id);
        state->id = id;
        p = varint_write(p, (uint64_t)1 << COUNT_SHIFT | kind);
        p = write_sample(p, &samples[i], kind, state);
    }
    if (p)
        buf_advance(out, (size_t)(p - from));
}

void wal_put_points(struct buf *out, size_t points, int64_t first_t, struct wal_rows *state)
{
    begin(out, POINTS, points);
    put_zigzag(out, first_t);
    *state = (struct wal_rows){.t = first_t, .latest_ms = INT64_MIN};
}

void wal_put_point(struct buf *out, struct str ids, const struct batch_point *point,
                   struct wal_rows *state)
{
    char *from = buf_reserve(out, ids.n + (5 + (size_t)point->n_counts) * VARINT_MAX + 8),
         *p = from;
    if (!p)
        return;
    bool starts = point->start_unix_ms != 0;
    p = varint_write(p, (uint64_t)batch_point_series(point) << SERIES_SHIFT |
                            (point->has_sum ? WITH_SUM : 0u) | (starts ? WITH_START : 0u));
    memcpy(p, ids.p, ids.n);
    p += ids.n;
    p = varint_write(p, zigzag((int64_t)((uint64_t)point->t_unix_ms - (uint64_t)state->t)));
    state->t = point->t_unix_ms;
    state->latest_ms = MAX(state->latest_ms, point->t_unix_ms);
    if (starts) {
        p = varint_write(
            p, zigzag((int64_t)((uint64_t)point->start_unix_ms - (uint64_t)state->start)));
        state->start = point->start_unix_ms;
    }
    if (point->has_sum) {
        write_u64(p, double_bits(point->sum));
        p += 8;
    }
    p = varint_write(p, point->count);
    for (uint32_t i = 0; i < point->n_counts; i++)
        p = varint_write(p, point->counts[i]);
    buf_advance(out, (size_t)(p - from));
}

void wal_put_exemplars(struct buf *out, size_t count)
{
    begin(out, EXEMPLARS, count);
}

void wal_put_exemplar(struct buf *out, uint32_t id, const struct exemplar *e)
{
    put_varint(out, id);
    put_zigzag(out, e->t_unix_ms);
    put_u64(out, double_bits(e->value));
    put_labels(out, &e->labels);
}

void wal_put_metadata(struct buf *out, size_t count)
{
    begin(out, METADATA, count);
}

void wal_put_family(struct buf *out, const struct metric_metadata *m)
{
    buf_putc(out, (char)m->type);
    put_text(out, m->family);
    put_text(out, m->unit);
    put_text(out, m->help);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct record {
    struct reader r;
    struct arena *arena;
    const struct wal_visitor *visitor;
    struct point_room {
        uint32_t *ids;
        uint64_t *counts;
        double *values;
        size_t cap;
    } room; /* of the arena: for one point after the other */
};

static int bad(const struct record *rec)
{
    return arena_failed(rec->arena) ? ERR_NOMEM : ERR_CORRUPT;
}

static struct labels get_labels(struct record *rec)
{
    size_t n = get_count(&rec->r, 2);
    struct label *v = arena_array(rec->arena, n, sizeof *v);
    if (!v)
        rec->r.bad = true;
    for (size_t i = 0; v && i < n; i++) {
        v[i].name = get_text(&rec->r);
        v[i].value = get_text(&rec->r);
    }
    return (struct labels){v, v ? n : 0};
}

/* Some labels stand at the same place in `before`. */
static struct labels get_labels_like(struct record *rec, const struct labels *before)
{
    struct reader *r = &rec->r;
    uint64_t n = get_varint(r), same = get_varint(r);
    size_t shared = MIN(n, MIN(before->n, (size_t)WAL_SAME_MAX));
    if (same >> shared || n > shared + reader_left(r) / 2) {
        r->bad = true;
        return (struct labels){0};
    }
    struct label *v = arena_array(rec->arena, n, sizeof *v);
    if (!v)
        r->bad = true;
    for (size_t i = 0; v && i < n; i++) {
        if (i < shared && same >> i & 1) {
            v[i] = before->v[i];
            continue;
        }
        v[i].name = get_text(r);
        v[i].value = get_text(r);
    }
    return (struct labels){v, v ? n : 0};
}

/* `alone`: as they were written before they told what they have in common. */
static int read_streams(struct record *rec, bool alone)
{
    size_t n = get_count(&rec->r, 2);
    struct labels labels = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint64_t id = get_varint(&rec->r);
        labels = alone ? get_labels(rec) : get_labels_like(rec, &labels);
        if (rec->r.bad || id > UINT32_MAX)
            return bad(rec);
        rc = rec->visitor->stream(rec->visitor->arg, (uint32_t)id, &labels);
    }
    return rc;
}

static void get_sample(struct record *rec, unsigned kind, struct wal_rows *state,
                       struct sample *out)
{
    struct reader *r = &rec->r;
    state->t = (int64_t)((uint64_t)state->t + (uint64_t)get_zigzag(r));
    if (kind & WITH_STARTS)
        state->start = (int64_t)((uint64_t)state->start + (uint64_t)get_zigzag(r));
    *out = (struct sample){.t_unix_ms = state->t,
                           .start_unix_ms = kind & WITH_STARTS ? state->start : 0};
    if (kind & WITH_HISTOGRAMS && get_byte(r))
        histogram_column_decode(r, &out->histogram, 1, rec->arena);
    else
        out->value = bits_double(get_u64(r));
}

static int visit_plain(const struct record *rec, const struct wal_rows *state, double value,
                       const unsigned char *from)
{
    const struct wal_visitor *v = rec->visitor;
    const struct str bytes = str_of((const char *)from, (size_t)(rec->r.p - from));
    if (v->plain)
        return v->plain(v->arg, state->id, state->t, value, bytes);
    return v->row(v->arg, state->id, &(struct sample){.t_unix_ms = state->t, .value = value});
}

/* Most rows are plain, have an id near that of the row before and its time, or nearly so: they are
 * read without looking for the end of the payload at each byte. False, and nothing is read: this is
 * another. */
static inline bool get_usual(struct reader *r, struct wal_rows *state, double *value)
{
    enum { BYTES_MAX = 2 + 1 + 1 + 8 };
    const unsigned char *p = r->p;
    if (reader_left(r) < BYTES_MAX)
        return false;
    uint64_t id = *p++;
    if (id >= 0x80) {
        id = (id & 0x7f) | (uint64_t)*p << 7;
        if (*p++ >= 0x80)
            return false;
    }
    if (p[0] != PLAIN || p[1] >= 0x80)
        return false;
    int64_t now = (int64_t)state->id + unzigzag(id);
    if (now < 0 || now > UINT32_MAX)
        return false;
    state->id = (uint32_t)now;
    state->t = (int64_t)((uint64_t)state->t + (uint64_t)unzigzag(p[1]));
    *value = bits_double(read_u64(p + 2));
    r->p = p + 2 + sizeof(uint64_t);
    return true;
}

static int read_series(struct record *rec, struct wal_rows *state)
{
    const unsigned char *from = rec->r.p;
    double value;
    if (get_usual(&rec->r, state, &value))
        return visit_plain(rec, state, value, from);
    int64_t id = (int64_t)((uint64_t)state->id + (uint64_t)get_zigzag(&rec->r));
    uint64_t counted = get_varint(&rec->r);
    if (rec->r.bad || id < 0 || id > UINT32_MAX)
        return ERR_CORRUPT;
    state->id = (uint32_t)id;
    for (uint64_t i = 0; i < counted >> COUNT_SHIFT; i++) {
        struct sample s;
        get_sample(rec, (unsigned)(counted & (WITH_STARTS | WITH_HISTOGRAMS)), state, &s);
        if (rec->r.bad)
            return bad(rec);
        int rc = counted == PLAIN ? visit_plain(rec, state, s.value, from)
                                  : rec->visitor->row(rec->visitor->arg, state->id, &s);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The step of the first one leads there from a row that is not among these bytes. */
static void get_plain(struct reader *r, int64_t *t, bool first, struct sample *out)
{
    (void)get_varint(r); // its id
    r->bad |= get_varint(r) != PLAIN;
    int64_t step = get_zigzag(r);
    *t = (int64_t)((uint64_t)*t + (first ? 0 : (uint64_t)step));
    *out = (struct sample){.t_unix_ms = *t, .value = bits_double(get_u64(r))};
}

bool wal_read_plain(struct str rows, uint32_t turn, int64_t first_t, struct sample *out)
{
    struct reader r = reader_of(rows.p, rows.n);
    for (uint32_t i = 0; !r.bad && i <= turn; i++)
        get_plain(&r, &first_t, i == 0, out);
    return !r.bad;
}

bool wal_read_plain_all(struct str rows, uint32_t n, int64_t first_t, struct sample *out)
{
    struct reader r = reader_of(rows.p, rows.n);
    for (uint32_t i = 0; !r.bad && i < n; i++)
        get_plain(&r, &first_t, i == 0, &out[i]);
    return !r.bad;
}

static int read_rows(struct record *rec)
{
    size_t n = get_count(&rec->r, 2);
    struct wal_rows state = {.t = get_zigzag(&rec->r)};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_series(rec, &state);
    return rc;
}

static int visit_point(struct record *rec, const struct batch_point *point)
{
    size_t n = batch_point_series(point);
    batch_point_values(point, rec->room.values);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct sample s = {.t_unix_ms = point->t_unix_ms,
                                 .value = rec->room.values[i],
                                 .start_unix_ms = point->start_unix_ms};
        rc = rec->visitor->row(rec->visitor->arg, rec->room.ids[i], &s);
    }
    return rc;
}

/* For a point of `n` series. */
static bool make_room(struct record *rec, size_t n)
{
    struct point_room *room = &rec->room;
    if (n <= room->cap)
        return true;
    size_t cap = MAX(n, 2 * room->cap);
    *room = (struct point_room){
        .ids = arena_array(rec->arena, cap, sizeof *room->ids),
        .counts = arena_array(rec->arena, cap, sizeof *room->counts),
        .values = arena_array(rec->arena, cap, sizeof *room->values),
        .cap = cap,
    };
    return !arena_failed(rec->arena);
}

static bool read_ids(struct reader *r, uint32_t *out, uint64_t n)
{
    uint32_t before = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t id = (int64_t)((uint64_t)before + (uint64_t)get_zigzag(r));
        if (r->bad || id < 0 || id > UINT32_MAX)
            return false;
        out[i] = before = (uint32_t)id;
    }
    return true;
}

static int read_point(struct record *rec, struct wal_rows *state)
{
    struct reader *r = &rec->r;
    uint64_t counted = get_varint(r), n = counted >> SERIES_SHIFT;
    struct batch_point p = {.has_sum = counted & WITH_SUM};
    size_t rest = 2u + p.has_sum;
    if (r->bad || n < rest || n > SERIES_MAX || n > reader_left(r))
        return ERR_CORRUPT;
    if (!make_room(rec, (size_t)n) || !read_ids(r, rec->room.ids, n))
        return bad(rec);
    state->t = (int64_t)((uint64_t)state->t + (uint64_t)get_zigzag(r));
    if (counted & WITH_START)
        state->start = (int64_t)((uint64_t)state->start + (uint64_t)get_zigzag(r));
    p.t_unix_ms = state->t;
    p.start_unix_ms = counted & WITH_START ? state->start : 0;
    p.sum = p.has_sum ? bits_double(get_u64(r)) : 0;
    p.count = get_varint(r);
    p.counts = rec->room.counts;
    p.n_counts = (uint32_t)(n - rest);
    for (uint32_t i = 0; i < p.n_counts; i++)
        rec->room.counts[i] = get_varint(r);
    return r->bad ? ERR_CORRUPT : visit_point(rec, &p);
}

static int read_points(struct record *rec)
{
    size_t n = get_count(&rec->r, 5);
    struct wal_rows state = {.t = get_zigzag(&rec->r)};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_point(rec, &state);
    return rc;
}

static int read_exemplars(struct record *rec)
{
    size_t n = get_count(&rec->r, 11);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        uint64_t id = get_varint(&rec->r);
        struct exemplar e = {.t_unix_ms = get_zigzag(&rec->r)};
        e.value = bits_double(get_u64(&rec->r));
        e.labels = get_labels(rec);
        if (rec->r.bad || id > UINT32_MAX)
            return bad(rec);
        rc = rec->visitor->exemplar(rec->visitor->arg, (uint32_t)id, &e);
    }
    return rc;
}

static int read_metadata(struct record *rec)
{
    size_t n = get_count(&rec->r, 4);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct metric_metadata m = {.type = (enum metric_type)get_byte(&rec->r)};
        m.family = get_text(&rec->r);
        m.unit = get_text(&rec->r);
        m.help = get_text(&rec->r);
        if (rec->r.bad || m.type > METRIC_STATESET)
            return ERR_CORRUPT;
        rc = rec->visitor->metadata(rec->visitor->arg, &m);
    }
    return rc;
}

static bool begins_rows(unsigned char section)
{
    return section == ROWS || section == POINTS;
}

struct wal_glance wal_glance(struct str payload)
{
    const struct wal_glance nothing = {.latest_ms = INT64_MAX};
    struct reader r = reader_of(payload.p, payload.n);
    if (get_byte(&r) != LATEST)
        return nothing;
    struct wal_glance got = {.latest_ms = (int64_t)get_u64(&r)};
    got.rows_alone = !reader_left(&r) || begins_rows(get_byte(&r));
    return r.bad ? nothing : got;
}

static int read_section(struct record *rec)
{
    const struct wal_visitor *v = rec->visitor;
    switch (get_byte(&rec->r)) {
    case LATEST: (void)get_u64(&rec->r); return 0; // for wal_glance
    case STREAMS_ALONE: return v->stream ? read_streams(rec, true) : ERR_CORRUPT;
    case STREAMS: return v->stream ? read_streams(rec, false) : ERR_CORRUPT;
    case ROWS: return v->row ? read_rows(rec) : ERR_CORRUPT;
    case POINTS: return v->row ? read_points(rec) : ERR_CORRUPT;
    case EXEMPLARS: return v->exemplar ? read_exemplars(rec) : ERR_CORRUPT;
    case METADATA: return v->metadata ? read_metadata(rec) : ERR_CORRUPT;
    default: return ERR_CORRUPT;
    }
}

int wal_read_record(struct str payload, struct arena *arena, const struct wal_visitor *visitor)
{
    struct record rec = {.r = reader_of(payload.p, payload.n), .arena = arena, .visitor = visitor};
    int rc = 0;
    while (rc == 0 && !rec.r.bad && reader_left(&rec.r)) {
        if (visitor->no_rows && begins_rows(*rec.r.p))
            break;
        rc = read_section(&rec);
    }
    return rc == 0 && rec.r.bad ? bad(&rec) : rc;
}
