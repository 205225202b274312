/* The composable samplers that are built in; rules.c has the one with rules. Each is a function and
 * what it looks at, so that the program's own are not different. */
#include "sampling/composable.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/num.h"

tt_composable *tt_composable_custom(tt_composable_function intend, void *arg,
                                    void (*done)(void *arg))
{
    tt_composable *c = intend ? malloc(sizeof *c) : NULL;
    if (c)
        *c = (tt_composable){.intend = intend, .arg = arg, .done = done};
    else if (done)
        done(arg);
    return c;
}

void tt_composable_free(tt_composable *c)
{
    if (c && c->done)
        c->done(c->arg);
    free(c);
}

void tt_composable_intend(const tt_composable *c, const tt_sampling *sampling, tt_intent *out)
{
    if (!out)
        return;
    out->threshold = TT_THRESHOLD_NONE;
    out->reliable = false;
    out->tracestate = NULL;
    out->attrs_n = 0;
    if (c && sampling)
        c->intend(c->arg, sampling, out);
}

void tt_intent_add(tt_intent *intent, const tt_attr *attrs, size_t n)
{
    if (!intent || !attrs)
        return;
    n = MIN(n, TT_INTENT_ATTRS_MAX - MIN(intent->attrs_n, TT_INTENT_ATTRS_MAX));
    if (n)
        memcpy(intent->attrs + intent->attrs_n, attrs, n * sizeof *attrs);
    intent->attrs_n += n;
}

/* --- all, none, a share ---------------------------------------------------------------------- */

static void intend_all(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    (void)arg, (void)sampling;
    out->threshold = 0;
    out->reliable = true;
}

tt_composable *tt_composable_always_on(void)
{
    return tt_composable_custom(intend_all, NULL, NULL);
}

static void intend_nothing(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    (void)arg, (void)sampling, (void)out; // as it comes
}

tt_composable *tt_composable_always_off(void)
{
    return tt_composable_custom(intend_nothing, NULL, NULL);
}

static void intend_share(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    (void)sampling;
    out->threshold = *(const uint64_t *)arg;
    out->reliable = true;
}

tt_composable *tt_composable_probability(double share)
{
    if (!(share >= 0 && share <= 1)) {
        tt_problem_tell(TT_PROBLEM_MISUSE, "a sampler's share is between 0 and 1", NULL);
        share = share > 1 ? 1 : 0;
    }
    uint64_t sampled = (uint64_t)(share * (double)TT_THRESHOLD_NONE);
    if (sampled == 0)
        return tt_composable_always_off();
    uint64_t *threshold = malloc(sizeof *threshold);
    if (!threshold)
        return NULL;
    *threshold = TT_THRESHOLD_NONE - sampled;
    return tt_composable_custom(intend_share, threshold, free);
}

/* --- as the parent --------------------------------------------------------------------------- */

/* "c" is 0xc0000000000000: zeros at the end are left out. */
static bool parse_threshold(struct str text, uint64_t *out)
{
    if (text.n < 1 || text.n > 14 || num_parse_hex(text, out) != 0)
        return false;
    *out <<= 4 * (14 - text.n);
    return true;
}

static void intend_as_parent(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    const tt_span_context *parent = sampling->parent;
    if (!tt_span_context_is_valid(parent)) {
        tt_composable_intend(arg, sampling, out);
        return;
    }
    struct str told = ot_value(ot_member(str_c(sampling->tracestate)), STR("th:"));
    out->reliable = parse_threshold(told, &out->threshold);
    if (!out->reliable)
        out->threshold = parent->flags & TT_FLAG_SAMPLED ? 0 : TT_THRESHOLD_NONE;
}

static void free_composable(void *arg)
{
    tt_composable_free(arg);
}

tt_composable *tt_composable_parent_threshold(tt_composable *root)
{
    if (!root)
        root = tt_composable_always_on();
    return root ? tt_composable_custom(intend_as_parent, root, free_composable) : NULL;
}

/* --- with attributes ------------------------------------------------------------------------- */

struct annotating {
    tt_composable *sampler;
    struct arena arena; /* of the attributes */
    size_t n;
    tt_attr attrs[TT_INTENT_ATTRS_MAX];
};

static void intend_annotated(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    const struct annotating *a = arg;
    tt_composable_intend(a->sampler, sampling, out);
    tt_intent_add(out, a->attrs, a->n);
}

static void free_annotating(void *arg)
{
    struct annotating *a = arg;
    tt_composable_free(a->sampler);
    arena_done(&a->arena);
    free(a);
}

/* Values in values are copied, too, to this depth. */
enum { COPIED_BYTES_MAX = 64 << 10, DEPTH_MAX = 8 };

static void copy_attrs(struct arena *a, const tt_attr *attrs, size_t n, tt_attr *out, int depth);

static tt_value copy_value(struct arena *a, const tt_value *v, int depth)
{
    tt_value copy = *v;
    bool array = v->type == TT_TYPE_ARRAY, map = v->type == TT_TYPE_MAP;
    if (v->type == TT_TYPE_STRING || v->type == TT_TYPE_BYTES)
        copy.as.text = arena_str(a, str_of(v->as.text, v->n)).p;
    if ((array || map) && depth == DEPTH_MAX)
        return tt_value_of(TT_TYPE_EMPTY, 0);
    if (array) {
        tt_value *items = arena_array(a, v->n, sizeof *items);
        for (uint32_t i = 0; items && i < v->n; i++)
            items[i] = copy_value(a, &v->as.items[i], depth + 1);
        copy.as.items = items;
    }
    if (map) {
        tt_attr *fields = arena_array(a, v->n, sizeof *fields);
        if (fields)
            copy_attrs(a, v->as.fields, v->n, fields, depth + 1);
        copy.as.fields = fields;
    }
    return copy;
}

static void copy_attrs(struct arena *a, const tt_attr *attrs, size_t n, tt_attr *out, int depth)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = attrs[i];
        out[i].key = arena_str(a, str_of(attrs[i].key, attrs[i].key_n)).p;
        out[i].value = copy_value(a, &attrs[i].value, depth);
    }
}

tt_composable *tt_composable_annotating(tt_composable *sampler, const tt_attr *attrs, size_t n)
{
    struct annotating *a = sampler ? calloc(1, sizeof *a) : NULL;
    if (!a) {
        tt_composable_free(sampler);
        return NULL;
    }
    a->sampler = sampler;
    a->n = MIN(n, TT_INTENT_ATTRS_MAX);
    arena_init(&a->arena, COPIED_BYTES_MAX);
    copy_attrs(&a->arena, attrs, a->n, a->attrs, 0);
    if (!arena_failed(&a->arena))
        return tt_composable_custom(intend_annotated, a, free_annotating);
    free_annotating(a);
    return NULL;
}
