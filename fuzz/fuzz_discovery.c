/* Lists of target groups, by the first byte JSON or YAML: refused with a reason, or groups whose
 * every text may be read; and a list that both syntaxes take is the same in both. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "receive/discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t text_size(const struct target_groups *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < g->v[i].n_targets; j++)
            n += g->v[i].targets[j].n + str_index(g->v[i].targets[j], '\0');
        for (size_t j = 0; j < g->v[i].n_labels; j++)
            n += g->v[i].labels[j].name.n + str_index(g->v[i].labels[j].value, '\0');
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct str text = {(const char *)data + 1, size - 1};
    struct target_groups groups, again;
    struct err err = {0};
    struct arena arena;
    arena_init(&arena, 4 << 20);
    int rc = data[0] == 'y' ? discovery_parse_yaml(text, &arena, &groups, &err)
                            : discovery_parse_json(text, &arena, &groups, &err);
    if (rc != 0 && !err.message[0])
        abort();
    size_t n = rc == 0 ? text_size(&groups) : 0;
    if (rc == 0 && data[0] == 'b' && discovery_parse_yaml(text, &arena, &again, NULL) == 0 &&
        (again.n != groups.n || text_size(&again) != n))
        abort();
    arena_done(&arena);
    return 0;
}
