#include "query/traces/map_nodes.h"

#include <string.h>

static const char *const kinds[] = {"service", "agent", "tool", "model"};

const char *map_node_kind_name(enum map_node_kind kind)
{
    return kinds[kind];
}

bool map_nodes_init(struct map_nodes *m, struct arena *arena)
{
    *m = (struct map_nodes){.arena = arena};
    m->v = arena_array(arena, MAP_NODES_MAX, sizeof(struct map_node *));
    m->numbers = arena_array(arena, MAP_NODES_MAX, sizeof *m->numbers);
    return m->v && m->numbers;
}

void map_nodes_done(struct map_nodes *m)
{
    map_done(&m->by_name);
}

static uint32_t add_node(struct map_nodes *m, enum map_node_kind kind, struct str key)
{
    struct map_node *node = arena_alloc(m->arena, sizeof *node);
    struct str own = arena_str(m->arena, key);
    if (!node || arena_failed(m->arena))
        return 0;
    *node = (struct map_node){kind, str_sub(own, 1, SIZE_MAX)};
    m->v[m->n] = node;
    m->numbers[m->n] = m->n;
    if (map_put(&m->by_name, own, &m->numbers[m->n]) != 0) {
        m->arena->failed = true;
        return 0;
    }
    return m->n++;
}

uint32_t map_node_of(struct map_nodes *m, enum map_node_kind kind, struct str name)
{
    char key[256];
    name = str_sub(name, 0, sizeof key - 1);
    key[0] = (char)('0' + kind);
    memcpy(key + 1, name.p ? name.p : "", name.n);
    const uint32_t *known = map_get(&m->by_name, str_of(key, name.n + 1));
    if (known)
        return *known;
    return m->n < MAP_NODES_MAX ? add_node(m, kind, str_of(key, name.n + 1)) : 0;
}

enum map_node_kind map_kind_of(struct str operation)
{
    static const struct {
        const char *word;
        enum map_node_kind kind;
    } known[] = {
        {"invoke_agent", MAP_AGENT},    {"create_agent", MAP_AGENT},
        {"execute_tool", MAP_TOOL},     {"chat", MAP_MODEL},
        {"text_completion", MAP_MODEL}, {"generate_content", MAP_MODEL},
        {"embeddings", MAP_MODEL},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(operation, str_c(known[i].word)))
            return known[i].kind;
    return MAP_SERVICE;
}
