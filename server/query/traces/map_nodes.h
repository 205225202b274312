/* What the service map's edges lie between, each by a number: services, and the agents, tools and
 * models that spans stand for. One thread; all memory is the arena's but the table of names. */
#ifndef TELLTALE_QUERY_TRACES_MAP_NODES_H
#define TELLTALE_QUERY_TRACES_MAP_NODES_H

#include "base/map.h"
#include "query/traces/traces.h"

struct map_nodes {
    struct arena *arena; /* borrowed */
    struct map by_name;  /* kind and name -> number */
    struct map_node **v;
    uint32_t *numbers; /* what by_name's values point at */
    uint32_t n;
};

/* Numbers are below this, so that two bytes hold one and one more. */
enum { MAP_NODES_MAX = 20000 };

/* False when memory is short. map_nodes_done follows either way; the nodes live on in the arena. */
bool map_nodes_init(struct map_nodes *m, struct arena *arena);
void map_nodes_done(struct map_nodes *m);

/* The node's number, made when it is new; nodes beyond the limit are one with the first. Out of
 * memory shows by arena_failed. */
uint32_t map_node_of(struct map_nodes *m, enum map_node_kind kind, struct str name);

/* What kind of node a gen_ai.operation.name makes of a span; MAP_SERVICE: none of its own. */
enum map_node_kind map_kind_of(struct str operation);

#endif
