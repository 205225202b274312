/* The sampler by its names: jaeger_remote in OTEL_TRACES_SAMPLER, jaeger_remote/development in
 * configuration files. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "remote/component.h"
#include "telltale/component.h"
#include "telltale/remote_sampler.h"

enum { TEXT_MAX = 1024 };

static int outcome(tt_sampler *made, tt_sampler **out)
{
    *out = made;
    return made ? TT_OK : TT_ERR_INVALID; // it was told
}

/* --- the environment ------------------------------------------------------------------------- */

struct argument {
    tt_remote_sampler_options options;
    char endpoint[TEXT_MAX];
    double share;
};

static bool take_pair(struct argument *a, struct str key, struct str value)
{
    if (str_eq(key, STR("endpoint")) && value.n < TEXT_MAX) {
        memcpy(a->endpoint, value.p, value.n);
        a->options.endpoint = a->endpoint;
        return true;
    }
    if (str_eq(key, STR("pollingIntervalMs")))
        return num_parse_i64(value, &a->options.interval_ms) == 0 && a->options.interval_ms > 0;
    if (str_eq(key, STR("initialSamplingRate")))
        return num_parse_double(value, &a->share) == 0 && a->share >= 0 && a->share <= 1;
    return false;
}

/* "endpoint=…,pollingIntervalMs=…,initialSamplingRate=…" */
static int make_from_environment(tt_sampler **out)
{
    struct str rest = str_c(getenv("OTEL_TRACES_SAMPLER_ARG"));
    struct argument a = {.options = {.size = sizeof a.options}, .share = -1};
    while (rest.p && rest.n) {
        struct str value = str_trim(str_cut(&rest, ',')), key = str_trim(str_cut(&value, '='));
        if (key.n && !take_pair(&a, key, str_trim(value)))
            tt_problem_tell(TT_PROBLEM_MISUSE, "OTEL_TRACES_SAMPLER_ARG is none of jaeger_remote",
                            getenv("OTEL_TRACES_SAMPLER_ARG"));
    }
    if (a.share >= 0)
        a.options.initial = tt_sampler_ratio(a.share);
    return outcome(tt_sampler_remote(&a.options), out);
}

/* --- configuration files --------------------------------------------------------------------- */

/* Whatever sampler is registered under the name that is the map's one key. */
static int make_initial(const tt_value *sampler, tt_sampler **out)
{
    static const tt_attr none;
    tt_component c;
    if (!sampler || sampler->type == TT_TYPE_EMPTY)
        return TT_OK;
    const tt_attr *field =
        sampler->type == TT_TYPE_MAP && sampler->n == 1 ? &sampler->as.fields[0] : NULL;
    if (!field || tt_component_find(TT_COMPONENT_SAMPLER, field->key, &c) != TT_OK) {
        tt_problem_tell(TT_PROBLEM_MISUSE, "an initial_sampler that is not known",
                        field ? field->key : NULL);
        return TT_ERR_INVALID;
    }
    tt_value p = field->value.type == TT_TYPE_MAP ? field->value : tt_value_map(&none, 0);
    return c.make.sampler(c.arg, &p, out);
}

static int make(void *arg, const tt_value *properties, tt_sampler **out)
{
    (void)arg;
    if (properties->type != TT_TYPE_MAP)
        return make_from_environment(out);
    tt_remote_sampler_options o = {
        .size = sizeof o,
        .service = tt_property_text(properties, "service.name"),
        .endpoint = tt_property_text(properties, "endpoint"),
        .interval_ms = tt_property_int(properties, "interval", 0),
    };
    int rc = make_initial(tt_property(properties, "initial_sampler"), &o.initial);
    return rc == TT_OK ? outcome(tt_sampler_remote(&o), out) : rc;
}

int remote_register(void)
{
    static const char *const names[] = {"jaeger_remote", "jaeger_remote/development"};
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_SAMPLER, .name = names[i]};
        c.make.sampler = make;
        rc = tt_component_register(&c);
    }
    return rc;
}
