#include "receive/otlp_rules.h"

#include <stdlib.h>

#include "base/atomic.h"

enum {
    DECOMPRESSED_BYTES = 256 << 20,
    RATIO = 200,
    SERIES = 200000,
    LABELS = 128,
    NAME_BYTES = 1 << 10,
    VALUE_BYTES = 16 << 10,
    TEXT_BYTES = 1 << 20,
};

/* Half of the default look-back, so that target_info is found at any time of its range. */
enum { INFO_INTERVAL_MS = 150 * 1000 };

static void set_default(size_t *limit, size_t otherwise)
{
    if (*limit == 0)
        *limit = otherwise;
}

static void set_limits(struct receive_limits *l)
{
    set_default(&l->max_decompressed_bytes, DECOMPRESSED_BYTES);
    set_default(&l->max_decompression_ratio, RATIO);
    set_default(&l->max_series_per_request, SERIES);
    set_default(&l->max_labels, LABELS);
    set_default(&l->max_label_name_bytes, NAME_BYTES);
    set_default(&l->max_label_value_bytes, VALUE_BYTES);
    set_default(&l->max_text_bytes, TEXT_BYTES);
}

/* The key's copy is the entry's value too, which otlp_rules_done frees. */
static int add_name(struct map *names, struct str name)
{
    if (map_get(names, name))
        return 0;
    char *copy = str_dup(name);
    int rc = copy ? map_put(names, str_of(copy, name.n), copy) : ERR_NOMEM;
    if (rc != 0)
        free(copy);
    return rc;
}

int otlp_rules_init(struct otlp_rules *r, const struct receiver_options *o)
{
    static atomic_uint made;
    *r = (struct otlp_rules){
        .number = atomic_add_relaxed(&made, 1),
        .translation = o->otlp.translation,
        .promote_all = o->otlp.promote_all_resource_attributes,
        .promote_scope = o->otlp.promote_scope_metadata,
        .keep_identifying = o->otlp.keep_identifying_resource_attributes,
        .nhcb = o->otlp.convert_histograms_to_nhcb,
        .limits = o->limits,
        .info_interval_ms = INFO_INTERVAL_MS,
    };
    set_limits(&r->limits);
    const struct str *names =
        r->promote_all ? o->otlp.ignore_resource_attributes : o->otlp.promote_resource_attributes;
    r->told = calloc(1, sizeof *r->told);
    size_t n = r->promote_all ? o->otlp.n_ignore_resource_attributes
                              : o->otlp.n_promote_resource_attributes;
    int rc = r->told ? 0 : ERR_NOMEM;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = add_name(&r->named, names[i]);
    if (rc != 0)
        otlp_rules_done(r);
    return rc;
}

void otlp_rules_done(struct otlp_rules *r)
{
    size_t cursor = 0;
    for (const struct map_entry *e; (e = map_next(&r->named, &cursor)) != NULL;)
        free(e->value);
    map_done(&r->named);
    free(r->told);
    *r = (struct otlp_rules){0};
}
