#include "codec/prom_proto.h"

#include <math.h>

#include "base/num.h"

enum { LABEL_TEXT_MAX = NUM_DOUBLE_MAX + 2, PART_BYTES = 1 + 8 };

struct prom_proto *prom_proto_new(struct str body, struct arena *arena)
{
    struct prom_proto *s = arena_zalloc(arena, sizeof *s);
    if (!s)
        return NULL;
    s->families = pb_reader_of(body);
    s->metrics = (struct pb_reader){.at = s->families.end, .end = s->families.end};
    s->next = PROTO_DONE;
    return s;
}

int prom_proto_prefix(const struct prom_proto *s, int rc, struct err *err)
{
    if (!s->n_metrics)
        return err_prefix(err, rc, "family %zu \"%.*s\"", s->n_families,
                          STR_ARG(str_sub(s->name, 0, 60)));
    return err_prefix(err, rc, "family %zu \"%.*s\", metric %zu", s->n_families,
                      STR_ARG(str_sub(s->name, 0, 60)), s->n_metrics);
}

static int damaged(const struct prom_proto *s, const struct pb_reader *r, struct err *err)
{
    return prom_proto_prefix(s, pb_error(r, NULL, err), err);
}

/* ---- Families ---- */

static bool type_of(uint64_t number, enum metric_type *out)
{
    static const enum metric_type types[] = {
        METRIC_COUNTER, METRIC_GAUGE,     METRIC_SUMMARY,
        METRIC_UNKNOWN, METRIC_HISTOGRAM, METRIC_GAUGE_HISTOGRAM,
    };
    if (number >= ARRAY_LEN(types))
        return false;
    *out = types[number];
    return true;
}

/* All of it but the metrics, which may stand before. */
static int read_family(struct prom_proto *s, struct err *err)
{
    struct pb_reader r = pb_message(&s->families);
    uint32_t tag;
    s->n_families++;
    s->n_metrics = 0;
    s->name = s->help = s->unit = (struct str){0};
    s->type = METRIC_COUNTER; // which is 0, and may be left out
    s->metrics = r;
    if (pb_failed(&s->families))
        return damaged(s, &s->families, err);
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): s->name = pb_str(&r); break;
        case PB_TAG(2, PB_LEN): s->help = pb_str(&r); break;
        case PB_TAG(3, PB_VARINT):
            if (!type_of(pb_varint(&r), &s->type))
                pb_damage(&r, "type is not one of 0 to 5");
            break;
        case PB_TAG(4, PB_LEN): (void)pb_str(&r); break;
        case PB_TAG(5, PB_LEN): s->unit = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(6) - PB_FIELD(1));
        }
    }
    if (!s->name.n)
        pb_damage(&r, "a family without a name");
    if (!str_is_utf8(s->name) || !str_is_utf8(s->help) || !str_is_utf8(s->unit))
        pb_damage(&r, "name, help or unit is not UTF-8");
    s->type_due = true;
    s->help_due = s->help.n > 0;
    s->unit_due = s->unit.n > 0;
    return pb_failed(&r) ? damaged(s, &r, err) : 0;
}

static bool metadata_row(struct prom_proto *s, struct prom_row *row)
{
    if (s->type_due) {
        *row = (struct prom_row){.kind = PROM_ROW_TYPE, .family = s->name, .type = s->type};
        s->type_due = false;
    } else if (s->help_due) {
        *row = (struct prom_row){.kind = PROM_ROW_HELP, .family = s->name, .text = s->help};
        s->help_due = false;
    } else if (s->unit_due) {
        *row = (struct prom_row){.kind = PROM_ROW_UNIT, .family = s->name, .text = s->unit};
        s->unit_due = false;
    } else {
        return false;
    }
    return true;
}

/* ---- Keys ---- */

static bool key_reserve(struct prom_proto *s, size_t n, struct arena *arena)
{
    if (n <= s->key_cap - s->key_n)
        return true;
    size_t cap = MAX(2 * s->key_cap, s->key_n + n + 256);
    char *key = arena_grow(arena, s->key, s->key_n, cap, 1);
    if (!key)
        return false;
    s->key = key;
    s->key_cap = cap;
    return true;
}

static bool key_put(struct prom_proto *s, const void *bytes, size_t n, struct arena *arena)
{
    if (!key_reserve(s, n, arena))
        return false;
    if (n)
        memcpy(s->key + s->key_n, bytes, n);
    s->key_n += n;
    return true;
}

