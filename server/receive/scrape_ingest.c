#include "receive/scrape_ingest.h"

#include "base/arena.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "codec/prom_text.h"
#include "model/batch.h"
#include "receive/relabel.h"
#include "receive/scrape_buckets.h"
#include "receive/scrape_settings.h"
#include "receive/target.h"

/* The characters of an exemplar's labels that OpenMetrics allows. */
enum { EXEMPLAR_LABELS_MAX = 128 };

/* The labels of one series, as exposed and while relabelled. */
enum { SCRATCH_BUDGET = 64 << 20 };

void scrape_memory_init(struct scrape_memory *m)
{
    scrape_cache_init(&m->cache);
    scrape_metadata_init(&m->metadata);
    arena_init(&m->scratch, SCRATCH_BUDGET);
}

void scrape_memory_done(struct scrape_memory *m)
{
    scrape_cache_done(&m->cache);
    scrape_metadata_done(&m->metadata);
    arena_done(&m->scratch);
}

void scrape_begin(struct scrape *s)
{
    s->counts = (struct scrape_counts){0};
    scrape_cache_begin(&s->memory->cache);
}

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "the scrape is over its memory budget");
}

/* Notes the first reason; returns `rc`. */
static int failed(struct scrape *s, const char *why, int rc)
{
    if (!s->failure)
        s->failure = why;
    return rc;
}

/* ---- Labels of a new series ---- */

/* The text "exported_" repeated in front of `name`, until no label has it. */
static struct str exported_name(struct labels_builder *b, struct str name)
{
    static const char prefix[] = "exported_";
    do {
        char *longer = arena_alloc(b->arena, name.n + sizeof prefix - 1);
        if (!longer)
            return (struct str){0};
        memcpy(longer, prefix, sizeof prefix - 1);
        memcpy(longer + sizeof prefix - 1, name.p, name.n);
        name = (struct str){longer, name.n + sizeof prefix - 1};
    } while (labels_builder_get(b, name).n);
    return name;
}

/* Target labels win over exposed ones, which move to exported_…; honor_labels turns that round. */
static void add_target_labels(const struct scrape *s, struct labels_builder *b,
                              const struct labels *exposed)
{
    const struct labels *target = &s->target->labels;
    bool honor = s->settings->config.honor_labels;
    for (size_t i = 0; i < target->n; i++)
        if (!honor || labels_get(exposed, target->v[i].name).n == 0)
            labels_builder_set(b, target->v[i].name, target->v[i].value);
    for (size_t i = 0; !honor && i < target->n; i++) {
        struct str moved = labels_get(exposed, target->v[i].name);
        if (moved.n)
            labels_builder_set(b, exported_name(b, target->v[i].name), moved);
    }
}

static int check_limits(const struct scrape_config *c, const struct labels *l, struct err *err)
{
    struct str metric = str_sub(labels_metric_name(l), 0, 50);
    if (c->label_limit && l->n > c->label_limit)
        return err_set(err, ERR_INVALID,
                       "label_limit exceeded (metric: %.*s, number of labels: %zu, limit: %llu)",
                       STR_ARG(metric), l->n, (unsigned long long)c->label_limit);
    for (size_t i = 0; i < l->n; i++) {
        struct str name = l->v[i].name, value = l->v[i].value;
        if (c->label_name_length_limit && name.n > c->label_name_length_limit)
            return err_set(err, ERR_INVALID,
                           "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, "
                           "length: %zu, limit: %llu)",
                           STR_ARG(metric), STR_ARG(str_sub(name, 0, 50)), name.n,
                           (unsigned long long)c->label_name_length_limit);
        if (c->label_value_length_limit && value.n > c->label_value_length_limit)
            return err_set(err, ERR_INVALID,
                           "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, "
                           "value: \"%.*s\", length: %zu, limit: %llu)",
                           STR_ARG(metric), STR_ARG(str_sub(name, 0, 50)),
                           STR_ARG(str_sub(value, 0, 50)), value.n,
                           (unsigned long long)c->label_value_length_limit);
    }
    return 0;
}

