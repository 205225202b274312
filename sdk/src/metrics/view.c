#include "metrics/view.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/glob.h"
#include "core/options.h"
#include "core/problem.h"
#include "core/switches.h"
#include "core/text.h"
#include "metrics/provider.h"
#include "metrics/stream.h"

/* --- matching -------------------------------------------------------------------------------- */

static bool equals(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

bool view_matches(const struct view *v, const struct instrument *i)
{
    const struct scope *scope = &i->meter->scope;
    return (!v->is.instrument || glob_fits_nocase(str_c(v->is.instrument), str_c(i->name))) &&
           (v->is.kind == TT_KIND_ANY || (int)v->is.kind == (int)i->kind + 1) &&
           equals(v->is.unit, i->unit) && equals(v->is.meter_name, scope->name) &&
           equals(v->is.meter_version, scope->version) &&
           equals(v->is.meter_schema_url, scope->schema_url);
}

/* --- keys ------------------------------------------------------------------------------------ */

bool key_list_init(struct key_list *out, const char *const *keys, size_t n)
{
    *out = (struct key_list){0};
    if (!n)
        return true;
    out->keys = calloc(n, sizeof *out->keys);
    for (; out->keys && out->n < n; out->n++) {
        out->keys[out->n] = text_dup(text_or_empty(keys[out->n]));
        if (!out->keys[out->n])
            return false;
    }
    return out->keys != NULL;
}

void key_list_done(struct key_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->keys[i]);
    free(l->keys);
    *l = (struct key_list){0};
}

bool key_list_has(const struct key_list *l, const char *key, size_t n)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strlen(l->keys[i]) == n && memcmp(l->keys[i], key, n) == 0)
            return true;
    }
    return false;
}

/* --- adding ---------------------------------------------------------------------------------- */

/* Lists and texts of a view are replaced by copies of them, one by one, so that what was copied can
 * be freed. */
static const uint8_t TEXTS[] = {
    offsetof(tt_view, instrument),    offsetof(tt_view, unit), offsetof(tt_view, meter_name),
    offsetof(tt_view, meter_version), offsetof(tt_view, name), offsetof(tt_view, meter_schema_url),
    offsetof(tt_view, description),
};

static const char **text_at(tt_view *v, size_t i)
{
    return (const char **)(void *)((char *)v + TEXTS[i]);
}

static bool own_texts(tt_view *v)
{
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        const char **text = text_at(v, i), *given = *text;
        *text = given ? text_dup(given) : NULL;
        ok = ok && (!given || *text);
    }
    return ok;
}

static bool own_keys(const char *const **keys, size_t *n)
{
    struct key_list copy = {0};
    bool given = *keys != NULL;
    bool ok = key_list_init(&copy, *keys, given ? *n : 0);
    // An empty list keeps nothing, and must not look like none.
    if (ok && given && !copy.keys)
        ok = (copy.keys = calloc(1, sizeof *copy.keys)) != NULL;
    *keys = (const char *const *)copy.keys;
    *n = copy.n;
    return ok;
}

static bool own_bounds(tt_view *v)
{
    double *copy = NULL;
    if (v->bounds) {
        copy = malloc((v->bounds_n + 1) * sizeof *copy);
        if (copy && v->bounds_n)
            memcpy(copy, v->bounds, v->bounds_n * sizeof *copy);
    }
    bool ok = !v->bounds || copy;
    v->bounds = copy;
    return ok;
}

static bool own_reservoir(tt_view *v)
{
    const tt_reservoir *given = v->own_reservoir;
    tt_reservoir *copy = given ? calloc(1, sizeof *copy) : NULL;
    if (copy)
        (void)options_read(copy, sizeof *copy, given);
    v->own_reservoir = copy;
    return !given || copy;
}

static void free_keys(const char *const *keys, size_t n)
{
    struct key_list list = {(char **)(uintptr_t)keys, n};
    key_list_done(&list);
}

static void view_free(struct view *v)
{
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        free((void *)(uintptr_t)*text_at(&v->is, i));
    free_keys(v->is.attribute_keys, v->is.attribute_keys_n);
    free_keys(v->is.excluded_keys, v->is.excluded_keys_n);
    free((void *)(uintptr_t)v->is.bounds);
    free((void *)(uintptr_t)v->is.own_reservoir);
    free(v);
}

