/* Builds the tree by recursion over libyaml's events; the recursion is as deep as the document, and
 * that is bounded. */
#include "config/tree.h"

#include <yaml.h>

#include "base/map.h"

struct anchor {
    struct str name;
    struct node *node; /* NULL while the node is being built: an alias would contain itself */
};

struct builder {
    yaml_parser_t parser;
    struct arena *arena;
    struct err *err;
    struct anchor *anchors;
    size_t n_anchors, cap_anchors;
};

static int fail(struct builder *b, int code, yaml_mark_t at, const char *what)
{
    return err_set(b->err, code, "%zu:%zu: %s", at.line + 1, at.column + 1, what);
}

static int next_event(struct builder *b, yaml_event_t *event)
{
    if (yaml_parser_parse(&b->parser, event))
        return 0;
    if (b->parser.error == YAML_MEMORY_ERROR)
        return err_set(b->err, ERR_NOMEM, "out of memory");
    const char *problem = b->parser.problem ? b->parser.problem : "not YAML";
    yaml_mark_t at = b->parser.problem_mark;
    if (b->parser.error == YAML_READER_ERROR)
        return err_set(b->err, ERR_INVALID, "1:1: %s at byte %zu", problem,
                       b->parser.problem_offset);
    return fail(b, ERR_INVALID, at, problem);
}

static struct node *new_node(struct builder *b, enum node_kind kind, yaml_mark_t at)
{
    struct node *n = arena_zalloc(b->arena, sizeof *n);
    if (!n) {
        (void)err_set(b->err, ERR_NOMEM, "the document needs too much memory");
        return NULL;
    }
    n->kind = kind;
    n->line = (unsigned)at.line + 1;
    n->column = (unsigned)at.column + 1;
    n->weight = 1;
    return n;
}

/* Room for one more item (and key); doubles. */
static int grow(struct builder *b, struct node *n, size_t *cap)
{
    if (n->n < *cap)
        return 0;
    size_t wanted = *cap ? *cap * 2 : 8;
    struct node **items = arena_grow(b->arena, n->items, n->n, wanted, sizeof *items);
    struct node **keys =
        n->kind == NODE_MAP ? arena_grow(b->arena, n->keys, n->n, wanted, sizeof *keys) : n->keys;
    if (!items || (n->kind == NODE_MAP && !keys))
        return err_set(b->err, ERR_NOMEM, "the document needs too much memory");
    n->items = items;
    n->keys = keys;
    *cap = wanted;
    return 0;
}

static int add(struct builder *b, struct node *to, size_t *cap, struct node *key,
               struct node *value, yaml_mark_t at)
{
    if (value->weight > TREE_NODES_MAX - to->weight)
        return fail(b, ERR_TOO_BIG, at, "the document has too many nodes (aliases multiply them)");
    int rc = grow(b, to, cap);
    if (rc)
        return rc;
    if (to->kind == NODE_MAP)
        to->keys[to->n] = key;
    to->items[to->n++] = value;
    to->weight += value->weight;
    return 0;
}

/* ---- Anchors ---- */

static int open_anchor(struct builder *b, const yaml_char_t *name, yaml_mark_t at, size_t *out)
{
    *out = SIZE_MAX;
    if (!name)
        return 0;
    if (b->n_anchors == TREE_ANCHORS_MAX)
        return fail(b, ERR_TOO_BIG, at, "too many anchors");
    struct anchor *v =
        arena_room(b->arena, b->anchors, b->n_anchors, &b->cap_anchors, 8, sizeof *v);
    if (!v)
        return err_set(b->err, ERR_NOMEM, "the document needs too much memory");
    b->anchors = v;
    struct str copy = arena_str(b->arena, str_c((const char *)name));
    b->anchors[b->n_anchors] = (struct anchor){.name = copy};
    *out = b->n_anchors++;
    return 0;
}

static void close_anchor(struct builder *b, size_t at, struct node *node)
{
    if (at != SIZE_MAX)
        b->anchors[at].node = node;
}