static int check_names(const struct scrape_config *c, const struct labels *l, struct err *err)
{
    struct str metric = labels_metric_name(l);
    if (metric.n == 0)
        return err_set(err, ERR_INVALID, "metric name (__name__) missing after relabelling");
    if (c->utf8_names)
        return 0;
    bool plain = metric_name_is_plain(metric);
    struct str bad = metric;
    for (size_t i = 0; plain && i < l->n; i++) {
        plain = label_name_is_plain(l->v[i].name);
        bad = l->v[i].name;
    }
    return plain ? 0
                 : err_set(err, ERR_INVALID, "invalid metric name or label name: \"%.*s\"",
                           STR_ARG(str_sub(bad, 0, 100)));
}

/* Exposed labels to stored ones: 1, or 0 when relabelling drops the series. */
static int final_labels(struct scrape *s, const struct labels *exposed, struct labels *out,
                        struct err *err)
{
    struct labels_builder b;
    labels_builder_init(&b, &s->memory->scratch, exposed);
    add_target_labels(s, &b, exposed);
    int rc = relabel_apply(s->settings->metric_relabel, &b);
    if (rc == ERR_TOO_BIG)
        return err_set(err, ERR_INVALID, "metric_relabel_configs: a pattern took too many steps");
    if (rc < 0 || arena_failed(&s->memory->scratch))
        return out_of_memory(err);
    if (rc == 0)
        return 0;
    struct labels labels = labels_builder_labels(&b);
    rc = check_names(&s->settings->config, &labels, err);
    if (rc != 0)
        return failed(s, "label_name", rc);
    rc = check_limits(&s->settings->config, &labels, err);
    if (rc != 0)
        return failed(s, "label_limit", rc);
    *out = labels;
    return 1;
}

/* Parses the row's labels and remembers what becomes of them. */
static int new_entry(struct scrape *s, const struct prom_parser *p, const struct prom_row *row,
                     struct scrape_entry **out, struct err *err)
{
    struct labels exposed, labels;
    struct prom_parser parser = *p; // its rows' labels go to the scratch
    arena_reset(&s->memory->scratch);
    parser.arena = &s->memory->scratch;
    if (s->memory->cache.series.n >= s->max_series)
        return failed(s, "series_limit",
                      err_set(err, ERR_TOO_BIG,
                              "more than %zu series at one target (limits.max_scrape_series)",
                              s->max_series));
    int rc = prom_parser_labels(&parser, row, &exposed, err);
    if (rc != 0)
        return rc;
    rc = final_labels(s, &exposed, &labels, err);
    if (rc < 0)
        return prom_parser_prefix(p, rc, err);
    *out = scrape_cache_add(&s->memory->cache, row->series, rc == 1 ? &labels : NULL);
    s->counts.added += rc == 1;
    return *out ? 0 : out_of_memory(err);
}

/* ---- Rows ---- */

static struct batch_series *add_sample(struct scrape *s, const struct labels *labels, uint64_t hash,
                                       struct sample sample)
{
    struct sample *copy = arena_alloc(&s->batch->arena, sizeof *copy);
    struct batch_series *series = copy ? batch_add_hashed(s->batch, *labels, hash) : NULL;
    if (!series)
        return NULL;
    *copy = sample;
    series->samples = copy;
    series->n_samples = 1;
    return series;
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xC0) != 0x80;
    return n;
}

static uint64_t exemplar_hash(const struct exemplar *e)
{
    return hash_bytes_seeded(&e->value, sizeof e->value, labels_hash(&e->labels)) | 1;
}

/* An exemplar without a time is shown until there is another; the first sight of it is its time. */
static bool seen_before(struct scrape_series *series, const struct exemplar *exposed)
{
    if (exposed->t_unix_ms != 0)
        return false;
    uint64_t hash = exemplar_hash(exposed);
    bool seen = series->exemplar == hash;
    series->exemplar = hash;
    return seen;
}

