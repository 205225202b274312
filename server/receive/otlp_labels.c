#include "receive/otlp_labels.h"

#include "base/hash.h"
#include "receive/otlp_name.h"

struct otlp_pair {
    struct str key; /* as sent */
    struct label label;
};

int otlp_labels_init(struct otlp_labels *l, const struct otlp_rules *rules, struct arena *arena)
{
    *l = (struct otlp_labels){.rules = rules, .arena = arena};
    l->pairs = arena_alloc(arena, rules->limits.max_labels * sizeof *l->pairs);
    return l->pairs ? 0 : ERR_NOMEM;
}

/* ---- one attribute ---- */

static struct str label_name(struct otlp_labels *l, struct str key)
{
    size_t slot = hash_str(key) % OTLP_NAME_CACHE;
    if (l->names[slot].name.n && str_eq(l->names[slot].key, key))
        return l->names[slot].name;
    struct str name = otlp_label_name(l->rules->translation, key, l->arena);
    l->names[slot].key = key;
    l->names[slot].name = name;
    return name;
}

static int bad_label(struct err *err, struct str key, const char *why)
{
    return err_set(err, ERR_INVALID, "attribute \"%.*s\": %s", (int)MIN(key.n, (size_t)100),
                   key.p ? key.p : "", why);
}

static int too_long(struct err *err, struct str key, const char *what, size_t n, size_t max)
{
    return err_set(err, ERR_INVALID, "attribute \"%.*s\": %s of %zu bytes; expected at most %zu",
                   (int)MIN(key.n, (size_t)100), key.p ? key.p : "", what, n, max);
}

/* The label of an attribute, checked; its value may be empty, which means that there is none. */
static int make_label(struct otlp_labels *l, const struct otlp_attribute *a, struct str name,
                      struct label *out, struct err *err)
{
    const struct receive_limits *max = &l->rules->limits;
    struct str value = otlp_value_text(&a->value, l->arena);
    if (UNLIKELY(arena_failed(l->arena)))
        return ERR_NOMEM;
    if (UNLIKELY(!str_is_utf8(name)))
        return bad_label(err, (struct str){0}, "name is not UTF-8");
    if (UNLIKELY(name.n == 0))
        return bad_label(err, str_is_utf8(a->key) ? a->key : (struct str){0},
                         "no label name can be made of it");
    if (UNLIKELY(!str_is_utf8(value)))
        return bad_label(err, name, "value is not UTF-8");
    if (UNLIKELY(name.n > max->max_label_name_bytes))
        return too_long(err, name, "label name", name.n, max->max_label_name_bytes);
    if (UNLIKELY(value.n > max->max_label_value_bytes))
        return too_long(err, name, "value", value.n, max->max_label_value_bytes);
    *out = (struct label){name, value};
    return 0;
}

/* ---- the base ---- */

static const struct otlp_value *identity(const struct otlp_resource *r, struct str key)
{
    const struct otlp_value *v = otlp_attribute(&r->attributes, key);
    return v && v->kind != OTLP_VALUE_NONE ? v : NULL;
}