static bool is_whole(const tt_reservoir *r)
{
    return r->make && r->offer && r->collect && r->free;
}

static bool is_pattern(const char *name)
{
    return strchr(name, '*') || strchr(name, '?');
}

/* Why it cannot be; NULL when it can. */
static const char *fault_of(const tt_view *v)
{
    const tt_reservoir *own = v->own_reservoir;
    if (v->name && !instrument_name_is_valid(v->name))
        return "a view's name is not one of an instrument";
    if (v->name && (!v->instrument || is_pattern(v->instrument)) && !v->meter_name)
        return "a view with a name must choose one instrument";
    if ((unsigned)v->kind > TT_KIND_OBSERVABLE_GAUGE ||
        (unsigned)v->aggregation > TT_AGGREGATION_DROP ||
        (unsigned)v->reservoir > TT_RESERVOIR_NONE || (own && !is_whole(own)))
        return "a view's kind, aggregation or reservoir is none that exists";
    if (v->bounds && !stream_bounds_are_valid(v->bounds, v->bounds_n))
        return "a view's bounds must be finite and increase, at most 500";
    if (v->max_buckets == 1 || v->max_buckets > EXP_BUCKETS || v->max_scale > EXP_SCALE_MAX ||
        v->max_scale < EXP_SCALE_MIN)
        return "a view has 2 to 160 buckets, and a scale from -11 to 20";
    return NULL;
}

int tt_meter_provider_add_view(tt_meter_provider *p, const tt_view *given)
{
    tt_view v = {0};
    if (!p || !given)
        return TT_ERR_INVALID;
    (void)options_read(&v, sizeof v, given);
    const char *fault = fault_of(&v);
    if (fault) {
        problem(TT_PROBLEM_MISUSE, fault, v.name ? v.name : v.instrument);
        return TT_ERR_INVALID;
    }
    struct view *made = malloc(sizeof *made);
    if (!made)
        return TT_ERR_NOMEM;
    *made = (struct view){.is = v};
    bool texts = own_texts(&made->is);
    bool kept = own_keys(&made->is.attribute_keys, &made->is.attribute_keys_n);
    bool left = own_keys(&made->is.excluded_keys, &made->is.excluded_keys_n);
    bool reservoir = own_reservoir(&made->is);
    if (!own_bounds(&made->is) || !texts || !kept || !left || !reservoir) {
        view_free(made);
        return TT_ERR_NOMEM;
    }
    mutex_lock(&p->lock);
    struct view **end = &p->views;
    while (*end)
        end = &(*end)->next;
    *end = made;
    mutex_unlock(&p->lock);
    return TT_OK;
}

void view_free_all(tt_meter_provider *p)
{
    for (struct view *v = p->views, *next; v; v = next) {
        next = v->next;
        view_free(v);
    }
    switches_free(p->switches);
    for (struct reader_defaults *r = p->readers, *next; r; r = next) {
        next = r->next;
        free(r);
    }
}

/* --- putting views together ------------------------------------------------------------------ */

const char *view_new_name(const struct view *v, const struct instrument *i)
{
    return v->is.name && strcasecmp(v->is.name, i->name) != 0 && view_matches(v, i) ? v->is.name
                                                                                    : NULL;
}

/* With all that belongs to it. */
static void take_aggregation(tt_view *to, const tt_view *v)
{
    memcpy(&to->aggregation, &v->aggregation,
           offsetof(tt_view, cardinality_limit) - offsetof(tt_view, aggregation));
}

static bool has(const char *const *keys, size_t n, const char *key)
{
    while (n && strcmp(keys[n - 1], key) != 0)
        n--;
    return n;
}

/* `kept` and `left` have room for the keys of all views. */
static void take_keys(tt_view *to, const tt_view *v, const char **kept, const char **left)
{
    size_t n = 0, given = to->attribute_keys ? to->attribute_keys_n : v->attribute_keys_n;
    const char *const *from = to->attribute_keys ? kept : v->attribute_keys;
    for (size_t i = 0; v->attribute_keys && i < given; i++) {
        if (has(v->attribute_keys, v->attribute_keys_n, from[i]))
            kept[n++] = from[i];
    }
    if (v->attribute_keys) {
        to->attribute_keys = kept;
        to->attribute_keys_n = n;
    }
    for (size_t i = 0; i < v->excluded_keys_n; i++)
        left[to->excluded_keys_n++] = v->excluded_keys[i];
    to->excluded_keys = left;
}

