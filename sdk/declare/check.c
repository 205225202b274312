/* What the model says where the schema wants something else, and keys that it does not have. A key
 * has the same type wherever the schema has it, or one of two; what belongs to components is theirs
 * to check, and not looked into. */
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

/* The keys of maps that have no others, with blanks between; "" is the model itself. Maps of which
 * keys are the names of components are not among them. */
static const struct {
    const char *map, *keys;
} closed[] = {
    {"", "file_format disabled log_level attribute_limits resource propagator tracer_provider "
         "meter_provider logger_provider instrumentation/development distribution"},
    {"attribute_limits", "attribute_value_length_limit attribute_count_limit"},
    {"resource", "attributes attributes_list schema_url detection/development detectors"},
    {"detection/development", "attributes detectors"},
    {"propagator", "composite composite_list"},
    {"tracer_provider", "processors limits sampler tracer_configurator/development"},
    {"meter_provider", "readers views exemplar_filter view_matching_mode/development "
                       "meter_configurator/development"},
    {"logger_provider", "processors limits logger_configurator/development"},
    {"tracer_configurator/development", "default_config tracers"},
    {"meter_configurator/development", "default_config meters"},
    {"logger_configurator/development", "default_config loggers"},
    {"default_config", "disabled enabled minimum_severity trace_based"},
    {"config", "disabled enabled minimum_severity trace_based"},
    {"limits", "attribute_value_length_limit attribute_count_limit event_count_limit "
               "link_count_limit event_attribute_count_limit link_attribute_count_limit"},
    {"batch", "schedule_delay export_timeout max_queue_size max_export_batch_size exporter"},
    {"simple", "exporter"},
    {"periodic", "interval timeout exporter producers cardinality_limits"},
    {"pull", "exporter producers cardinality_limits"},
    {"cardinality_limits", "default counter gauge histogram up_down_counter observable_counter "
                           "observable_gauge observable_up_down_counter"},
    {"parent_based", "root remote_parent_sampled remote_parent_not_sampled local_parent_sampled "
                     "local_parent_not_sampled"},
    {"trace_id_ratio_based", "ratio"},
    {"probability/development", "ratio"},
    {"selector", "instrument_name instrument_type unit meter_name meter_version meter_schema_url"},
    {"stream", "name description aggregation aggregation_cardinality_limit attribute_keys"},
    {"attribute_keys", "included excluded"},
    {"explicit_bucket_histogram", "boundaries record_min_max"},
    {"base2_exponential_bucket_histogram", "max_scale max_size record_min_max"},
    {"telltale", "self_metrics logs"},
    {"logs", "masks mask_keys enrich"},
};

static bool is_one_of(struct str key, const char *keys)
{
    for (struct str rest = str_c(keys); rest.p && rest.n;) {
        if (str_eq(str_cut(&rest, ' '), key))
            return true;
    }
    return false;
}

/* A newer format may have more of them, so they are told and no failure. */
static void check_keys(struct str map, const tt_value *v)
{
    size_t i = 0;
    while (i < ARRAY_LEN(closed) && !str_eq(map, str_c(closed[i].map)))
        i++;
    for (size_t k = 0; i < ARRAY_LEN(closed) && v->type == TT_TYPE_MAP && k < v->n; k++) {
        const tt_attr *field = &v->as.fields[k];
        if (!is_one_of(str_of(field->key, field->key_n), closed[i].keys))
            tt_problem_tell(TT_PROBLEM_MISUSE, "a configuration has a key that is not known",
                            field->key);
    }
}

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
        else if (types) {
            check_keys(str_of(field->key, field->key_n), &field->value);
            check(c, &field->value, depth + 1);
        }
    }
}

void create_check(struct create *c)
{
    check_keys(STR(""), c->model);
    check(c, c->model, 0);
}