static struct str concat(struct arena *arena, struct str a, struct str b, struct str c)
{
    const struct str parts[] = {a, b, c};
    char *p = arena_alloc(arena, a.n + b.n + c.n);
    size_t n = 0;
    for (size_t i = 0; p && i < ARRAY_LEN(parts); i++) {
        if (parts[i].n)
            memcpy(p + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return str_of(p, n);
}

/* "namespace/name", or the name alone. */
static struct str job_of(const struct otlp_resource *r, struct arena *arena)
{
    const struct otlp_value *name = identity(r, STR("service.name"));
    const struct otlp_value *space = identity(r, STR("service.namespace"));
    if (!name)
        return (struct str){0};
    struct str job = otlp_value_text(name, arena);
    return space ? concat(arena, otlp_value_text(space, arena), STR("/"), job) : job;
}

static int set_checked(struct otlp_labels *l, struct labels_builder *b, struct str name,
                       struct str value, struct err *err)
{
    const struct otlp_attribute a = {
        .value = {.kind = OTLP_VALUE_STRING, .str = value},
    };
    struct label label;
    int rc = make_label(l, &a, name, &label, err);
    if (rc == 0)
        labels_builder_set(b, label.name, label.value);
    return rc;
}

static int set_job_and_instance(struct otlp_labels *l, struct labels_builder *b,
                                const struct otlp_resource *r, struct err *err)
{
    const struct otlp_value *instance = identity(r, STR("service.instance.id"));
    struct str job = job_of(r, l->arena);
    int rc = job.n ? set_checked(l, b, STR("job"), job, err) : 0;
    if (rc == 0 && instance)
        rc = set_checked(l, b, STR("instance"), otlp_value_text(instance, l->arena), err);
    return rc;
}

static int set_scope(struct otlp_labels *l, struct labels_builder *b,
                     const struct otlp_scope_metrics *scope, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < scope->scope.attributes.n && rc == 0; i++) {
        const struct otlp_attribute *a = &scope->scope.attributes.v[i];
        struct str key = concat(l->arena, STR("otel_scope_"), a->key, STR(""));
        struct label label;
        rc = make_label(l, a, otlp_label_name(l->rules->translation, key, l->arena), &label, err);
        if (rc == 0)
            labels_builder_set(b, label.name, label.value);
    }
    if (rc == 0)
        rc = set_checked(l, b, STR("otel_scope_name"), scope->scope.name, err);
    if (rc == 0)
        rc = set_checked(l, b, STR("otel_scope_version"), scope->scope.version, err);
    if (rc == 0)
        rc = set_checked(l, b, STR("otel_scope_schema_url"), scope->schema_url, err);
    return rc;
}

/* The first of two attributes of one name stays. */
static int set_promoted(struct otlp_labels *l, struct labels_builder *b,
                        const struct otlp_resource *r, struct err *err)
{
    for (size_t i = 0; i < r->attributes.n; i++) {
        const struct otlp_attribute *a = &r->attributes.v[i];
        struct label label;
        if (!otlp_rules_promote(l->rules, a->key))
            continue;
        int rc = make_label(l, a, label_name(l, a->key), &label, err);
        if (rc != 0)
            return rc;
        if (labels_builder_get(b, label.name).n == 0)
            labels_builder_set(b, label.name, label.value);
    }
    return 0;
}

/* Two sorted sets as one; the strong label stays where names meet. */
static int merge_base(struct otlp_labels *l, const struct labels_builder *weak,
                      const struct labels_builder *strong)
{
    l->base = arena_alloc(l->arena, (weak->n + strong->n) * sizeof *l->base);
    if (!l->base)
        return ERR_NOMEM;
    size_t n = 0, w = 0, s = 0;
    while (w < weak->n || s < strong->n) {
        int order = w == weak->n     ? 1
                    : s == strong->n ? -1
                                     : str_cmp(weak->v[w].name, strong->v[s].name);
        if (order < 0) {
            l->base[n++] = (struct otlp_base_label){weak->v[w++], false};
        } else {
            l->base[n++] = (struct otlp_base_label){strong->v[s++], true};
            w += order == 0;
        }
    }
    l->n_base = n;
    return 0;
}

int otlp_labels_begin(struct otlp_labels *l, const struct otlp_resource *resource,
                      const struct otlp_scope_metrics *scope, struct err *err)
{
    struct labels_builder weak, strong;
    labels_builder_init(&weak, l->arena, NULL);
    labels_builder_init(&strong, l->arena, NULL);
    labels_builder_set(&strong, LABEL_NAME, LABEL_NAME); // a place for the metric's name
    l->n_base = 0;
    int rc = 0;
    if (scope)
        rc = set_promoted(l, &weak, resource, err);
    if (rc == 0 && scope && l->rules->promote_scope && scope->scope.name.n)
        rc = set_scope(l, &strong, scope, err);
    if (rc == 0)
        rc = set_job_and_instance(l, &strong, resource, err);
    if (arena_failed(l->arena))
        return ERR_NOMEM;
    return rc ? rc : merge_base(l, &weak, &strong);
}

/* ---- a point's attributes ---- */

static int pair_cmp(const struct otlp_pair *a, const struct otlp_pair *b)
{
    int order = str_cmp(a->label.name, b->label.name);
    return order ? order : str_cmp(a->key, b->key);
}

/* Adds a pair in its place; attributes mostly come in order. */
static void insert_pair(struct otlp_pair *pairs, size_t n, struct otlp_pair pair)
{
    size_t i = n;
    for (; i > 0 && pair_cmp(&pairs[i - 1], &pair) > 0; i--)
        pairs[i] = pairs[i - 1];
    pairs[i] = pair;
}

/* Joins the values of pairs with one name; the number of pairs left. */
static size_t join_pairs(struct arena *arena, struct otlp_pair *pairs, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        struct label *last = kept ? &pairs[kept - 1].label : NULL;
        if (last && UNLIKELY(str_eq(last->name, pairs[i].label.name)))
            last->value = concat(arena, last->value, STR(";"), pairs[i].label.value);
        else
            pairs[kept++] = pairs[i];
    }
    return kept;
}