static bool fits(const struct exemplar *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->labels.n; i++)
        n += characters(e->labels.v[i].name) + characters(e->labels.v[i].value);
    return n <= EXEMPLAR_LABELS_MAX;
}

/* Of several, as native histograms have them, those without a time say nothing. */
static void add_exemplars(struct scrape *s, struct batch_series *series,
                          struct scrape_series *cached, const struct prom_row *row)
{
    struct exemplar *kept = arena_array(&s->batch->arena, row->n_exemplars, sizeof *kept);
    uint32_t n = 0;
    for (size_t i = 0; i < row->n_exemplars; i++) {
        const struct exemplar *e = &row->exemplar[i];
        if (row->n_exemplars == 1 && seen_before(cached, e))
            continue;
        if (!kept || !fits(e) || (row->n_exemplars > 1 && e->t_unix_ms == 0)) {
            s->counts.exemplars_dropped++;
            continue;
        }
        kept[n] = *e;
        if (e->t_unix_ms == 0)
            kept[n].t_unix_ms = series->samples[0].t_unix_ms;
        n++;
    }
    series->exemplars = kept;
    series->n_exemplars = n;
}

static int fit_buckets(struct scrape *s, const struct prom_parser *p, struct sample *sample,
                       struct err *err)
{
    uint64_t limit = s->settings->config.bucket_limit;
    if (!sample->histogram)
        return 0;
    int rc = scrape_fit_buckets(&s->batch->arena, &sample->histogram, limit);
    if (rc == ERR_NOMEM)
        return out_of_memory(err);
    if (rc == 0)
        return 0;
    rc = err_set(err, rc,
                 "native_histogram_bucket_limit exceeded at the coarsest scale (limit: %llu)",
                 (unsigned long long)limit);
    return failed(s, "native_histogram_bucket_limit", prom_parser_prefix(p, rc, err));
}

static int series_row(struct scrape *s, const struct prom_parser *p, const struct prom_row *row,
                      struct err *err)
{
    const struct scrape_config *config = &s->settings->config;
    struct scrape_cache *cache = &s->memory->cache;
    s->counts.scraped++;
    struct scrape_entry *e = scrape_cache_get(cache, row->series, row->expected);
    int rc = e ? 0 : new_entry(s, p, row, &e, err);
    if (rc != 0)
        return rc;

    bool has_time = row->has_time && config->honor_timestamps;
    bool first = scrape_cache_see(cache, e, !has_time || config->track_timestamps_staleness);
    const struct scrape_series *series = e->series;
    if (!series)
        return 0;
    s->counts.kept++;
    if (config->sample_limit && s->counts.kept > config->sample_limit)
        return 0; // told at the end, with the whole number in the scrape's own series
    if (!first && !has_time) {
        s->counts.duplicates++;
        return 0;
    }
    struct sample sample = {.t_unix_ms = has_time ? row->t_unix_ms : s->t_unix_ms,
                            .value = row->value,
                            .histogram = row->histogram,
                            .start_unix_ms = row->start_unix_ms};
    rc = fit_buckets(s, p, &sample, err);
    if (rc != 0)
        return rc;
    struct batch_series *added = add_sample(s, &series->labels, series->hash, sample);
    if (!added)
        return out_of_memory(err);
    if (row->exemplar)
        add_exemplars(s, added, e->series, row);
    return 0;
}

/* Metadata is a help for readers: what there is no room for is left out, the scrape goes on. */
static void metadata_row(struct scrape *s, const struct prom_row *row)
{
    struct scrape_metadata *m = &s->memory->metadata;
    uint64_t iteration = s->memory->cache.iteration;
    if (row->kind == PROM_ROW_TYPE)
        (void)scrape_metadata_type(m, iteration, row->family, row->type);
    else if (row->kind == PROM_ROW_HELP)
        (void)scrape_metadata_help(m, iteration, row->family, row->text);
    else if (row->kind == PROM_ROW_UNIT)
        (void)scrape_metadata_unit(m, iteration, row->family, row->text);
}

