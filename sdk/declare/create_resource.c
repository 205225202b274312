/* The resource of a model: what the detectors find, filtered, under attributes_list under
 * attributes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/glob.h"
#include "base/str.h"
#include "declare/create.h"

enum { ATTRS_MAX = 256 };

static tt_resource *merge_over(tt_resource *base, tt_resource *over)
{
    tt_resource *merged = tt_resource_merge(base, over);
    tt_resource_free(base);
    tt_resource_free(over);
    return merged;
}

/* --- attributes ------------------------------------------------------------------------------ */

/* Of each item for a list, too. */
static bool is_of(const tt_value *v, unsigned type)
{
    for (size_t i = 0; v->type == TT_TYPE_ARRAY && i < v->n; i++) {
        if (v->as.items[i].type == TT_TYPE_ARRAY || !is_of(&v->as.items[i], type))
            return false;
    }
    return v->type == TT_TYPE_ARRAY || type == TT_TYPE_STRING || v->type == type ||
           (type == TT_TYPE_DOUBLE && v->type == TT_TYPE_INT);
}

/* Whether the value is what {name, value, type} says; anything is where no type is. What the
 * schema has as a text may look like a number. */
static bool has_its_type(const tt_value *item, const tt_value *value)
{
    static const struct {
        const char *name;
        unsigned type;
    } types[] = {{"string", TT_TYPE_STRING},
                 {"bool", TT_TYPE_BOOL},
                 {"int", TT_TYPE_INT},
                 {"double", TT_TYPE_DOUBLE}};
    const tt_value *said = tt_property(item, "type");
    if (!said || said->type == TT_TYPE_EMPTY)
        return true;
    struct str type = said->type == TT_TYPE_STRING ? str_of(said->as.text, said->n) : STR("");
    bool list = str_ends(type, STR("_array"));
    if (list)
        type.n -= 6;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq(type, str_c(types[i].name)))
            return list == (value->type == TT_TYPE_ARRAY) && is_of(value, types[i].type);
    }
    return false;
}

/* The schema's type is what YAML made of the value but where a text was meant that looks like a
 * number, or an integer as a double. */
static tt_value typed(const tt_value *item, const tt_value *value)
{
    const char *type = tt_property_text(item, "type");
    if (type && strcmp(type, "double") == 0 && value->type == TT_TYPE_INT)
        return tt_value_double((double)value->as.integer);
    return *value;
}

static size_t take_attribute(struct create *c, const tt_value *item, tt_attr *attrs, size_t n)
{
    const char *name = tt_property_text(item, "name");
    const tt_value *value = tt_property(item, "value");
    if (!name || !value || value->type == TT_TYPE_MAP || n == ATTRS_MAX) {
        create_complain(c, TT_ERR_INVALID, "resource.attributes: up to 256 of {name, value}", name);
        return n;
    }
    if (value->type == TT_TYPE_EMPTY)
        return n;
    if (!has_its_type(item, value)) {
        create_complain(c, TT_ERR_INVALID, "resource.attributes: a value is not of its type", name);
        return n;
    }
    attrs[n] = tt_attr_of(name, typed(item, value));
    return n + 1;
}

/* In format 0.4 and 1.0 a list of {name, value}. */
static tt_resource *from_attributes(struct create *c, const tt_value *resource)
{
    const tt_value *list = tt_property(resource, "attributes");
    tt_attr *attrs = calloc(ATTRS_MAX, sizeof *attrs);
    size_t n = 0;
    if (!attrs)
        return NULL;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++)
        n = take_attribute(c, &list->as.items[i], attrs, n);
    tt_resource *r = tt_resource_new(attrs, n, tt_property_text(resource, "schema_url"));
    free(attrs);
    return r;
}