/* What all parts of the metric have in common: the name and the labels' bytes. */
static bool begin_key(struct prom_proto *s, struct arena *arena)
{
    struct pb_reader r = s->metric.message;
    uint32_t tag;
    s->key_n = 0;
    bool ok = key_put(s, s->name.p, s->name.n, arena) && key_put(s, "", 1, arena);
    const uint8_t *field = r.at;
    for (; ok && pb_next(&r, &tag); field = r.at) {
        pb_skip(&r, tag);
        if (tag == PB_TAG(1, PB_LEN))
            ok = key_put(s, field, (size_t)(r.at - field), arena);
    }
    return ok && key_reserve(s, PART_BYTES, arena);
}

static struct str part_key(struct prom_proto *s)
{
    char *to = s->key + s->key_n;
    *to = (char)s->part;
    if (s->part != PROTO_BUCKET && s->part != PROTO_QUANTILE)
        return (struct str){s->key, s->key_n + 1};
    memcpy(to + 1, &s->label, sizeof s->label);
    return (struct str){s->key, s->key_n + PART_BYTES};
}

/* ---- Metrics ---- */

/* The part that the metric begins with. A native histogram is asked for, or what there is beside it
 * is; one that has nothing beside it is left out where it is not. */
static enum proto_part first_part(const struct prom_parser *p)
{
    const struct prom_proto *s = p->proto;
    switch (s->type) {
    case METRIC_SUMMARY: return PROTO_QUANTILE;
    case METRIC_HISTOGRAM:
    case METRIC_GAUGE_HISTOGRAM:
        if (!s->metric.native)
            return PROTO_BUCKET;
        return p->native ? PROTO_WHOLE : s->metric.has_items ? PROTO_BUCKET : PROTO_DONE;
    default: return PROTO_WHOLE;
    }
}

/* The next metric of the family: 1, or 0 when there is none. */
static int next_metric(struct prom_parser *p, struct err *err)
{
    struct prom_proto *s = p->proto;
    uint32_t tag;
    while (pb_next(&s->metrics, &tag)) {
        if (tag != PB_TAG(4, PB_LEN)) {
            pb_skip(&s->metrics, tag);
            continue;
        }
        s->n_metrics++;
        proto_metric_read(&s->metric, pb_message(&s->metrics), s->type, p->arena);
        if (arena_failed(p->arena) || !begin_key(s, p->arena))
            return err_set(err, ERR_NOMEM, "out of memory for a metric");
        if (pb_failed(&s->metric.message))
            return damaged(s, &s->metric.message, err);
        s->next = first_part(p);
        return 1;
    }
    return 0;
}

/* ---- Rows ---- */

static void series_row(struct prom_proto *s, enum proto_part part, double value, struct str expect,
                       struct prom_row *row)
{
    s->part = part;
    struct str key = part_key(s);
    *row = (struct prom_row){
        .kind = PROM_ROW_SERIES,
        .series = key,
        .expected = str_eq(key, expect),
        .value = value,
        .has_time = s->metric.t_unix_ms != 0,
        .t_unix_ms = s->metric.t_unix_ms,
        .start_unix_ms = s->metric.start_unix_ms,
    };
}

static void put_exemplars(struct prom_row *row, const struct exemplar *e, size_t n)
{
    row->exemplar = n ? e : NULL;
    row->n_exemplars = n;
}

/* A number, or a native histogram, behind which its classic form may follow. */
static int whole_row(struct prom_parser *p, struct str expect, struct prom_row *row,
                     struct err *err)
{
    struct prom_proto *s = p->proto;
    const struct proto_metric *m = &s->metric;
    int rc = m->native ? histogram_validate(m->native, err) : 0;
    if (rc != 0)
        return prom_proto_prefix(s, rc, err);
    series_row(s, PROTO_WHOLE, m->value, expect, row);
    row->histogram = m->native;
    put_exemplars(row, m->exemplars, m->n_exemplars);
    s->next = m->native && m->has_items && p->classic ? PROTO_BUCKET : PROTO_DONE;
    return 1;
}

static int item_row(struct prom_parser *p, struct str expect, struct prom_row *row, struct err *err)
{
    struct prom_proto *s = p->proto;
    struct proto_metric *m = &s->metric;
    struct proto_item item;
    enum proto_part part = s->next;
    int rc = proto_item_next(m, s->type, p->arena, &item);
    if (arena_failed(p->arena))
        return err_set(err, ERR_NOMEM, "out of memory for a metric");
    if (pb_failed(&m->items))
        return damaged(s, &m->items, err);
    if (rc == 0) {
        s->next = PROTO_SUM;
        if (part == PROTO_QUANTILE || m->has_inf)
            return 0;
        item = (struct proto_item){.label = INFINITY, .value = m->count};
    }
    s->label = item.label;
    series_row(s, part, item.value, expect, row);
    put_exemplars(row, item.exemplar, item.exemplar != NULL);
    return 1;
}

