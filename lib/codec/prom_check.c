/* A page is a list of families, and while one is read everything about it is at hand: `current`.
 * A row that belongs to another family closes it for good, so one in two pieces shows as the second
 * opening of a closed one.
 *
 * Which family a sample belongs to follows from its name, by the suffixes that the types allow:
 * a_bucket is of the histogram a, if there is one, else of a family a_bucket without a type. */
#include "codec/prom_check.h"

#include <math.h>
#include <stdarg.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/map.h"
#include "base/num.h"
#include "codec/prom_text.h"

enum { SERIES_TEXT_MAX = 1 << 20 };

struct family {
    struct str name;
    enum metric_type type;
    bool has_type, has_help, has_unit, has_samples, closed;
};

/* The last bucket or quantile, to compare the next one of the same series with. */
struct ladder {
    struct labels rest; /* its labels but le or quantile */
    double step, value;
    bool open; /* buckets: +Inf is still to come */
};

struct checker {
    struct prom_parser parser;
    struct arena *arena;
    struct map families; /* name -> struct family */
    struct map seen;     /* series and time -> itself */
    struct family *current;
    struct ladder ladder;
    struct err *err;
};

/* What a type's samples are called behind the family's name, by format; "" is the bare name. */
static const struct {
    enum metric_type type;
    const char *suffixes[PROM_OPENMETRICS + 1][5]; /* NULL-terminated */
} naming[] = {
    {METRIC_UNKNOWN, {{""}, {""}}},
    {METRIC_COUNTER, {{""}, {"_total", "_created"}}},
    {METRIC_GAUGE, {{""}, {""}}},
    {METRIC_HISTOGRAM, {{"_bucket", "_sum", "_count"}, {"_bucket", "_sum", "_count", "_created"}}},
    {METRIC_GAUGE_HISTOGRAM, {{"_bucket", "_gsum", "_gcount"}, {"_bucket", "_gsum", "_gcount"}}},
    {METRIC_SUMMARY, {{"", "_sum", "_count"}, {"", "_sum", "_count", "_created"}}},
    {METRIC_INFO, {{""}, {"_info"}}},
    {METRIC_STATESET, {{""}, {""}}},
};

static int wrong(struct checker *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int wrong(struct checker *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int rc = err_setv(c->err, ERR_INVALID, fmt, args);
    va_end(args);
    return err_prefix(c->err, rc, "line %zu", prom_parser_line(&c->parser));
}

static int no_memory(struct checker *c)
{
    return err_set(c->err, ERR_NOMEM, "the page has more series than fit in memory");
}

/* --- families --------------------------------------------------------------------------------- */

/* The end of a family's last series: a histogram has to have had its +Inf bucket. */
static int close_series(struct checker *c)
{
    bool open = c->ladder.open;
    c->ladder = (struct ladder){.open = false};
    if (open)
        return wrong(c, "the histogram %.*s ended without a bucket le=\"+Inf\"",
                     STR_ARG(c->current->name));
    return 0;
}

/* Makes `name` the current family; closes the one before. */
static int enter_family(struct checker *c, struct str name)
{
    if (c->current && str_eq(c->current->name, name))
        return 0;
    int rc = c->current ? close_series(c) : 0;
    if (rc != 0)
        return rc;
    if (c->current)
        c->current->closed = true;

    struct family *f = map_get(&c->families, name);
    if (f && f->closed)
        return wrong(c, "the family %.*s is in two pieces; its lines must stand together",
                     STR_ARG(name));
    if (!f) {
        f = arena_zalloc(c->arena, sizeof *f);
        if (!f)
            return no_memory(c);
        f->name = arena_str(c->arena, name);
        if (arena_failed(c->arena) || map_put(&c->families, f->name, f) != 0)
            return no_memory(c);
    }
    c->current = f;
    return 0;
}

static int check_metadata(struct checker *c, const struct prom_row *row)
{
    int rc = enter_family(c, row->family);
    if (rc != 0)
        return rc;
    struct family *f = c->current;
    bool *has = row->kind == PROM_ROW_TYPE   ? &f->has_type
                : row->kind == PROM_ROW_HELP ? &f->has_help
                                             : &f->has_unit;
    const char *word = row->kind == PROM_ROW_TYPE   ? "TYPE"
                       : row->kind == PROM_ROW_HELP ? "HELP"
                                                    : "UNIT";
    if (*has)
        return wrong(c, "%s of %.*s for the second time", word, STR_ARG(f->name));
    if (f->has_samples)
        return wrong(c, "%s of %.*s behind its samples", word, STR_ARG(f->name));
    *has = true;
    if (row->kind == PROM_ROW_TYPE)
        f->type = row->type;
    return 0;
}

static const char *const *suffixes_of(const struct checker *c, enum metric_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(naming); i++)
        if (naming[i].type == type)
            return naming[i].suffixes[c->parser.format];
    return naming[0].suffixes[c->parser.format];
}

/* True when a sample of that name may belong to `f`; `*out_suffix` is what stands behind f's. */
static bool belongs(const struct checker *c, const struct family *f, struct str name,
                    struct str *out_suffix)
{
    if (!str_starts(name, f->name))
        return false;
    struct str suffix = str_sub(name, f->name.n, name.n);
    for (const char *const *s = suffixes_of(c, f->type); *s; s++) {
        if (str_eq(suffix, str_c(*s))) {
            *out_suffix = suffix;
            return true;
        }
    }
    return false;
}

