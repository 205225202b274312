/* From a tree to a struct: find each key in the table, let the handler of its type store the value.
 * A problem is noted and reading goes on, so that one run shows all of them. */
#include "base/num.h"
#include "config/loader.h"
#include "config/scrape_config.h"
#include "config/tree.h"

#define FIELD(object, offset, type) ((type *)(void *)((char *)(object) + (offset)))

const struct option *schema_find(const struct schema *s, struct str key, void **object)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type != OPT_SHARE) {
            if (str_eq(key, str_c(o->key)))
                return o;
            continue;
        }
        void *inner = object && *object ? (char *)*object + o->at : NULL;
        const struct option *found = schema_find(o->part, key, &inner);
        if (found) {
            if (object)
                *object = inner;
            return found;
        }
    }
    return NULL;
}

bool schema_has_group(const struct schema *s, struct str key)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type == OPT_SHARE && schema_has_group(o->part, key))
            return true;
        struct str k = str_c(o->type == OPT_SHARE ? "" : o->key);
        if (k.n > key.n && k.p[key.n] == '.' && str_starts(k, key))
            return true;
    }
    return false;
}

static struct str last_part(struct str key)
{
    size_t from = key.n;
    while (from && key.p[from - 1] != '.')
        from--;
    return str_sub(key, from, SIZE_MAX);
}

static size_t parts(struct str key)
{
    size_t n = 1;
    for (size_t i = 0; i < key.n; i++)
        n += key.p[i] == '.';
    return n;
}

/* The first `n` parts of a dotted key. */
static struct str first_parts(struct str key, size_t n)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '.' && --n == 0)
            return str_sub(key, 0, i);
    return key;
}

/* Keys that differ by a few letters; the right last word in a wrong place counts as near, too. */
static void nearest(const struct schema *s, struct str wrong, struct str *best, size_t *distance)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type == OPT_SHARE) {
            nearest(o->part, wrong, best, distance);
            continue;
        }
        struct str key = str_c(o->key);
        size_t d = str_distance(key, wrong);
        if (str_eq(last_part(key), last_part(wrong)))
            d = MIN(d, 3);
        /* "storag" is near "storage", the group, though "storage.path" is far. */
        struct str group = first_parts(key, parts(wrong));
        if (group.n < key.n && str_distance(group, wrong) < d) {
            key = group;
            d = str_distance(key, wrong);
        }
        if (d < *distance) {
            *distance = d;
            *best = key;
        }
    }
}

struct str schema_nearest(const struct schema *s, struct str wrong)
{
    struct str best = {0};
    size_t distance = (last_part(wrong).n + 2) / 3 + 1; // a third of the word that is wrong
    nearest(s, wrong, &best, &distance);
    return best;
}

static void read_group(struct loader *l, const struct schema *s, struct str group,
                       const struct node *map, void *object);

static void read_key(struct loader *l, const struct schema *s, struct str key,
                     const struct node *name, const struct node *value, void *object)
{
    void *owner = object;
    const struct option *o = schema_find(s, key, &owner);
    if (o) {
        option_read(l, o, value, owner);
        return;
    }
    if (schema_has_group(s, key)) {
        if (value->kind == NODE_MAP)
            read_group(l, s, key, value, object);
        else if (!node_is_null(value))
            loader_expected(l, value, false, "a map");
        return;
    }
    struct str hint = schema_nearest(s, key);
    if (hint.n)
        loader_problem(l, name, "unknown key; did you mean %.*s?", STR_ARG(hint));
    else
        loader_problem(l, name, "unknown key");
}

static void read_group(struct loader *l, const struct schema *s, struct str group,
                       const struct node *map, void *object)
{
    for (size_t i = 0; i < map->n; i++) {
        struct buf key = BUF_MAX(1024);
        if (group.n) {
            buf_put_str(&key, group);
            buf_putc(&key, '.');
        }
        buf_put_str(&key, map->keys[i]->text);
        size_t mark = loader_enter(l, map->keys[i]->text);
        if (buf_failed(&key))
            loader_problem(l, map->keys[i], "unknown key");
        else
            read_key(l, s, buf_str(&key), map->keys[i], map->items[i], object);
        loader_leave(l, mark);
        buf_done(&key);
    }
}

static void check_required(struct loader *l, const struct schema *s, const struct node *map,
                           const void *object)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->flags & OPTION_REQUIRED && !*(const char *const *)((const char *)object + o->at))
            loader_problem(l, map, "%s is missing", o->key);
    }
}

void schema_read(struct loader *l, const struct schema *s, const struct node *map, void *object)
{
    size_t before = l->n_problems;
    read_group(l, s, (struct str){0}, map, object);
    if (l->n_problems > before)
        return; // what is missing or inconsistent would be news of the same problem
    check_required(l, s, map, object);
    if (s->check && l->n_problems == before)
        s->check(l, map, object);
}

void schema_defaults(struct loader *l, const struct schema *s, void *object)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type == OPT_SHARE)
            schema_defaults(l, o->part, (char *)object + o->at);
        if (!o->fallback || o->type == OPT_CUSTOM || o->type == OPT_UNUSED)
            continue;
        const struct node value = {.kind = NODE_SCALAR, .text = str_c(o->fallback), .line = 0};
        option_read(l, o, &value, object);
    }
    if (s->defaults)
        s->defaults(l, object);
}