static void take(tt_view *to, const tt_view *v)
{
    if (v->description)
        to->description = v->description;
    if (v->aggregation || v->bounds || v->max_buckets || v->max_scale || v->without_min_max)
        take_aggregation(to, v);
    if (v->cardinality_limit)
        to->cardinality_limit = v->cardinality_limit;
    if (v->reservoir || v->reservoir_size) {
        to->reservoir = v->reservoir;
        to->reservoir_size = v->reservoir_size;
    }
    if (v->own_reservoir)
        to->own_reservoir = v->own_reservoir;
}

bool view_compose(const struct instrument *i, const char *name, tt_view *out, const char ***lists)
{
    const struct view *first = i->meter->provider->views;
    size_t n = 1;
    for (const struct view *v = first; v; v = v->next)
        n += v->is.attribute_keys_n + v->is.excluded_keys_n;
    *lists = calloc(2 * n, sizeof **lists);
    *out = (tt_view){.name = name};
    for (const struct view *v = first; *lists && v; v = v->next) {
        const char *other = view_new_name(v, i);
        if (!view_matches(v, i) || (other && (!name || strcasecmp(other, name) != 0)))
            continue;
        take(out, &v->is);
        take_keys(out, &v->is, *lists, *lists + n);
    }
    return *lists;
}

/* --- what readers make of instruments -------------------------------------------------------- */

void view_apply_defaults(tt_view *v, const tt_stream_defaults *d, const struct instrument *i)
{
    int kind = (int)i->kind + 1;
    if (!v->aggregation)
        v->aggregation = d->aggregation[d->aggregation[kind] ? kind : TT_KIND_ANY];
    if (!v->cardinality_limit)
        v->cardinality_limit = d->cardinality_limit[d->cardinality_limit[kind] ? kind : 0];
}

unsigned view_add_reader(tt_meter_provider *p, const tt_stream_defaults *given)
{
    struct reader_defaults *r = given ? calloc(1, sizeof *r) : NULL;
    if (!r)
        return 0;
    (void)options_read(&r->is, sizeof r->is, given);
    mutex_lock(&p->lock);
    r->reader = p->readers ? p->readers->reader + 1 : 1;
    bool ok = r->reader <= READERS_MAX;
    if (ok) {
        r->next = p->readers;
        p->readers = r;
    }
    mutex_unlock(&p->lock);
    if (ok)
        return r->reader;
    free(r);
    problem(TT_PROBLEM_LIMIT, "more than 31 readers with defaults of their own", NULL);
    return 0;
}

/* --- switching meters ------------------------------------------------------------------------ */

bool view_meter_is_on(const tt_meter_provider *p, const char *name)
{
    return switches_say(p->switches, name);
}

/* Handles lead straight to their series, so each is told. */
static void steer(struct stream *st)
{
    bool aside = stream_is_aside(st);
    for (size_t i = 0; i < st->series.n; i++) {
        struct series *s = st->series.list[i];
        uint32_t at = atomic_get_relaxed(&s->at) & ~SERIES_ASIDE;
        atomic_set_relaxed(&s->at, at | (aside ? SERIES_ASIDE : 0));
    }
}

int tt_meter_provider_switch(tt_meter_provider *p, const char *pattern, bool on)
{
    if (!p || !pattern)
        return TT_ERR_INVALID;
    struct scope_switch *s = switch_new(pattern, on);
    if (!s)
        return TT_ERR_NOMEM;
    mutex_lock(&p->lock);
    switches_put(&p->switches, s);
    for (tt_meter *m = p->meters; m; m = m->next)
        atomic_set_relaxed(&m->on, view_meter_is_on(p, m->scope.name));
    for (struct stream *st = p->streams; st; st = st->next)
        steer(st);
    mutex_unlock(&p->lock);
    return TT_OK;
}
