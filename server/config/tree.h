/* A YAML document as a tree whose nodes know their line and column.
 *
 * Aliases are resolved to the node they name and `<<` merges are carried out, so a reader sees
 * plain scalars, lists and maps. The tree is a graph where aliases share nodes; TREE_NODES_MAX
 * bounds how many a walk over it visits, so a "billion laughs" document is refused before anyone
 * walks it. */
#ifndef TELLTALE_CONFIG_TREE_H
#define TELLTALE_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct buf;

enum {
    TREE_BYTES_MAX = 8 << 20, /* of one document */
    TREE_DEPTH_MAX = 32,
    TREE_NODES_MAX = 500000, /* with aliased nodes counted at each use */
    TREE_ANCHORS_MAX = 1000,
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    unsigned line, column; /* from 1 */
    bool plain;            /* a scalar without quotes: `null` and `~` mean nothing */
    struct str text;       /* of a scalar, NUL-terminated */
    struct node **items;   /* of a list; the values of a map */
    struct node **keys;    /* of a map: scalars, each name once */
    size_t n;
    uint32_t weight; /* nodes that a walk from here visits */
};

/* `*out` is NULL for an empty document. All of it lives in `arena`; `text` is copied. ERR_INVALID,
 * ERR_TOO_BIG: the message begins with "line:column: ". ERR_NOMEM. */
int tree_parse(struct arena *arena, struct str text, struct node **out, struct err *err);

/* Nothing stands there: `key:`, `key: null`, `key: ~`. */
bool node_is_null(const struct node *n);

/* The value of a map's key, or NULL. */
struct node *node_get(const struct node *map, struct str key);

#endif
