/* One `struct otlp_translator` walks the tree of one request: resources, scopes, metrics. Names of
 * families are made once for each metric of the request (otlp_family.h); points are
 * otlp_points.h's.
 */
#include "receive/otlp_translate.h"

#include <stdio.h>

#include "base/compiler.h"
#include "base/time.h"
#include "receive/otlp_name.h"
#include "receive/otlp_points.h"

const char *otlp_reject_name(enum otlp_reject r)
{
    static const char *const names[] = {
        [OTLP_REJECT_NAME] = "otlp_name",
        [OTLP_REJECT_LABELS] = "otlp_labels",
        [OTLP_REJECT_VALUE] = "otlp_value",
        [OTLP_REJECT_TIME] = "otlp_time",
        [OTLP_REJECT_TEMPORALITY] = "otlp_temporality",
        [OTLP_REJECT_HISTOGRAM] = "otlp_histogram",
        [OTLP_REJECT_OUT_OF_ORDER] = "otlp_delta_out_of_order",
        [OTLP_REJECT_STREAMS] = "otlp_delta_streams",
        [OTLP_REJECT_SERIES] = "otlp_series_limit",
    };
    _Static_assert(ARRAY_LEN(names) == OTLP_REJECTS, "a name for each reason");
    return names[r];
}

size_t otlp_outcome_rejected(const struct otlp_outcome *o)
{
    size_t n = 0;
    for (int i = 0; i < OTLP_REJECTS; i++)
        n += o->rejected[i];
    return n;
}

/* ---- metrics ---- */

/* Why nothing is left of the metric's name. */
static void reject_name(struct otlp_translator *t)
{
    const struct otlp_metric *m = t->m;
    char why[96] = "metric name: no letter or digit; expected one at least";
    bool long_name = m->name.n > OTLP_NAME_MAX_BYTES;
    if (m->name.n == 0)
        (void)snprintf(why, sizeof why, "metric name: empty");
    else if (long_name || m->unit.n > OTLP_NAME_MAX_BYTES)
        (void)snprintf(why, sizeof why, "metric %s: %zu bytes; expected at most %d",
                       long_name ? "name" : "unit", long_name ? m->name.n : m->unit.n,
                       OTLP_NAME_MAX_BYTES);
    (void)otlp_reject(t, m->data.n_points, OTLP_REJECT_NAME, why);
}

/* What all points of the metric would be rejected for; 0 when there is nothing of the kind. */
static bool reject_metric(struct otlp_translator *t)
{
    const struct otlp_data *data = &t->m->data;
    if (t->family->family.n == 0) {
        reject_name(t);
        return true;
    }
    if (otlp_is_temporal(t->m->kind) && data->temporality != OTLP_CUMULATIVE &&
        data->temporality != OTLP_DELTA) {
        (void)otlp_reject(t, data->n_points, OTLP_REJECT_TEMPORALITY,
                          "aggregation_temporality: neither delta (1) nor cumulative (2)");
        return true;
    }
    return false;
}

static int translate_points(struct otlp_translator *t)
{
    const struct otlp_recalled_point *recalled = t->recalled.points;
    size_t n = t->m->data.n_points, from = t->n_points - n;
    int rc = 0;
    for (t->point = 0; t->point < n && rc == 0; t->point++) {
        uint64_t time = otlp_metric_point(t->m, t->point)->time_unix_ns;
        t->first_ns = time && time < t->first_ns ? time : t->first_ns;
        t->last_ns = MAX(t->last_ns, time);
        t->at = recalled ? &recalled[from + t->point] : NULL;
        rc = otlp_translate_point(t);
    }
    return rc;
}

static void begin_metric(struct otlp_translator *t, const struct otlp_metric *m)
{
    t->m = m;
    t->point = 0;
    t->n_metrics++;
    t->n_points += m->data.n_points;
    t->out->points = t->n_points;
}

/* Whether the sink knows all series of the metric, and has its metadata. */
static bool is_known(const struct otlp_translator *t)
{
    const struct otlp_recalled_point *v = t->recalled.points;
    if (!v)
        return false;
    for (size_t i = t->n_points - t->m->data.n_points; i < t->n_points; i++)
        if (!v[i].known)
            return false;
    return t->recalled.told && t->recalled.told[t->n_metrics - 1];
}

static int translate_metric(struct otlp_translator *t, const struct otlp_metric *m)
{
    static const struct otlp_family nameless = {.family = {"", 0}};
    begin_metric(t, m);
    if (m->data.n_points == 0)
        return 0; // nothing was sent that could be lost
    if (is_known(t)) {
        t->family = &nameless;
        return translate_points(t);
    }
    t->family = otlp_families_get(&t->families, m);
    if (!t->family)
        return ERR_NOMEM;
    return reject_metric(t) ? 0 : translate_points(t);
}

/* ---- resources ---- */

static int64_t to_ms(uint64_t ns)
{
    return (int64_t)(ns / NS_PER_MS);
}

/* All points of a scope whose labels cannot be. */
static int reject_scope(struct otlp_translator *t, const struct otlp_scope_metrics *scope,
                        const struct err *err)
{
    for (t->metric = 0; t->metric < scope->n_metrics; t->metric++) {
        begin_metric(t, &scope->metrics[t->metric]);
        if (t->m->data.n_points)
            (void)otlp_reject(t, t->m->data.n_points, OTLP_REJECT_LABELS, err->message);
    }
    return 0;
}