/* The attributes as sorted labels in l->pairs, without those named in `without`. */
static int make_pairs(struct otlp_labels *l, const struct otlp_attributes *a,
                      const struct str *without, size_t n_without, size_t *out_n, struct err *err)
{
    size_t n = 0;
    if (a->n > l->rules->limits.max_labels)
        return err_set(err, ERR_INVALID, "attributes: %zu of them; expected at most %zu labels",
                       a->n, l->rules->limits.max_labels);
    for (size_t i = 0; i < a->n; i++) {
        bool left_out = false;
        for (size_t k = 0; k < n_without; k++)
            left_out |= str_eq(a->v[i].key, without[k]);
        if (left_out)
            continue;
        struct otlp_pair pair = {.key = a->v[i].key};
        int rc = make_label(l, &a->v[i], label_name(l, a->v[i].key), &pair.label, err);
        if (rc != 0)
            return rc;
        if (pair.label.value.n)
            insert_pair(l->pairs, n++, pair);
    }
    *out_n = join_pairs(l->arena, l->pairs, n);
    return arena_failed(l->arena) ? ERR_NOMEM : 0;
}

/* Base and pairs, both sorted, as one set. */
static int merge_pairs(struct otlp_labels *l, size_t n_pairs, struct otlp_label_set *out,
                       struct err *err)
{
    struct label *v = arena_alloc(l->arena, (l->n_base + n_pairs) * sizeof *v);
    if (!v)
        return ERR_NOMEM;
    size_t n = 0, b = 0, p = 0;
    while (b < l->n_base || p < n_pairs) {
        int order = b == l->n_base ? 1
                    : p == n_pairs ? -1
                                   : str_cmp(l->base[b].label.name, l->pairs[p].label.name);
        if (order == 0 && !l->base[b].strong)
            b++; // the attribute comes in the next round
        else if (order > 0)
            v[n++] = l->pairs[p++].label;
        else
            v[n++] = l->base[b++].label, p += order == 0;
    }
    if (n > l->rules->limits.max_labels)
        return err_set(err, ERR_INVALID, "%zu labels; expected at most %zu", n,
                       l->rules->limits.max_labels);
    *out = (struct otlp_label_set){.v = v, .n = n, .extra_at = n};
    while (!str_eq(v[out->name_at].name, LABEL_NAME))
        out->name_at++;
    return 0;
}

int otlp_labels_join(struct otlp_labels *l, const struct otlp_attributes *attributes,
                     struct otlp_label_set *out, struct err *err)
{
    size_t n = 0;
    int rc = make_pairs(l, attributes, NULL, 0, &n, err);
    return rc ? rc : merge_pairs(l, n, out, err);
}

int otlp_labels_of_target(struct otlp_labels *l, const struct otlp_resource *resource,
                          struct otlp_label_set *out, bool *out_useful, struct err *err)
{
    static const struct str identifying[] = {
        {"service.namespace", sizeof "service.namespace" - 1},
        {"service.name", sizeof "service.name" - 1},
        {"service.instance.id", sizeof "service.instance.id" - 1},
    };
    size_t others = resource->attributes.n, n = 0;
    for (size_t i = 0; i < ARRAY_LEN(identifying); i++)
        others -= otlp_attribute(&resource->attributes, identifying[i]) != NULL;

    int rc = otlp_labels_begin(l, resource, NULL, err);
    if (rc == 0)
        rc = make_pairs(l, &resource->attributes, identifying,
                        l->rules->keep_identifying ? 0 : ARRAY_LEN(identifying), &n, err);
    if (rc == 0)
        rc = merge_pairs(l, n, out, err);
    if (rc != 0)
        return rc;
    const struct labels all = {out->v, out->n};
    *out_useful = others > 0 &&
                  (labels_get(&all, STR("job")).n > 0 || labels_get(&all, STR("instance")).n > 0);
    return 0;
}

int otlp_label_set_extend(const struct otlp_label_set *set, struct arena *arena, struct str name,
                          struct otlp_label_set *out)
{
    struct label *v = arena_alloc(arena, (set->n + 1) * sizeof *v);
    if (!v)
        return ERR_NOMEM;
    size_t at = 0;
    while (at < set->n && str_cmp(set->v[at].name, name) < 0)
        at++;
    bool replaces = at < set->n && str_eq(set->v[at].name, name);
    size_t behind = set->n - at - replaces;
    memcpy(v, set->v, at * sizeof *v);
    v[at] = (struct label){.name = name};
    memcpy(v + at + 1, set->v + at + replaces, behind * sizeof *v);
    *out = (struct otlp_label_set){
        .v = v,
        .n = at + 1 + behind,
        .name_at = set->name_at + (set->name_at >= at && !replaces),
        .extra_at = at,
    };
    return 0;
}

struct labels otlp_label_set_series(const struct otlp_label_set *set, struct arena *arena,
                                    struct str metric, struct str extra)
{
    struct label *v = arena_alloc(arena, set->n * sizeof *v);
    if (!v)
        return (struct labels){0};
    memcpy(v, set->v, set->n * sizeof *v);
    v[set->name_at].value = metric;
    if (set->extra_at < set->n)
        v[set->extra_at].value = extra;
    return (struct labels){v, set->n};
}