/* The last anchor of that name, as YAML has it. */
static int resolve_alias(struct builder *b, const yaml_event_t *event, struct node **out)
{
    struct str name = str_c((const char *)event->data.alias.anchor);
    for (size_t i = b->n_anchors; i-- > 0;) {
        if (!str_eq(b->anchors[i].name, name))
            continue;
        if (!b->anchors[i].node)
            return fail(b, ERR_INVALID, event->start_mark, "an alias inside the node it names");
        *out = b->anchors[i].node;
        return 0;
    }
    return fail(b, ERR_INVALID, event->start_mark, "an alias without an anchor of that name");
}

/* ---- Nodes ---- */

static int build(struct builder *b, yaml_event_t *event, int depth, struct node **out);

static int build_scalar(struct builder *b, const yaml_event_t *event, struct node **out)
{
    struct node *n = new_node(b, NODE_SCALAR, event->start_mark);
    if (!n)
        return ERR_NOMEM;
    n->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->text = arena_str(b->arena,
                        str_of((const char *)event->data.scalar.value, event->data.scalar.length));
    if (memchr(event->data.scalar.value, '\0', event->data.scalar.length))
        return fail(b, ERR_INVALID, event->start_mark, "a NUL character in a text");
    *out = n;
    return arena_failed(b->arena) ? err_set(b->err, ERR_NOMEM, "out of memory") : 0;
}

static int build_list(struct builder *b, yaml_mark_t at, int depth, struct node **out)
{
    struct node *list = new_node(b, NODE_LIST, at);
    if (!list)
        return ERR_NOMEM;
    size_t cap = 0;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(b, &event);
        if (rc)
            return rc;
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        yaml_mark_t here = event.start_mark;
        struct node *item = NULL;
        rc = end ? 0 : build(b, &event, depth + 1, &item);
        yaml_event_delete(&event);
        if (rc || end) {
            *out = list;
            return rc;
        }
        rc = add(b, list, &cap, NULL, item, here);
        if (rc)
            return rc;
    }
}

/* `<<: *base` or `<<: [*a, *b]`: pairs that the map does not have itself; earlier ones win. */
static int merge(struct builder *b, struct node *map, size_t *cap, struct map *seen,
                 struct node *from, yaml_mark_t at)
{
    if (from->kind == NODE_LIST) {
        for (size_t i = 0; i < from->n; i++) {
            if (from->items[i]->kind != NODE_MAP)
                return fail(b, ERR_INVALID, at, "<<: expected maps");
            int rc = merge(b, map, cap, seen, from->items[i], at);
            if (rc)
                return rc;
        }
        return 0;
    }
    if (from->kind != NODE_MAP)
        return fail(b, ERR_INVALID, at, "<<: expected a map or a list of maps");
    for (size_t i = 0; i < from->n; i++) {
        if (map_get(seen, from->keys[i]->text))
            continue;
        int rc = add(b, map, cap, from->keys[i], from->items[i], at);
        if (!rc && map_put(seen, from->keys[i]->text, from->keys[i]) < 0)
            rc = err_set(b->err, ERR_NOMEM, "out of memory");
        if (rc)
            return rc;
    }
    return 0;
}

/* One key with its value; `*merges` collects the values of `<<`, which come last. */
static int build_pair(struct builder *b, yaml_event_t *key_event, int depth, struct node *map,
                      size_t *cap, struct map *seen, struct node **merges)
{
    yaml_mark_t at = key_event->start_mark;
    struct node *key = NULL, *value = NULL;
    int rc = build(b, key_event, depth + 1, &key);
    if (rc)
        return rc;
    if (key->kind != NODE_SCALAR)
        return fail(b, ERR_INVALID, at, "a key must be a plain text");
    yaml_event_t event;
    rc = next_event(b, &event);
    if (rc)
        return rc;
    rc = build(b, &event, depth + 1, &value);
    yaml_event_delete(&event);
    if (rc)
        return rc;
    if (key->plain && str_eq(key->text, STR("<<"))) {
        if (*merges)
            return fail(b, ERR_INVALID, at, "<< stands twice in one map");
        *merges = value;
        return 0;
    }
    const struct node *first = map_get(seen, key->text);
    if (first)
        return err_set(b->err, ERR_INVALID,
                       "%u:%u: the key \"%.*s\" stands twice, first at line %u", key->line,
                       key->column, STR_ARG(key->text), first->line);
    if (map_put(seen, key->text, key) < 0)
        return err_set(b->err, ERR_NOMEM, "out of memory");
    return add(b, map, cap, key, value, at);
}

