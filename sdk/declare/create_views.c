/* Views of a model: which instruments (selector), and what they become (stream). */
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "declare/create.h"
#include "telltale/view.h"

enum { KEYS_MAX = 128, BOUNDS_MAX = 500 };

/* What a view borrows until it is added. */
struct view {
    tt_view view;
    const char *keys[KEYS_MAX], *excluded[KEYS_MAX];
    double bounds[BOUNDS_MAX];
};

static size_t take_texts(const tt_value *list, const char *out[KEYS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n && n < KEYS_MAX; i++) {
        if (list->as.items[i].type == TT_TYPE_STRING)
            out[n++] = list->as.items[i].as.text;
    }
    return n;
}

static void take_selector(struct create *c, const tt_value *selector, tt_view *v)
{
    static const struct {
        const char *name;
        enum tt_instrument_kind kind;
    } kinds[] = {
        {"counter", TT_KIND_COUNTER},
        {"up_down_counter", TT_KIND_UPDOWNCOUNTER},
        {"gauge", TT_KIND_GAUGE},
        {"histogram", TT_KIND_HISTOGRAM},
        {"observable_counter", TT_KIND_OBSERVABLE_COUNTER},
        {"observable_up_down_counter", TT_KIND_OBSERVABLE_UPDOWNCOUNTER},
        {"observable_gauge", TT_KIND_OBSERVABLE_GAUGE},
    };
    const char *type = tt_property_text(selector, "instrument_type");
    v->instrument = tt_property_text(selector, "instrument_name");
    v->unit = tt_property_text(selector, "unit");
    v->meter_name = tt_property_text(selector, "meter_name");
    v->meter_version = tt_property_text(selector, "meter_version");
    v->meter_schema_url = tt_property_text(selector, "meter_schema_url");
    for (size_t i = 0; type && i < ARRAY_LEN(kinds); i++) {
        if (strcmp(type, kinds[i].name) == 0)
            v->kind = kinds[i].kind;
    }
    if (type && v->kind == TT_KIND_ANY)
        create_complain(c, TT_ERR_INVALID, "a view selects an instrument_type that is none", type);
}

static void take_explicit(struct create *c, const tt_value *p, struct view *v)
{
    const tt_value *bounds = tt_property(p, "boundaries");
    v->view.aggregation = TT_AGGREGATION_EXPLICIT;
    v->view.without_min_max = !tt_property_bool(p, "record_min_max", true);
    for (size_t i = 0; bounds && bounds->type == TT_TYPE_ARRAY && i < MIN(bounds->n, BOUNDS_MAX);
         i++) {
        const tt_value *b = &bounds->as.items[i];
        if (b->type == TT_TYPE_INT || b->type == TT_TYPE_DOUBLE)
            v->bounds[v->view.bounds_n++] =
                b->type == TT_TYPE_INT ? (double)b->as.integer : b->as.number;
        else
            create_complain(c, TT_ERR_INVALID, "a view's boundaries are numbers", NULL);
    }
    v->view.bounds = v->view.bounds_n ? v->bounds : NULL;
}

static void take_aggregation(struct create *c, const tt_value *aggregation, struct view *v)
{
    static const struct {
        const char *name;
        enum tt_aggregation aggregation;
    } known[] = {
        {"default", TT_AGGREGATION_DEFAULT},
        {"drop", TT_AGGREGATION_DROP},
        {"sum", TT_AGGREGATION_SUM},
        {"last_value", TT_AGGREGATION_LAST_VALUE},
        {"explicit_bucket_histogram", TT_AGGREGATION_EXPLICIT},
        {"base2_exponential_bucket_histogram", TT_AGGREGATION_EXPONENTIAL},
    };
    const char *name;
    tt_value p;
    if (!aggregation || !create_component_of(c, aggregation, &name, &p))
        return;
    size_t i = 0;
    while (i < ARRAY_LEN(known) && strcmp(name, known[i].name) != 0)
        i++;
    if (i == ARRAY_LEN(known)) {
        create_complain(c, TT_ERR_INVALID, "a view has an aggregation that is none", name);
        return;
    }
    v->view.aggregation = known[i].aggregation;
    if (v->view.aggregation == TT_AGGREGATION_EXPLICIT)
        take_explicit(c, &p, v);
    if (v->view.aggregation == TT_AGGREGATION_EXPONENTIAL) {
        v->view.max_buckets = (uint32_t)MIN(create_count(c, &p, "max_size", 160), UINT32_MAX);
        v->view.max_scale = (int32_t)MIN(tt_property_int(&p, "max_scale", 20), 20);
        v->view.without_min_max = !tt_property_bool(&p, "record_min_max", true);
    }
}

static void add_view(struct create *c, const tt_value *item)
{
    struct view *v = calloc(1, sizeof *v);
    const tt_value *stream = tt_property(item, "stream");
    const tt_value *keys = tt_property(stream, "attribute_keys");
    if (!v) {
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
        return;
    }
    v->view.size = sizeof v->view;
    take_selector(c, tt_property(item, "selector"), &v->view);
    v->view.name = tt_property_text(stream, "name");
    v->view.description = tt_property_text(stream, "description");
    v->view.attribute_keys_n = take_texts(tt_property(keys, "included"), v->keys);
    v->view.attribute_keys = v->view.attribute_keys_n ? v->keys : NULL;
    v->view.excluded_keys_n = take_texts(tt_property(keys, "excluded"), v->excluded);
    v->view.excluded_keys = v->view.excluded_keys_n ? v->excluded : NULL;
    v->view.cardinality_limit = (size_t)create_count(c, stream, "aggregation_cardinality_limit", 0);
    take_aggregation(c, tt_property(stream, "aggregation"), v);
    int rc = tt_meter_provider_add_view(c->sdk->meters, &v->view); // tells what is wrong
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    free(v);
}

void create_views(struct create *c, const tt_value *views)
{
    for (size_t i = 0; views && views->type == TT_TYPE_ARRAY && i < views->n; i++)
        add_view(c, &views->as.items[i]);
}