/* Enters the family of a sample. */
static int enter_sample(struct checker *c, struct str name, struct str *out_suffix)
{
    if (c->current && belongs(c, c->current, name, out_suffix))
        return 0;
    for (size_t cut = name.n; cut > 0; cut--) {
        if (cut < name.n && name.p[cut] != '_')
            continue;
        struct family *f = map_get(&c->families, str_sub(name, 0, cut));
        if (f && belongs(c, f, name, out_suffix))
            return enter_family(c, f->name);
    }
    const struct family *same = map_get(&c->families, name);
    if (same && same->has_type)
        return wrong(c, "%.*s is a %s, whose samples end in %s", STR_ARG(name),
                     metric_type_name(same->type), suffixes_of(c, same->type)[0]);
    *out_suffix = STR("");
    return enter_family(c, name);
}

/* --- samples ---------------------------------------------------------------------------------- */

/* Buckets and quantiles rise from row to row of one series, and counts of buckets with them. */
static int check_ladder(struct checker *c, const struct prom_row *row, const struct labels *labels,
                        struct str step_label)
{
    struct str text = labels_get(labels, step_label);
    double step;
    if (num_parse_double(text, &step) != 0 || isnan(step))
        return wrong(c, "%.*s needs a label %.*s with a number, found \"%.*s\"",
                     STR_ARG(c->current->name), STR_ARG(step_label), STR_ARG(text));
    bool bucket = str_eq(step_label, STR("le"));
    if (!bucket && (step < 0 || step > 1))
        return wrong(c, "quantile \"%.*s\" is not between 0 and 1", STR_ARG(text));

    struct labels_builder b;
    labels_builder_init(&b, c->arena, labels);
    labels_builder_del(&b, step_label);
    struct labels rest = labels_builder_labels(&b);
    struct ladder *l = &c->ladder;
    if (l->rest.v && labels_eq(&l->rest, &rest)) {
        if (step <= l->step)
            return wrong(c, "%.*s=\"%.*s\" does not rise from the row before", STR_ARG(step_label),
                         STR_ARG(text));
        if (bucket && row->value < l->value)
            return wrong(c,
                         "the bucket le=\"%.*s\" counts less than the one before; buckets are "
                         "cumulative",
                         STR_ARG(text));
    } else {
        int rc = close_series(c);
        if (rc != 0)
            return rc;
    }
    *l = (struct ladder){rest, step, row->value, bucket && !isinf(step)};
    return 0;
}

static int check_value(struct checker *c, const struct prom_row *row, const struct labels *labels,
                       struct str suffix)
{
    const struct family *f = c->current;
    if (f->type == METRIC_COUNTER && !str_eq(suffix, STR("_created")) &&
        (isnan(row->value) || row->value < 0))
        return wrong(c, "the counter %.*s is negative or NaN", STR_ARG(f->name));
    if (f->type == METRIC_INFO && row->value != 1)
        return wrong(c, "the info %.*s is not 1", STR_ARG(f->name));
    if (f->type == METRIC_STATESET && row->value != 0 && row->value != 1)
        return wrong(c, "the state %.*s is neither 0 nor 1", STR_ARG(f->name));
    if (f->type == METRIC_STATESET && labels_get(labels, f->name).n == 0)
        return wrong(c, "the state set %.*s needs a label of its own name", STR_ARG(f->name));
    if (row->exemplar && !str_eq(suffix, STR("_total")) && !str_eq(suffix, STR("_bucket")))
        return wrong(c, "only counters and buckets have exemplars");
    return 0;
}

static int check_unique(struct checker *c, const struct prom_row *row, const struct labels *labels)
{
    struct buf text = BUF_MAX(SERIES_TEXT_MAX);
    labels_format(&text, labels);
    if (row->has_time)
        buf_printf(&text, " %lld", (long long)row->t_unix_ms);
    struct str key = arena_str(c->arena, buf_str(&text));
    bool failed = buf_failed(&text) || arena_failed(c->arena);
    buf_done(&text);
    if (failed)
        return no_memory(c);
    if (map_get(&c->seen, key))
        return wrong(c, "%.*s for the second time", STR_ARG(str_sub(key, 0, 200)));
    return map_put(&c->seen, key, c) == 0 ? 0 : no_memory(c);
}

static int check_sample(struct checker *c, const struct prom_row *row)
{
    struct labels labels;
    int rc = prom_parser_labels(&c->parser, row, &labels, c->err);
    if (rc != 0)
        return rc;
    struct str suffix;
    rc = enter_sample(c, labels_metric_name(&labels), &suffix);
    if (rc != 0)
        return rc;
    c->current->has_samples = true;
    rc = check_value(c, row, &labels, suffix);
    if (rc == 0 && str_eq(suffix, STR("_bucket")))
        rc = check_ladder(c, row, &labels, STR("le"));
    else if (rc == 0 && c->current->type == METRIC_SUMMARY && suffix.n == 0)
        rc = check_ladder(c, row, &labels, STR("quantile"));
    return rc == 0 ? check_unique(c, row, &labels) : rc;
}

static int check_rows(struct checker *c)
{
    struct prom_row row;
    int rc;
    while ((rc = prom_parser_next(&c->parser, STR(""), &row, c->err)) == 1) {
        if (row.kind == PROM_ROW_COMMENT)
            continue;
        rc = row.kind == PROM_ROW_SERIES ? check_sample(c, &row) : check_metadata(c, &row);
        if (rc != 0)
            return rc;
    }
    return rc == 0 && c->current ? close_series(c) : rc;
}

int prom_check(struct str body, enum prom_format format, struct arena *arena, struct err *err)
{
    struct checker c = {.arena = arena, .err = err};
    prom_parser_init(&c.parser, body, format, arena);
    int rc = check_rows(&c);
    if (rc == 0 && body.n > 0 && body.p[body.n - 1] != '\n') {
        c.parser.started = body.p + body.n;
        rc = wrong(&c, "the last line does not end in a newline");
    }
    map_done(&c.families);
    map_done(&c.seen);
    return rc;
}