static int translate_scope(struct otlp_translator *t, const struct otlp_resource *resource,
                           const struct otlp_scope_metrics *scope)
{
    struct err err = {0};
    int rc = otlp_labels_begin(&t->labels, resource, scope, &err);
    if (rc != 0)
        return rc == ERR_NOMEM ? rc : reject_scope(t, scope, &err);
    for (t->metric = 0; t->metric < scope->n_metrics && rc == 0; t->metric++)
        rc = translate_metric(t, &scope->metrics[t->metric]);
    return rc;
}

/* A hostile range of times would ask for any number of samples. */
enum { INFO_SAMPLES_MAX = 1000 };

/* target_info stands at the first and the last time, and so often in between that a look-back finds
 * it at any time. */
static int set_info_samples(struct otlp_translator *t, struct batch_series *s)
{
    int64_t step = t->rules->info_interval_ms, last = to_ms(t->last_ns);
    int64_t first = MAX(to_ms(t->first_ns), last - step * (INFO_SAMPLES_MAX - 1));
    size_t n = (size_t)((last - first + step - 1) / step) + 1;
    struct sample *samples = s ? arena_array(t->arena, n, sizeof *samples) : NULL;
    if (!samples)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        samples[i] = (struct sample){.t_unix_ms = MIN(first + (int64_t)i * step, last), .value = 1};
    s->samples = samples;
    s->n_samples = (uint32_t)n;
    return 0;
}

/* Resources without job and instance, or with nothing else, have no target_info; nor have those
 * whose attributes cannot be labels, which no point's rejection could tell of. */
static int add_new_info(struct otlp_translator *t, const struct otlp_resource *resource,
                        struct hash128 sent)
{
    struct otlp_label_set set;
    bool useful = false;
    int rc = otlp_labels_of_target(&t->labels, resource, &set, &useful, NULL);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0 || !useful)
        return 0;
    struct labels labels =
        otlp_label_set_series(&set, t->arena, STR("target_info"), (struct str){0});
    struct batch_series *s = labels.n ? batch_add_series(t->batch, labels) : NULL;
    if (s)
        s->sent = sent;
    return set_info_samples(t, s);
}

static int add_target_info(struct otlp_translator *t, const struct otlp_resource *resource)
{
    const struct otlp_recalled *r = &t->recalled;
    const struct otlp_recalled_point *target = r->targets ? &r->targets[t->resource] : NULL;
    if (t->last_ns == 0)
        return 0;
    if (target && target->known)
        return set_info_samples(t, batch_add_known(t->batch, target->known[0], r->recalled));
    return add_new_info(t, resource, target ? target->sent : (struct hash128){0});
}

static int translate_resource(struct otlp_translator *t, const struct otlp_resource_metrics *r)
{
    int rc = 0;
    t->first_ns = UINT64_MAX;
    t->last_ns = 0;
    for (t->scope = 0; t->scope < r->n_scopes && rc == 0; t->scope++)
        rc = translate_scope(t, &r->resource, &r->scopes[t->scope]);
    return rc ? rc : add_target_info(t, &r->resource);
}

static size_t count_metrics(const struct otlp_request *request)
{
    size_t n = 0;
    for (size_t i = 0; i < request->n_resources; i++)
        for (size_t k = 0; k < request->resources[i].n_scopes; k++)
            n += request->resources[i].scopes[k].n_metrics;
    return n;
}

static const struct metric_metadata target_info_metadata = {
    .family = {"target_info", sizeof "target_info" - 1},
    .help = {"Target metadata", sizeof "Target metadata" - 1},
    .type = METRIC_GAUGE,
};

/* Whether of each known run all points came, or none. */
static bool are_whole(const struct otlp_recalled *r)
{
    for (size_t i = 0; i < r->n_runs; i++)
        if (r->runs[i].numbers && r->runs[i].filled != 0 && r->runs[i].filled != r->runs[i].n)
            return false;
    return true;
}

int otlp_translate(const struct otlp_request *request, const struct otlp_rules *rules,
                   const struct sink *sink, struct otlp_delta *delta, struct batch *batch,
                   struct otlp_outcome *out, struct err *err)
{
    struct otlp_translator t = {
        .rules = rules, .delta = delta, .batch = batch, .arena = &batch->arena, .out = out};
    *out = (struct otlp_outcome){0};
    int rc = otlp_labels_init(&t.labels, rules, t.arena);
    otlp_families_init(&t.families, rules, batch, count_metrics(request));
    if (rc == 0 && request->lazy)
        rc = otlp_recall(request, rules, sink, t.arena, &t.recalled, err);
    if (rc != 0 && rc != ERR_NOMEM)
        return rc;
    for (t.resource = 0; t.resource < request->n_resources && rc == 0; t.resource++)
        rc = translate_resource(&t, &request->resources[t.resource]);
    if (rc == 0 && NEVER(!are_whole(&t.recalled)))
        return err_set(err, ERR_INTERNAL, "points of a run were left out");
    if (rc == 0 && out->points > 0)
        rc = batch_add_metadata(batch, &target_info_metadata);
    if (rc != 0)
        return err_set(err, rc, "the request needs more than %zu bytes of memory", t.arena->budget);
    return 0;
}