static int build_pairs(struct builder *b, int depth, struct node *map, struct map *seen,
                       yaml_mark_t at)
{
    size_t cap = 0;
    struct node *merges = NULL;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(b, &event);
        if (rc)
            return rc;
        bool end = event.type == YAML_MAPPING_END_EVENT;
        rc = end ? 0 : build_pair(b, &event, depth, map, &cap, seen, &merges);
        yaml_event_delete(&event);
        if (rc)
            return rc;
        if (end)
            return merges ? merge(b, map, &cap, seen, merges, at) : 0;
    }
}

static int build_map(struct builder *b, yaml_mark_t at, int depth, struct node **out)
{
    struct node *map = new_node(b, NODE_MAP, at);
    if (!map)
        return ERR_NOMEM;
    struct map seen = {0};
    int rc = build_pairs(b, depth, map, &seen, at);
    map_done(&seen);
    *out = map;
    return rc;
}

static int build(struct builder *b, yaml_event_t *event, int depth, struct node **out)
{
    if (depth > TREE_DEPTH_MAX)
        return fail(b, ERR_TOO_BIG, event->start_mark, "nested too deeply");
    size_t anchor = SIZE_MAX;
    int rc = 0;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return resolve_alias(b, event, out);
    case YAML_SCALAR_EVENT:
        rc = open_anchor(b, event->data.scalar.anchor, event->start_mark, &anchor);
        rc = rc ? rc : build_scalar(b, event, out);
        break;
    case YAML_SEQUENCE_START_EVENT:
        rc = open_anchor(b, event->data.sequence_start.anchor, event->start_mark, &anchor);
        rc = rc ? rc : build_list(b, event->start_mark, depth, out);
        break;
    case YAML_MAPPING_START_EVENT:
        rc = open_anchor(b, event->data.mapping_start.anchor, event->start_mark, &anchor);
        rc = rc ? rc : build_map(b, event->start_mark, depth, out);
        break;
    default: return fail(b, ERR_INVALID, event->start_mark, "not a value");
    }
    if (!rc)
        close_anchor(b, anchor, *out);
    return rc;
}

/* Stream start, documents, stream end: the first document is taken, a second one refused. */
static int build_document(struct builder *b, struct node **out)
{
    bool any = false;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(b, &event);
        if (rc)
            return rc;
        yaml_event_type_t type = event.type;
        yaml_mark_t at = event.start_mark;
        bool value = type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT ||
                     type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        if (value)
            rc = build(b, &event, 0, out);
        yaml_event_delete(&event);
        if (!rc && type == YAML_DOCUMENT_START_EVENT && any)
            rc = fail(b, ERR_INVALID, at, "a second document; expected one");
        any = any || type == YAML_DOCUMENT_START_EVENT;
        if (rc || type == YAML_STREAM_END_EVENT)
            return rc;
    }
}

int tree_parse(struct arena *arena, struct str text, struct node **out, struct err *err)
{
    *out = NULL;
    if (text.n > TREE_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "1:1: %zu bytes; at most %d are read", text.n,
                       TREE_BYTES_MAX);
    struct builder b = {.arena = arena, .err = err};
    if (!yaml_parser_initialize(&b.parser))
        return err_set(err, ERR_NOMEM, "out of memory");
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    struct node *root = NULL;
    int rc = build_document(&b, &root);
    yaml_parser_delete(&b.parser);
    if (!rc)
        *out = root;
    return rc;
}

bool node_is_null(const struct node *n)
{
    return n->kind == NODE_SCALAR && n->plain &&
           (n->text.n == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")) ||
            str_eq(n->text, STR("Null")) || str_eq(n->text, STR("NULL")));
}

struct node *node_get(const struct node *map, struct str key)
{
    for (size_t i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
        if (str_eq(map->keys[i]->text, key))
            return map->items[i];
    return NULL;
}
