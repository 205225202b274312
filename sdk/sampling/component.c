/* The sampler by its name in configuration files: composite/development, whose properties are a
 * composable sampler of OpenTelemetry's configuration schema. */
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "sampling/composable.h"
#include "telltale/component.h"

enum { DEPTH_MAX = 8, ARENA_BYTES_MAX = 1 << 20 };

/* One file's sampler in the making. */
struct making {
    struct arena arena; /* what is copied by the samplers */
    int rc;             /* the first failure */
};

static tt_composable *make_any(struct making *m, const tt_value *sampler, int depth);

static tt_composable *refuse(struct making *m, const char *text, const char *detail)
{
    tt_problem_tell(TT_PROBLEM_MISUSE, text, detail);
    m->rc = TT_ERR_INVALID;
    return NULL;
}

/* --- rules ----------------------------------------------------------------------------------- */

static size_t list_length(const tt_value *list)
{
    return list && list->type == TT_TYPE_ARRAY ? list->n : 0;
}

static const char *const *take_texts(struct making *m, const tt_value *map, const char *name,
                                     size_t *out_n)
{
    const tt_value *list = tt_property(map, name);
    size_t n = list_length(list);
    const char **texts = arena_array(&m->arena, n, sizeof *texts);
    for (size_t i = 0; texts && i < n; i++) {
        const tt_value *item = &list->as.items[i];
        if (item->type == TT_TYPE_STRING)
            texts[(*out_n)++] = item->as.text;
        else
            (void)refuse(m, "values and patterns of a sampler's rule are texts", name);
    }
    return texts;
}

struct word {
    const char *word;
    unsigned bit;
};

static unsigned take_bits(struct making *m, const tt_value *list, const struct word *words,
                          size_t words_n)
{
    unsigned bits = 0;
    for (size_t i = 0; i < list_length(list); i++) {
        const tt_value *v = &list->as.items[i];
        size_t k = 0;
        while (k < words_n &&
               !(v->type == TT_TYPE_STRING && strcmp(v->as.text, words[k].word) == 0))
            k++;
        if (k < words_n)
            bits |= words[k].bit;
        else
            (void)refuse(m, "a sampler's rule names a span_kind or parent that is none", NULL);
    }
    return bits;
}

static unsigned take_kinds(struct making *m, const tt_value *list)
{
    static const struct word words[] = {
        {"internal", 1u << TT_SPAN_INTERNAL}, {"server", 1u << TT_SPAN_SERVER},
        {"client", 1u << TT_SPAN_CLIENT},     {"producer", 1u << TT_SPAN_PRODUCER},
        {"consumer", 1u << TT_SPAN_CONSUMER},
    };
    return take_bits(m, list, words, ARRAY_LEN(words));
}

static unsigned take_parents(struct making *m, const tt_value *list)
{
    static const struct word words[] = {
        {"none", TT_PARENT_NONE}, {"remote", TT_PARENT_REMOTE}, {"local", TT_PARENT_LOCAL}};
    return take_bits(m, list, words, ARRAY_LEN(words));
}

static tt_sampling_rule take_rule(struct making *m, const tt_value *item, int depth)
{
    const tt_value *values = tt_property(item, "attribute_values");
    const tt_value *patterns = tt_property(item, "attribute_patterns");
    tt_sampling_rule r = {.size = sizeof r};
    r.values_key = tt_property_text(values, "key");
    r.values = take_texts(m, values, "values", &r.values_n);
    r.patterns_key = tt_property_text(patterns, "key");
    r.included = take_texts(m, patterns, "included", &r.included_n);
    r.excluded = take_texts(m, patterns, "excluded", &r.excluded_n);
    r.kinds = take_kinds(m, tt_property(item, "span_kinds"));
    r.parents = take_parents(m, tt_property(item, "parent"));
    if ((values && !r.values_key) || (patterns && !r.patterns_key))
        (void)refuse(m, "a condition of a sampler's rule has no key", NULL);
    r.sampler = make_any(m, tt_property(item, "sampler"), depth);
    return r;
}

static tt_composable *make_rules(struct making *m, const tt_value *p, int depth)
{
    const tt_value *list = tt_property(p, "rules");
    size_t n = list_length(list);
    tt_sampling_rule *rules = arena_array(&m->arena, n, sizeof *rules);
    for (size_t i = 0; rules && i < n; i++)
        rules[i] = take_rule(m, &list->as.items[i], depth);
    return rules ? tt_composable_rules(rules, n) : NULL;
}

/* --- the sampler ----------------------------------------------------------------------------- */

static tt_composable *make_parent_threshold(struct making *m, const tt_value *p, int depth)
{
    tt_composable *root = make_any(m, tt_property(p, "root"), depth);
    return root ? tt_composable_parent_threshold(root) : NULL;
}

static tt_composable *make_probability(struct making *m, const tt_value *p, int depth)
{
    (void)m, (void)depth;
    return tt_composable_probability(tt_property_double(p, "ratio", 1));
}

static tt_composable *make_always_on(struct making *m, const tt_value *p, int depth)
{
    (void)m, (void)p, (void)depth;
    return tt_composable_always_on();
}

static tt_composable *make_always_off(struct making *m, const tt_value *p, int depth)
{
    (void)m, (void)p, (void)depth;
    return tt_composable_always_off();
}

static tt_composable *make_any(struct making *m, const tt_value *sampler, int depth)
{
    static const struct {
        const char *name;
        tt_composable *(*make)(struct making *m, const tt_value *p, int depth);
    } known[] = {
        {"always_on", make_always_on},     {"always_off", make_always_off},
        {"probability", make_probability}, {"parent_threshold", make_parent_threshold},
        {"rule_based", make_rules},
    };
    if (!sampler || sampler->type != TT_TYPE_MAP || sampler->n != 1 || depth == DEPTH_MAX)
        return refuse(m, "a composable sampler is a map with one key, its name, at most 8 deep",
                      NULL);
    const tt_attr *field = &sampler->as.fields[0];
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(str_of(field->key, field->key_n), str_c(known[i].name)))
            return known[i].make(m, &field->value, depth + 1);
    }
    return refuse(m, "a composable sampler that is not known", field->key);
}

/* The properties are the composable sampler, and the name of the service, which all samplers are
 * told. */
static int make(void *arg, const tt_value *properties, tt_sampler **out)
{
    (void)arg;
    struct making m = {.rc = TT_OK};
    tt_value sampler = *properties;
    bool named = tt_property(properties, "service.name") && properties->n == 2;
    const char *first = named ? properties->as.fields[0].key : NULL;
    if (named)
        sampler = tt_value_map(&properties->as.fields[strcmp(first, "service.name") == 0], 1);
    arena_init(&m.arena, ARENA_BYTES_MAX);
    tt_composable *c = make_any(&m, &sampler, 0);
    arena_done(&m.arena);
    if (m.rc != TT_OK) {
        tt_composable_free(c);
        return m.rc;
    }
    *out = tt_sampler_composite(c);
    return *out ? TT_OK : TT_ERR_NOMEM;
}

int tt_sampling_register(void)
{
    tt_component c = {
        .size = sizeof c, .kind = TT_COMPONENT_SAMPLER, .name = "composite/development"};
    c.make.sampler = make;
    return tt_component_register(&c);
}

ON_LOAD static void on_load(void)
{
    (void)tt_sampling_register(); // there is room, or tt_init tells that the name is unknown
}