/* "key=value,key=value". */
static tt_resource *from_list(const tt_value *resource)
{
    tt_attr *attrs = calloc(ATTRS_MAX, sizeof *attrs);
    struct str rest = str_c(tt_property_text(resource, "attributes_list"));
    size_t n = 0;
    if (!attrs)
        return NULL;
    while (rest.p && rest.n && n < ATTRS_MAX) {
        struct str value = str_cut(&rest, ','), key = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        if (key.n && value.p)
            attrs[n++] =
                (tt_attr){.key = key.p, .key_n = key.n, .value = tt_value_text(value.p, value.n)};
    }
    tt_resource *r = tt_resource_new(attrs, n, NULL);
    free(attrs);
    return r;
}

/* --- detectors ------------------------------------------------------------------------------- */

static tt_resource *detect(struct create *c, const char *name, const tt_value *properties)
{
    tt_component component;
    tt_resource *found = NULL;
    int rc = tt_component_find(TT_COMPONENT_DETECTOR, name, &component);
    if (rc == TT_OK)
        rc = component.make.detector(component.arg, properties, &found);
    else
        create_complain(c, rc, "a configuration names a resource detector that is not known", name);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    const char *service = strcmp(name, "service") == 0 ? getenv("OTEL_SERVICE_NAME") : NULL;
    tt_attr attrs[] = {tt_str("service.name", service)};
    if (service && *service)
        found = merge_over(found, tt_resource_new(attrs, 1, NULL));
    return found;
}

static bool fits_one(const tt_value *patterns, struct str text)
{
    for (size_t i = 0; patterns->type == TT_TYPE_ARRAY && i < patterns->n; i++) {
        const tt_value *p = &patterns->as.items[i];
        if (p->type == TT_TYPE_STRING && glob_fits(str_of(p->as.text, p->n), text))
            return true;
    }
    return false;
}

static tt_resource *filtered(tt_resource *r, const tt_value *filter)
{
    const tt_value *included = tt_property(filter, "included");
    const tt_value *excluded = tt_property(filter, "excluded");
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(r, &attrs), kept_n = 0;
    tt_attr *kept = r && n ? calloc(n, sizeof *kept) : NULL;
    if (!kept || (!included && !excluded)) {
        free(kept);
        return r;
    }
    for (size_t i = 0; i < n; i++) {
        struct str key = str_of(attrs[i].key, attrs[i].key_n);
        if ((!included || fits_one(included, key)) && !(excluded && fits_one(excluded, key)))
            kept[kept_n++] = attrs[i];
    }
    tt_resource *new = tt_resource_new(kept, kept_n, tt_resource_schema_url(r));
    free(kept);
    tt_resource_free(r);
    return new;
}

static tt_resource *from_detectors(struct create *c, const tt_value *resource)
{
    const tt_value *detection = tt_property(resource, "detection/development");
    if (!detection)
        detection = tt_property(resource, "detectors"); // format 0.4
    const tt_value *list = tt_property(detection, "detectors");
    tt_resource *r = NULL;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        const char *name;
        tt_value properties;
        if (create_component_of(c, &list->as.items[i], &name, &properties))
            r = merge_over(r, detect(c, name, &properties));
    }
    return filtered(r, tt_property(detection, "attributes"));
}

/* --- the whole ------------------------------------------------------------------------------- */

/* The attributes of the SDK itself, and a name for a service without one. */
static tt_resource *own_attributes(void)
{
    extern char *program_invocation_short_name;
    tt_resource *all = tt_resource_default();
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(all, &attrs), kept_n = 1;
    tt_attr kept[8];
    char name[128];
    (void)snprintf(name, sizeof name, "unknown_service:%s", program_invocation_short_name);
    kept[0] = tt_str("service.name", name);
    for (size_t i = 0; i < n && kept_n < ARRAY_LEN(kept); i++) {
        if (str_starts(str_of(attrs[i].key, attrs[i].key_n), STR("telemetry.sdk.")))
            kept[kept_n++] = attrs[i];
    }
    tt_resource *r = tt_resource_new(kept, kept_n, NULL);
    tt_resource_free(all);
    return r;
}

tt_resource *create_resource(struct create *c, const tt_value *resource)
{
    tt_resource *r = merge_over(own_attributes(), from_detectors(c, resource));
    r = merge_over(r, from_list(resource));
    return merge_over(r, from_attributes(c, resource));
}
