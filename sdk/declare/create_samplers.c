/* Samplers of a model. Those of the SDK are registered by their names, too, for samplers that have
 * one in their properties, such as the one that a remote sampler begins with. */
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "declare/create.h"

enum { DEPTH_MAX = 8, PROPERTIES_MAX = 32 };

static tt_sampler *ratio(struct create *c, double share)
{
    if (share >= 0 && share <= 1)
        return tt_sampler_ratio(share);
    create_complain(c, TT_ERR_INVALID, "a sampler's ratio is 0 to 1", NULL);
    return NULL;
}

static tt_sampler *parent_based(struct create *c, const tt_value *p, int depth)
{
    static const char *const names[] = {"root", "remote_parent_sampled",
                                        "remote_parent_not_sampled", "local_parent_sampled",
                                        "local_parent_not_sampled"};
    tt_sampler *children[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const tt_value *child = tt_property(p, names[i]);
        children[i] = child && child->type == TT_TYPE_MAP ? create_sampler(c, child, depth) : NULL;
    }
    return tt_sampler_parent_based(children[0], children[1], children[2], children[3], children[4]);
}

/* The properties, and the name of the service, which ends with a NUL as all texts do. */
struct extended {
    tt_attr fields[PROPERTIES_MAX];
    char service[256];
};

static tt_value with_service(struct create *c, const tt_value *p, struct extended *to)
{
    const tt_attr *attrs;
    size_t n = c->resource ? tt_resource_attributes(c->resource, &attrs) : 0;
    size_t fields_n = MIN(p->n, PROPERTIES_MAX - 1);
    if (fields_n)
        memcpy(to->fields, p->as.fields, fields_n * sizeof *to->fields);
    for (size_t i = 0; i < n; i++) {
        const tt_value *v = &attrs[i].value;
        if (!str_eq(str_of(attrs[i].key, attrs[i].key_n), STR("service.name")) ||
            v->type != TT_TYPE_STRING || v->n >= sizeof to->service)
            continue;
        memcpy(to->service, v->as.text, v->n);
        to->service[v->n] = '\0';
        to->fields[fields_n++] = tt_str("service.name", to->service);
    }
    return tt_value_map(to->fields, fields_n);
}

static tt_sampler *registered_sampler(struct create *c, const char *name, const tt_value *p)
{
    tt_component component;
    tt_sampler *sampler = NULL;
    struct extended extended;
    if (tt_component_find(TT_COMPONENT_SAMPLER, name, &component) != TT_OK) {
        create_complain(c, TT_ERR_INVALID, "a configuration names a sampler that is not known",
                        name);
        return NULL;
    }
    tt_value properties = with_service(c, p, &extended);
    int rc = component.make.sampler(component.arg, &properties, &sampler);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    return rc == TT_OK ? sampler : NULL;
}

tt_sampler *create_sampler(struct create *c, const tt_value *sampler, int depth)
{
    const char *name;
    tt_value p;
    if (!sampler || sampler->type == TT_TYPE_EMPTY)
        return tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL);
    if (!create_component_of(c, sampler, &name, &p))
        return NULL;
    struct str kind = str_c(name);
    if (depth == DEPTH_MAX) {
        create_complain(c, TT_ERR_INVALID, "a configuration has samplers more than 8 deep", NULL);
        return NULL;
    }
    if (str_eq(kind, STR("always_on")))
        return tt_sampler_always_on();
    if (str_eq(kind, STR("always_off")))
        return tt_sampler_always_off();
    if (str_eq(kind, STR("trace_id_ratio_based")) || str_eq(kind, STR("probability/development")))
        return ratio(c, tt_property_double(&p, "ratio", 1));
    if (str_eq(kind, STR("parent_based")))
        return parent_based(c, &p, depth + 1);
    return registered_sampler(c, name, &p);
}

/* --- by name --------------------------------------------------------------------------------- */

static int make(void *arg, const tt_value *properties, tt_sampler **out)
{
    tt_attr field = tt_attr_of(arg, *properties);
    tt_value sampler = tt_value_map(&field, 1);
    struct create c = {0};
    *out = create_sampler(&c, &sampler, 0);
    if (*out && c.rc == TT_OK)
        return TT_OK;
    tt_sampler_free(*out);
    return c.rc != TT_OK ? c.rc : TT_ERR_NOMEM;
}

void create_register_samplers(void)
{
    static char names[][24] = {"always_on", "always_off", "trace_id_ratio_based",
                               "probability/development", "parent_based"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_SAMPLER, .name = names[i]};
        c.make.sampler = make;
        c.arg = names[i];
        (void)tt_component_register(&c); // without room, samplers in samplers are not found
    }
}
