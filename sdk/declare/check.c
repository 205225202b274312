/* What the model says where the schema wants something else. A key has the same type wherever the
 * schema has it, or one of two; what belongs to components is theirs to check, and not looked into.
 */
#include "base/compiler.h"
#include "base/str.h"
#include "declare/create.h"

enum { DEPTH_MAX = 32 };

/* Of enum tt_type, a bit each. */
enum {
    MAP = 1 << TT_TYPE_MAP,
    LIST = 1 << TT_TYPE_ARRAY,
    TEXT = 1 << TT_TYPE_STRING,
    TRUTH = 1 << TT_TYPE_BOOL,
    NUMBER = 1 << TT_TYPE_INT | 1 << TT_TYPE_DOUBLE
};

static const struct {
    const char *name;
    unsigned types;
} known[] = {
    {"disabled", TRUTH},
    {"enabled", TRUTH},
    {"trace_based", TRUTH},
    {"record_min_max", TRUTH},
    {"log_level", TEXT},
    {"composite_list", TEXT},
    {"attributes_list", TEXT},
    {"schema_url", TEXT},
    {"exemplar_filter", TEXT},
    {"view_matching_mode/development", TEXT},
    {"minimum_severity", TEXT},
    {"instrument_name", TEXT},
    {"instrument_type", TEXT},
    {"meter_name", TEXT},
    {"ratio", NUMBER},
    {"composite", LIST},
    {"included", LIST},
    {"excluded", LIST},
    {"processors", LIST},
    {"readers", LIST},
    {"views", LIST},
    {"producers", LIST},
    {"loggers", LIST},
    {"meters", LIST},
    {"tracers", LIST},
    {"boundaries", LIST},
    {"attributes", LIST | MAP},
    {"detectors", LIST | MAP}, // a map in format 0.4
    {"attribute_limits", MAP},
    {"resource", MAP},
    {"propagator", MAP},
    {"tracer_provider", MAP},
    {"meter_provider", MAP},
    {"logger_provider", MAP},
    {"distribution", MAP},
    {"detection/development", MAP},
    {"limits", MAP},
    {"cardinality_limits", MAP},
    {"meter_configurator/development", MAP},
    {"logger_configurator/development", MAP},
    {"tracer_configurator/development", MAP},
    {"default_config", MAP},
    {"config", MAP},
    {"selector", MAP},
    {"stream", MAP},
    {"attribute_keys", MAP},
    {"aggregation", MAP},
    {"explicit_bucket_histogram", MAP},
    {"base2_exponential_bucket_histogram", MAP},
    {"batch", MAP},
    {"simple", MAP},
    {"periodic", MAP},
    {"pull", MAP},
    {"sampler", MAP},
    {"parent_based", MAP},
    {"trace_id_ratio_based", MAP},
    {"probability/development", MAP},
    {"root", MAP},
    {"remote_parent_sampled", MAP},
    {"remote_parent_not_sampled", MAP},
    {"local_parent_sampled", MAP},
    {"local_parent_not_sampled", MAP},
    {"telltale", MAP},
    {"self_metrics", TRUTH},
    {"logs", MAP},
    {"masks", LIST},
    {"mask_keys", LIST},
    {"enrich", LIST},
};

static const char *wanted(unsigned types)
{
    if (types == TRUTH)
        return "in a configuration: true or false was expected";
    if (types == TEXT)
        return "in a configuration: a text was expected";
    if (types == NUMBER)
        return "in a configuration: a number was expected";
    return types == MAP ? "in a configuration: a map was expected"
                        : "in a configuration: a list was expected";
}

/* 0 for a key that is not known. */
static unsigned types_of(const tt_attr *field)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(str_of(field->key, field->key_n), str_c(known[i].name)))
            return known[i].types;
    }
    return 0;
}

static void check(struct create *c, const tt_value *v, int depth)
{
    for (size_t i = 0; v->type == TT_TYPE_ARRAY && depth < DEPTH_MAX && i < v->n; i++)
        check(c, &v->as.items[i], depth + 1);
    for (size_t i = 0; v->type == TT_TYPE_MAP && depth < DEPTH_MAX && i < v->n; i++) {
        const tt_attr *field = &v->as.fields[i];
        unsigned types = types_of(field);
        if (types && field->value.type != TT_TYPE_EMPTY && !(types & 1u << field->value.type))
            create_complain(c, TT_ERR_INVALID, wanted(types), field->key);
        else if (types)
            check(c, &field->value, depth + 1);
    }
}

void create_check_types(struct create *c)
{
    check(c, c->model, 0);
}