/* The next row of the metric; 0: there was none after all. */
static int metric_row(struct prom_parser *p, struct str expect, struct prom_row *row,
                      struct err *err)
{
    struct prom_proto *s = p->proto;
    switch (s->next) {
    case PROTO_WHOLE: return whole_row(p, expect, row, err);
    case PROTO_BUCKET:
    case PROTO_QUANTILE: return item_row(p, expect, row, err);
    case PROTO_SUM:
        series_row(s, PROTO_SUM, s->metric.sum, expect, row);
        s->next = PROTO_COUNT;
        return 1;
    default:
        series_row(s, PROTO_COUNT, s->metric.count, expect, row);
        s->next = PROTO_DONE;
        return 1;
    }
}

/* To the next metric, or the rows of the next family: 1; 0 at the end. */
static int advance(struct prom_parser *p, struct err *err)
{
    struct prom_proto *s = p->proto;
    int rc = next_metric(p, err);
    if (rc != 0)
        return rc;
    if (pb_failed(&s->metrics))
        return damaged(s, &s->metrics, err);
    if (!pb_more(&s->families))
        return 0;
    rc = read_family(s, err);
    return rc == 0 ? 1 : rc;
}

int prom_proto_next(struct prom_parser *p, struct str expect, struct prom_row *row, struct err *err)
{
    struct prom_proto *s = p->proto;
    int rc = s ? 1 : err_set(err, ERR_NOMEM, "out of memory for a scrape");
    while (rc == 1) {
        if (metadata_row(s, row))
            return 1;
        rc = s->next == PROTO_DONE ? 0 : metric_row(p, expect, row, err);
        if (rc == 1 && p->max_bytes && (s->bytes += s->key_n) > p->max_bytes)
            return err_set(err, ERR_TOO_BIG, "names and labels of all samples are over %zu bytes",
                           p->max_bytes);
        if (rc != 0)
            return rc;
        if (s->next == PROTO_DONE)
            rc = advance(p, err);
        else
            rc = 1; // the row was none after all
    }
    return rc;
}

/* ---- Labels ---- */

/* As OpenMetrics writes them, whatever the target's language does. */
static struct str label_text(double v, struct arena *arena)
{
    char text[LABEL_TEXT_MAX];
    size_t n = num_format_short(text, v);
    if (isfinite(v) && strcspn(text, ".e") == n) {
        text[n++] = '.';
        text[n++] = '0';
    }
    return arena_str(arena, (struct str){text, n});
}

static struct str metric_name(const struct prom_proto *s, struct arena *arena)
{
    static const char *const suffixes[] = {
        [PROTO_WHOLE] = "",   [PROTO_BUCKET] = "_bucket", [PROTO_QUANTILE] = "",
        [PROTO_SUM] = "_sum", [PROTO_COUNT] = "_count",
    };
    struct str suffix = str_c(suffixes[s->part]);
    if (!suffix.n)
        return s->name;
    char *name = arena_alloc(arena, s->name.n + suffix.n);
    if (!name)
        return (struct str){0};
    memcpy(name, s->name.p, s->name.n);
    memcpy(name + s->name.n, suffix.p, suffix.n);
    return (struct str){name, s->name.n + suffix.n};
}

static int canonical(const struct prom_proto *s, struct label *v, size_t n, struct labels *out,
                     struct err *err)
{
    struct str bad = {0};
    long kept = labels_canonicalise(v, n, &bad);
    if (kept < 0) {
        int rc = err_set(err, ERR_INVALID, "label \"%.*s\": stands twice, or has no name",
                         STR_ARG(str_sub(bad, 0, 60)));
        return prom_proto_prefix(s, rc, err);
    }
    *out = (struct labels){v, (size_t)kept};
    return 0;
}

int prom_proto_labels(const struct prom_parser *p, struct labels *out, struct err *err)
{
    const struct prom_proto *s = p->proto;
    struct pb_reader r = s->metric.message;
    uint32_t counts[PB_COUNTED], tag;
    pb_count(r, counts);
    size_t n = 0, room = (size_t)counts[1] + 2;
    struct label *v = arena_array(p->arena, room, sizeof *v);
    while (v && n + 2 < room && pb_next(&r, &tag)) {
        if (tag == PB_TAG(1, PB_LEN))
            v[n++] = proto_label(&r);
        else
            pb_skip(&r, tag);
    }
    if (pb_failed(&r))
        return damaged(s, &r, err);
    if (v && (s->part == PROTO_BUCKET || s->part == PROTO_QUANTILE))
        v[n++] = (struct label){s->part == PROTO_BUCKET ? STR("le") : STR("quantile"),
                                label_text(s->label, p->arena)};
    if (v)
        v[n++] = (struct label){LABEL_NAME, metric_name(s, p->arena)};
    if (arena_failed(p->arena))
        return err_set(err, ERR_NOMEM, "out of memory for labels");
    return canonical(s, v, n, out, err);
}
