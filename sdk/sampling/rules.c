/* The composable sampler with rules. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/glob.h"
#include "base/num.h"
#include "sampling/composable.h"

enum { COPIED_BYTES_MAX = 1 << 20 };

/* --- conditions ------------------------------------------------------------------------------ */

/* The scalar as it is written; false for others. */
static bool value_text(const tt_value *v, char scratch[NUM_DOUBLE_MAX], struct str *out)
{
    size_t n = 0;
    switch (v->type) {
    case TT_TYPE_STRING: *out = str_of(v->as.text, v->n); return true;
    case TT_TYPE_BOOL: *out = v->as.truth ? STR("true") : STR("false"); return true;
    case TT_TYPE_INT:
        scratch[0] = '-';
        n = v->as.integer < 0;
        n += num_format_u64(scratch + n, n ? 0 - (uint64_t)v->as.integer : (uint64_t)v->as.integer);
        break;
    case TT_TYPE_DOUBLE: n = num_format_short(scratch, v->as.number); break;
    default: return false;
    }
    *out = str_of(scratch, n);
    return true;
}

typedef bool value_test(const tt_sampling_rule *rule, struct str text);

static bool is_listed(const tt_sampling_rule *rule, struct str text)
{
    for (size_t i = 0; i < rule->values_n; i++) {
        if (str_eq(text, str_c(rule->values[i])))
            return true;
    }
    return false;
}

static bool fits_one(const char *const *patterns, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++) {
        if (glob_fits(str_c(patterns[i]), text))
            return true;
    }
    return false;
}

static bool is_included(const tt_sampling_rule *rule, struct str text)
{
    return (!rule->included_n || fits_one(rule->included, rule->included_n, text)) &&
           !fits_one(rule->excluded, rule->excluded_n, text);
}

/* Of an array, any item. */
static bool value_passes(const tt_sampling_rule *rule, const tt_value *v, value_test *test)
{
    char scratch[NUM_DOUBLE_MAX];
    struct str text;
    bool found = value_text(v, scratch, &text) && test(rule, text);
    for (uint32_t i = 0; v->type == TT_TYPE_ARRAY && i < v->n && !found; i++)
        found = value_text(&v->as.items[i], scratch, &text) && test(rule, text);
    return found;
}

/* An attribute that was given twice counts as it was given last. */
static bool attribute_passes(const tt_sampling_rule *rule, const char *key,
                             const tt_sampling *sampling, value_test *test)
{
    struct str wanted = str_c(key);
    for (size_t i = sampling->attrs_n; i > 0; i--) {
        const tt_attr *a = &sampling->attrs[i - 1];
        if (str_eq(str_of(a->key, a->key_n), wanted))
            return value_passes(rule, &a->value, test);
    }
    return false;
}

static unsigned parent_of(const tt_sampling *sampling)
{
    if (!tt_span_context_is_valid(sampling->parent))
        return TT_PARENT_NONE;
    return sampling->parent->remote ? TT_PARENT_REMOTE : TT_PARENT_LOCAL;
}

bool rule_takes(const tt_sampling_rule *rule, const tt_sampling *sampling)
{
    if (rule->kinds && !(rule->kinds >> sampling->kind & 1))
        return false;
    if (rule->parents && !(rule->parents & parent_of(sampling)))
        return false;
    if (rule->name && !glob_fits(str_c(rule->name), str_c(sampling->name)))
        return false;
    if (rule->values_key && !attribute_passes(rule, rule->values_key, sampling, is_listed))
        return false;
    if (rule->patterns_key && !attribute_passes(rule, rule->patterns_key, sampling, is_included))
        return false;
    return !rule->matches || rule->matches(rule->arg, sampling);
}

/* --- the sampler ----------------------------------------------------------------------------- */

struct rules {
    struct arena arena; /* of the texts and lists */
    size_t n;
    tt_sampling_rule list[];
};

static void intend(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    const struct rules *r = arg;
    size_t i = 0;
    while (i < r->n && !rule_takes(&r->list[i], sampling))
        i++;
    if (i < r->n)
        tt_composable_intend(r->list[i].sampler, sampling, out);
}

static void rules_free(void *arg)
{
    struct rules *r = arg;
    for (size_t i = 0; i < r->n; i++)
        tt_composable_free(r->list[i].sampler);
    arena_done(&r->arena);
    free(r);
}

static const char *copy_text(struct arena *a, const char *text)
{
    return text ? arena_str(a, str_c(text)).p : NULL;
}

static const char *const *copy_list(struct arena *a, const char *const *list, size_t n)
{
    const char **copy = arena_array(a, n, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = copy_text(a, list[i]);
    return copy;
}

static void copy_rule(struct arena *a, tt_sampling_rule *r)
{
    r->name = copy_text(a, r->name);
    r->values_key = copy_text(a, r->values_key);
    r->values = copy_list(a, r->values, r->values_n);
    r->patterns_key = copy_text(a, r->patterns_key);
    r->included = copy_list(a, r->included, r->included_n);
    r->excluded = copy_list(a, r->excluded, r->excluded_n);
}

/* The n-th: the list has rules of the size that the program knows. */
static tt_sampling_rule rule_at(const tt_sampling_rule *rules, size_t n)
{
    tt_sampling_rule r = {0};
    memcpy(&r, (const char *)rules + n * rules->size, MIN(rules->size, sizeof r));
    return r;
}

tt_composable *tt_composable_rules(const tt_sampling_rule *rules, size_t n)
{
    struct rules *r =
        n > SIZE_MAX / sizeof *rules / 2 ? NULL : calloc(1, sizeof *r + n * sizeof *rules);
    for (size_t i = 0; !r && i < n; i++)
        tt_composable_free(rule_at(rules, i).sampler);
    if (!r)
        return NULL;
    arena_init(&r->arena, COPIED_BYTES_MAX);
    r->n = n;
    for (size_t i = 0; i < n; i++) {
        r->list[i] = rule_at(rules, i);
        copy_rule(&r->arena, &r->list[i]);
    }
    if (!arena_failed(&r->arena))
        return tt_composable_custom(intend, r, rules_free);
    rules_free(r);
    return NULL;
}
