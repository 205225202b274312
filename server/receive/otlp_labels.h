/* The labels of OTLP's series: of the resource, the scope and the data point, as Prometheus's OTLP
 * endpoint joins them.
 *
 * For one scope the labels of resource and scope are made and sorted once (the base); a point's
 * attributes are sorted and merged into them. Where names meet: __name__, job, instance and the
 * scope's labels win over the point's attributes, and these over promoted resource attributes.
 * Attributes that become the same name are joined with ";", in the order of their keys. */
#ifndef TELLTALE_RECEIVE_OTLP_LABELS_H
#define TELLTALE_RECEIVE_OTLP_LABELS_H

#include "codec/otlp.h"
#include "model/labels.h"
#include "receive/otlp_rules.h"

enum { OTLP_NAME_CACHE = 64 };

struct otlp_base_label {
    struct label label;
    bool strong; /* wins over a point's attribute */
};

struct otlp_pair; /* an attribute on its way to a label */

struct otlp_labels {
    const struct otlp_rules *rules;
    struct arena *arena; /* of the batch */
    struct otlp_base_label *base;
    size_t n_base;
    struct otlp_pair *pairs; /* room for limits.max_labels of them */
    struct {
        struct str key, name;
    } names[OTLP_NAME_CACHE]; /* of keys met before, by hash */
};

/* A set with a place for the metric's name, and maybe one for a label like le. */
struct otlp_label_set {
    struct label *v; /* sorted; of the arena */
    size_t n;
    size_t name_at, extra_at; /* whose values are not yet set; extra_at == n: there is none */
};

/* ERR_NOMEM. The arena owns everything. */
int otlp_labels_init(struct otlp_labels *l, const struct otlp_rules *rules, struct arena *arena);

/* Makes the base for the points of one scope. `scope` NULL: without its labels. ERR_INVALID when a
 * label cannot be, ERR_NOMEM. */
int otlp_labels_begin(struct otlp_labels *l, const struct otlp_resource *resource,
                      const struct otlp_scope_metrics *scope, struct err *err);

/* The base with a point's attributes. ERR_INVALID when a label cannot be or is over a limit,
 * ERR_NOMEM. */
int otlp_labels_join(struct otlp_labels *l, const struct otlp_attributes *attributes,
                     struct otlp_label_set *out, struct err *err);

/* The labels of target_info: all attributes but the identifying ones, which are job and instance.
 * `out_useful`: there are such attributes, and there is job or instance. */
int otlp_labels_of_target(struct otlp_labels *l, const struct otlp_resource *resource,
                          struct otlp_label_set *out, bool *out_useful, struct err *err);

/* The same set with a place for label `name`, which replaces one of that name. ERR_NOMEM. */
int otlp_label_set_extend(const struct otlp_label_set *set, struct arena *arena, struct str name,
                          struct otlp_label_set *out);

/* A series of the set: a copy with its values. n == 0 when memory is short. */
struct labels otlp_label_set_series(const struct otlp_label_set *set, struct arena *arena,
                                    struct str metric, struct str extra);

#endif
