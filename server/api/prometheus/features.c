/* /api/v1/features: what a client may offer its user, by category. The language tells its words
 * itself; the rest stands in the table. Names are Prometheus's where the thing is. */
#include <stdlib.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/status.h"
#include "base/compiler.h"
#include "query/query.h"

struct feature {
    const char *category;
    struct str name;
    bool on;
};

#define FEATURE(category_, name_, on_)                                                             \
    {                                                                                              \
        category_, {name_, sizeof name_ - 1}, on_                                                  \
    }

static const struct feature fixed[] = {
    FEATURE("api", "admin", true),
    FEATURE("api", "label_values_match", true),
    FEATURE("api", "otlp_write_receiver", true),
    FEATURE("api", "query_stats", true),
    FEATURE("api", "query_warnings", true),
    FEATURE("api", "remote_read", true),
    FEATURE("api", "remote_write_receiver", true),
    FEATURE("api", "search", true),
    FEATURE("api", "time_range_labels", true),
    FEATURE("api", "time_range_series", true),
    FEATURE("otlp_receiver", "delta_conversion", true),
    FEATURE("otlp_receiver", "native_delta_ingestion", false),
    FEATURE("prometheus", "agent_mode", false),
    FEATURE("prometheus", "auto_reload_config", false),
    FEATURE("prometheus", "server_mode", true),
    FEATURE("scrape", "extra_scrape_metrics", true),
    FEATURE("service_discovery_providers", "file", true),
    FEATURE("service_discovery_providers", "http", true),
    FEATURE("service_discovery_providers", "static", true),
    FEATURE("tsdb", "exemplar_storage", true),
    FEATURE("tsdb", "native_histograms", true),
    FEATURE("tsdb", "out_of_order", true),
};

enum { FEATURES_MAX = 512 };

struct features {
    struct feature v[FEATURES_MAX];
    size_t n;
};

static void add(void *self, const char *category, struct str name, bool on)
{
    struct features *f = self;
    if (f->n < FEATURES_MAX)
        f->v[f->n++] = (struct feature){category, name, on};
}

static int by_category_and_name(const void *a, const void *b)
{
    const struct feature *x = a, *y = b;
    int c = str_cmp(str_c(x->category), str_c(y->category));
    return c ? c : str_cmp(x->name, y->name);
}

static void write_category(struct json *j, const struct features *f, size_t from, size_t to)
{
    json_key(j, f->v[from].category);
    json_object(j);
    for (size_t i = from; i < to; i++) {
        json_str(j, f->v[i].name);
        buf_putc(j->out, ':');
        j->comma = false;
        json_bool(j, f->v[i].on);
    }
    json_object_end(j);
}

void api_features(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct features f = {0};
    (void)q;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        add(&f, fixed[i].category, fixed[i].name, fixed[i].on);
    add(&f, "api", STR("lifecycle"), api->quit != NULL);
    query_vocabulary(query_engine_options(api->engine).features, add, &f);
    qsort(f.v, f.n, sizeof *f.v, by_category_and_name);

    struct json j = answer_begin(r);
    json_object(&j);
    for (size_t i = 0; i < f.n;) {
        size_t from = i;
        while (i < f.n && str_eq(str_c(f.v[i].category), str_c(f.v[from].category)))
            i++;
        write_category(&j, &f, from, i);
    }
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}
