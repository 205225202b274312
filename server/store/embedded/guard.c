#include "store/embedded/guard.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "self/self.h"
#include "store/embedded/engine.h"

static struct self_metric limited_total = SELF_COUNTER(
    "telltale_store_limited_samples_total",
    "Samples of new series beyond a limit of cardinality, by limit and what became of them.",
    "limit", "outcome");

const char *guard_limit_name(enum guard_limit limit)
{
    static const char *const names[] = {"series", "series_per_metric", "values_per_label",
                                        "series_per_tenant"};
    return names[limit];
}

static struct guard_text text_of(struct str s)
{
    struct guard_text t = {.n = (uint8_t)MIN(s.n, (size_t)GUARD_TEXT_MAX)};
    if (t.n)
        memcpy(t.text, s.p, t.n);
    return t;
}

static bool text_is(const struct guard_text *t, struct str s)
{
    size_t n = MIN(s.n, (size_t)GUARD_TEXT_MAX);
    return t->n == n && (n == 0 || memcmp(t->text, s.p, n) == 0);
}

int guard_init(struct guard *g)
{
    *g = (struct guard){0};
    lock_init(&g->lock, LOCK_LEAF);
    g->entries = calloc(GUARD_KEPT, sizeof *g->entries);
    return g->entries ? 0 : ERR_NOMEM;
}

void guard_done(struct guard *g)
{
    free(g->entries);
    lock_done(&g->lock);
}

static unsigned limit_of(uint64_t n)
{
    return (unsigned)MIN(n, (uint64_t)UINT32_MAX);
}

void guard_configure(struct guard *g, const struct store_cardinality *limits)
{
    atomic_set_relaxed(&g->per_metric, limit_of(limits->per_metric));
    atomic_set_relaxed(&g->per_label, limit_of(limits->per_label));
    atomic_set_relaxed(&g->per_tenant, limits->tenant.n ? limit_of(limits->per_tenant) : 0);
    atomic_set_relaxed(&g->fold, limits->fold);
    lock_take(&g->lock);
    g->tenant = text_of(limits->tenant);
    lock_give(&g->lock);
}

struct str guard_tenant_label(struct guard *g, struct guard_text *out)
{
    lock_take(&g->lock);
    *out = g->tenant;
    lock_give(&g->lock);
    return str_of(out->text, out->n);
}

/* --- asking ----------------------------------------------------------------------------------- */

struct question {
    struct guard *guard;
    const struct index *index; /* its lock is held */
    const struct labels *labels;
    struct label metric, tenant; /* no value: there is none */
    unsigned count, max;         /* of all streams */
    struct guard_verdict *out;
};

static bool beyond(struct question *q, enum guard_limit limit, struct label guilty, unsigned n,
                   unsigned allowed)
{
    if (allowed == 0 || n < allowed)
        return false;
    q->out->limit = limit;
    q->out->guilty = guilty;
    q->out->allowed = allowed;
    return true;
}

static bool pair_is_full(struct question *q, enum guard_limit limit, struct label pair,
                         unsigned allowed)
{
    if (allowed == 0 || pair.value.n == 0)
        return false;
    const struct pair *p = index_find_pair(q->index, pair);
    return p && beyond(q, limit, pair, p->count, allowed);
}

static bool label_is_full(struct question *q, unsigned allowed)
{
    for (size_t i = 0; allowed && i < q->labels->n; i++) {
        const struct label *l = &q->labels->v[i];
        const struct index_name *name = index_find_name(q->index, l->name);
        if (name && name->n >= allowed && !index_find_pair(q->index, *l))
            return beyond(q, GUARD_LABEL, (struct label){l->name, {0}}, name->n, allowed);
    }
    return false;
}

/* From the narrow to the wide: who is guilty is told by the first that is full. */
static bool is_full(struct question *q)
{
    struct guard *g = q->guard;
    return pair_is_full(q, GUARD_METRIC, q->metric, atomic_get_relaxed(&g->per_metric)) ||
           label_is_full(q, atomic_get_relaxed(&g->per_label)) ||
           pair_is_full(q, GUARD_TENANT, q->tenant, atomic_get_relaxed(&g->per_tenant)) ||
           beyond(q, GUARD_SERIES, q->metric, q->count, q->max);
}

/* Only into what the index knows already: names of metrics and tenants may be the flood. */
static void decide(struct question *q)
{
    q->out->fold = atomic_get_relaxed(&q->guard->fold) && q->metric.value.n &&
                   index_find_pair(q->index, q->metric);
    if (q->out->fold && q->tenant.value.n && index_find_pair(q->index, q->tenant))
        q->out->tenant = q->tenant.value;
}

bool guard_admits(struct store *s, const struct labels *labels, struct guard_verdict *out)
{
    struct index *x = &s->streams.index;
    struct guard_text room;
    struct question q = {.guard = &s->guard,
                         .index = x,
                         .labels = labels,
                         .count = atomic_get_relaxed(&s->streams.count),
                         .max = atomic_get_relaxed(&s->streams.max),
                         .out = out};
    bool limited = atomic_get_relaxed(&s->guard.per_metric) ||
                   atomic_get_relaxed(&s->guard.per_label) ||
                   atomic_get_relaxed(&s->guard.per_tenant);
    if (LIKELY(!limited && q.count < q.max))
        return true;
    struct str tenant = guard_tenant_label(&s->guard, &room);
    *out = (struct guard_verdict){0};
    q.metric = (struct label){LABEL_NAME, labels_get(labels, LABEL_NAME)};
    if (tenant.n)
        q.tenant = (struct label){tenant, labels_get(labels, tenant)};
    (void)index_settle(x); // without memory the counts are a little low
    rwlock_take_read(&x->lock);
    bool full = is_full(&q);
    if (full)
        decide(&q);
    rwlock_give(&x->lock);
    if (full && out->limit == GUARD_TENANT) // its name is in `room`
        for (size_t i = 0; i < labels->n; i++)
            if (str_eq(labels->v[i].name, tenant))
                out->guilty.name = labels->v[i].name;
    return !full;
}

/* --- who is guilty ---------------------------------------------------------------------------- */

static uint64_t samples_of(const struct guard_entry *e)
{
    return e->folded + e->refused;
}

/* The entry, brought to the front: the same ones come again and again. When all are taken the one
 * with the fewest samples goes. */
static struct guard_entry *find_entry(struct guard *g, const struct guard_verdict *v)
{
    size_t i = 0, least = 0;
    for (; i < g->n; i++) {
        const struct guard_entry *e = &g->entries[i];
        if (e->limit == v->limit && text_is(&e->name, v->guilty.name) &&
            text_is(&e->value, v->guilty.value))
            break;
        least = samples_of(e) < samples_of(&g->entries[least]) ? i : least;
    }
    if (i == g->n) {
        i = g->n < GUARD_KEPT ? g->n++ : least;
        g->entries[i] = (struct guard_entry){
            .limit = v->limit, .name = text_of(v->guilty.name), .value = text_of(v->guilty.value)};
    }
    struct guard_entry found = g->entries[i];
    g->entries[i] = g->entries[0];
    g->entries[0] = found;
    return &g->entries[0];
}

void guard_note(struct guard *g, const struct guard_verdict *v, uint64_t samples, bool folded)
{
    lock_take(&g->lock);
    struct guard_entry *e = find_entry(g, v);
    e->allowed = v->allowed;
    *(folded ? &e->folded : &e->refused) += samples;
    lock_give(&g->lock);
    self_add(&limited_total, samples, guard_limit_name(v->limit), folded ? "folded" : "refused");
}