int scrape_read(struct scrape *s, struct str body, enum prom_format format, struct err *err)
{
    struct prom_parser p;
    struct prom_row row;
    int rc;
    const struct scrape_config *c = &s->settings->config;
    prom_parser_init(&p, body, format, &s->batch->arena);
    p.native = c->native_histograms;
    p.classic = c->classic_histograms;
    p.max_bytes =
        c->body_size_limit ? MIN(c->body_size_limit, c->max_body_bytes) : c->max_body_bytes;
    while ((rc = prom_parser_next(&p, scrape_cache_guess(&s->memory->cache), &row, err)) > 0) {
        if (row.kind != PROM_ROW_SERIES)
            metadata_row(s, &row);
        else if ((rc = series_row(s, &p, &row, err)) != 0)
            return rc;
    }
    if (rc != 0)
        return rc == ERR_TOO_BIG ? failed(s, "body_size_limit", rc) : rc;
    uint64_t limit = c->sample_limit;
    if (limit && s->counts.kept > limit)
        return failed(s, "sample_limit",
                      err_set(err, ERR_TOO_BIG,
                              "sample_limit exceeded (%zu samples after relabelling, limit: %llu)",
                              s->counts.kept, (unsigned long long)limit));
    if (arena_failed(&s->batch->arena) ||
        scrape_metadata_add_changed(&s->memory->metadata, s->batch) != 0)
        return out_of_memory(err);
    return 0;
}

/* ---- Stale markers and the target's own series ---- */

static bool add_stale(void *arg, const struct scrape_series *series)
{
    struct scrape *s = arg;
    struct sample stale = {.t_unix_ms = s->t_unix_ms, .value = stale_nan()};
    return add_sample(s, &series->labels, series->hash, stale) != NULL;
}

int scrape_add_stale(struct scrape *s, bool failed, struct err *err)
{
    scrape_cache_ended(&s->memory->cache, failed, add_stale, s);
    return arena_failed(&s->batch->arena) ? out_of_memory(err) : 0;
}

/* Series about the scrape have the target's labels and no relabelling. */
static int add_own(struct scrape *s, const char *name, double value, struct err *err)
{
    struct labels_builder b;
    labels_builder_init(&b, &s->batch->arena, &s->target->labels);
    labels_builder_set(&b, LABEL_NAME, str_c(name));
    struct labels labels = labels_builder_labels(&b);
    bool added = !arena_failed(&s->batch->arena) &&
                 add_sample(s, &labels, labels_hash(&labels),
                            (struct sample){.t_unix_ms = s->t_unix_ms, .value = value});
    return added ? 0 : out_of_memory(err);
}

struct own {
    const char *name;
    double value;
};

static int add_all_own(struct scrape *s, const struct own *v, size_t n, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_own(s, v[i].name, v[i].value, err);
    return rc;
}

int scrape_add_report(struct scrape *s, const struct scrape_report *r, struct err *err)
{
    const struct scrape_config *c = &s->settings->config;
    const struct own series[] = {
        {"up", r->up},
        {"scrape_duration_seconds", r->duration_s},
        {"scrape_samples_scraped", (double)s->counts.scraped},
        {"scrape_samples_post_metric_relabeling", (double)s->counts.kept},
        {"scrape_series_added", (double)s->counts.added},
        {"scrape_timeout_seconds", (double)s->target->timeout_ms / 1000},
        {"scrape_sample_limit", (double)c->sample_limit},
        {"scrape_body_size_bytes", (double)r->body_bytes},
    };
    return add_all_own(s, series, c->extra_scrape_metrics ? ARRAY_LEN(series) : 5, err);
}

int scrape_add_stale_report(struct scrape *s, struct err *err)
{
    static const char *const names[] = {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
    };
    size_t n = s->settings->config.extra_scrape_metrics ? ARRAY_LEN(names) : 5;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_own(s, names[i], stale_nan(), err);
    return rc;
}

void scrape_commit(struct scrape *s, bool failed)
{
    scrape_cache_commit(&s->memory->cache, failed);
    if (!failed)
        scrape_metadata_commit(&s->memory->metadata, s->memory->cache.iteration);
}
