#include "api/prometheus/external.h"

struct labels labels_with_external(struct arena *arena, const struct labels *l,
                                   const struct labels *external)
{
    struct labels own = labels_copy(arena, l);
    if (external->n == 0)
        return own;
    struct labels_builder b;
    labels_builder_init(&b, arena, &own);
    for (size_t i = 0; i < external->n; i++)
        if (labels_builder_get(&b, external->v[i].name).n == 0)
            labels_builder_set(&b, external->v[i].name, external->v[i].value);
    return labels_builder_labels(&b);
}
