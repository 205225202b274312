/* From a tree to a struct: find each key in the table, let the handler of its type store the value.
 * A problem is noted and reading goes on, so that one run shows all of them. */
#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "config/loader.h"
#include "config/scrape_config.h"
#include "config/tree.h"

#define FIELD(object, offset, type) ((type *)(void *)((char *)(object) + (offset)))

/* ---- Types ---- */

/* A scalar's text, for the types that are one; false with a problem. */
static bool scalar(struct loader *l, const struct option *o, const struct node *v,
                   const char *expected, struct str *out, bool *out_hidden)
{
    if (v->kind != NODE_SCALAR) {
        loader_expected(l, v, false, expected);
        return false;
    }
    if (o->flags & OPTION_RAW) {
        *out = v->text;
        *out_hidden = false;
        return true;
    }
    return loader_text(l, v, out, out_hidden);
}

static void read_bool(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    static const char expected[] = "true or false";
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, expected, &t, &hidden))
        return;
    bool yes = str_eq_nocase(t, STR("true")) || str_eq_nocase(t, STR("yes")) ||
               str_eq_nocase(t, STR("on"));
    bool no = str_eq_nocase(t, STR("false")) || str_eq_nocase(t, STR("no")) ||
              str_eq_nocase(t, STR("off"));
    if (!yes && !no)
        loader_expected(l, v, false, expected);
    else
        *FIELD(object, o->at, bool) = yes;
}

static void describe_range(const struct option *o, struct buf *out)
{
    if (o->max && o->type == OPT_DURATION) {
        buf_puts(out, ", from ");
        duration_format(out, o->min);
        buf_puts(out, " to ");
        duration_format(out, o->max);
    } else if (o->type == OPT_DURATION && o->min) {
        buf_puts(out, ", at least ");
        duration_format(out, o->min);
    } else if (o->max) {
        buf_printf(out, " from %lld to %lld", (long long)o->min, (long long)o->max);
    } else if (o->min) {
        buf_printf(out, " of at least %lld", (long long)o->min);
    }
}

static void out_of_range(struct loader *l, const struct option *o, const struct node *v,
                         const char *expected)
{
    struct buf text = BUF_MAX(256);
    buf_puts(&text, expected);
    describe_range(o, &text);
    buf_putc(&text, '\0');
    loader_expected(l, v, false, buf_failed(&text) ? expected : text.p);
    buf_done(&text);
}

static bool in_range(const struct option *o, int64_t v)
{
    return v >= o->min && (!o->max || v <= o->max);
}

static void read_count(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    static const char expected[] = "a whole number";
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, expected, &t, &hidden))
        return;
    uint64_t n;
    if (num_parse_u64(t, &n) < 0 || n > INT64_MAX || !in_range(o, (int64_t)n))
        out_of_range(l, o, v, expected);
    else
        *FIELD(object, o->at, uint64_t) = n;
}

/* Bytes: 0, 1048576, 64MiB, 10MB, 1.5G. As with Prometheus a kilo is 1024 in all spellings. */
static bool parse_size(struct str t, uint64_t *out)
{
    static const char units[] = "KMGTPE";
    size_t digits = 0;
    while (digits < t.n && ((t.p[digits] >= '0' && t.p[digits] <= '9') || t.p[digits] == '.'))
        digits++;
    struct str unit = str_trim(str_sub(t, digits, SIZE_MAX));
    if (str_ends(unit, STR("iB")) && unit.n == 3)
        unit.n = 1;
    else if (str_ends(unit, STR("B")))
        unit.n--;
    double scale = 1;
    if (unit.n == 1 && memchr(units, unit.p[0], sizeof units - 1))
        scale =
            ldexp(1, 10 * (int)((const char *)memchr(units, unit.p[0], sizeof units) - units + 1));
    else if (unit.n)
        return false;
    double n;
    if (num_parse_double(str_sub(t, 0, digits), &n) < 0 || n * scale >= 0x1p63)
        return false;
    *out = (uint64_t)(n * scale);
    return true;
}

static void read_size(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    static const char expected[] = "a size such as 64MiB";
    struct str t;
    bool hidden;
    uint64_t n;
    if (!scalar(l, o, v, expected, &t, &hidden))
        return;
    if (!parse_size(t, &n) || !in_range(o, (int64_t)n))
        out_of_range(l, o, v, expected);
    else
        *FIELD(object, o->at, uint64_t) = n;
}

static void read_duration(struct loader *l, const struct option *o, const struct node *v,
                          void *object)
{
    const char *expected = o->flags & OPTION_FOREVER ? "a duration such as 30d, or forever"
                                                     : "a duration such as 30s or 1h30m";
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, expected, &t, &hidden))
        return;
    int64_t ms;
    if (o->flags & OPTION_FOREVER && str_eq(t, STR("forever")))
        *FIELD(object, o->at, int64_t) = INT64_MAX;
    else if (duration_parse(t, &ms, NULL) < 0 || !in_range(o, ms))
        out_of_range(l, o, v, expected);
    else
        *FIELD(object, o->at, int64_t) = ms;
}

static void expected_choice(struct loader *l, const struct option *o, const struct node *v)
{
    struct buf text = BUF_MAX(400);
    buf_puts(&text, "one of ");
    for (size_t i = 0; o->choices[i]; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", o->choices[i]);
    buf_putc(&text, '\0');
    loader_expected(l, v, false, buf_failed(&text) ? "another word" : text.p);
    buf_done(&text);
}

static int choice_index(const struct option *o, struct str t)
{
    for (int i = 0; o->choices[i]; i++)
        if (str_eq(t, str_c(o->choices[i])))
            return i;
    return -1;
}

static void read_choice(struct loader *l, const struct option *o, const struct node *v,
                        void *object)
{
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, "a word", &t, &hidden))
        return;
    int i = choice_index(o, t);
    if (i < 0)
        expected_choice(l, o, v);
    else
        *FIELD(object, o->at, int) = i;
}

static void read_text(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, "a text", &t, &hidden))
        return;
    if (o->choices && choice_index(o, t) < 0) {
        expected_choice(l, o, v);
        return;
    }
    const char *text = o->type == OPT_FILE ? loader_path(l, t) : t.p;
    if (hidden)
        loader_hide(l, text);
    *FIELD(object, o->at, const char *) = text;
}

static void read_str(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    struct str t;
    bool hidden;
    if (scalar(l, o, v, "a text", &t, &hidden))
        *FIELD(object, o->at, struct str) = t;
}

/* host:port, [v6]:port, :port (all addresses), or off. */
static bool parse_address(struct str t)
{
    size_t colon = t.n;
    while (colon && t.p[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (!colon || num_parse_u64(str_sub(t, colon, SIZE_MAX), &port) < 0 || port > 65535)
        return false;
    struct str host = str_sub(t, 0, colon - 1);
    bool bracketed = str_starts(host, STR("[")) && str_ends(host, STR("]"));
    return bracketed || (str_index(host, ':') == host.n && str_index(host, ' ') == host.n);
}

static void read_address(struct loader *l, const struct option *o, const struct node *v,
                         void *object)
{
    static const char expected[] = "an address such as 127.0.0.1:9090, or off";
    struct str t;
    bool hidden;
    if (!scalar(l, o, v, expected, &t, &hidden))
        return;
    if (str_eq(t, STR("off")) || str_eq(t, STR("false"))) {
        *FIELD(object, o->at, const char *) = NULL;
        return;
    }
    if (!parse_address(t)) {
        loader_expected(l, v, false, expected);
        return;
    }
    const char *text = t.p;
    if (t.p[0] == ':') {
        struct buf whole = BUF_MAX(64);
        buf_puts(&whole, "0.0.0.0");
        buf_put_str(&whole, t);
        text = arena_str(l->arena, buf_str(&whole)).p;
        buf_done(&whole);
    }
    *FIELD(object, o->at, const char *) = text;
}

static void read_texts(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    if (v->kind != NODE_LIST) {
        loader_expected(l, v, false, "a list of texts");
        return;
    }
    bool files = o->type == OPT_FILES;
    struct str *texts = arena_array(l->arena, v->n, sizeof *texts);
    const char **names = arena_array(l->arena, v->n, sizeof *names);
    for (size_t i = 0; texts && names && i < v->n; i++) {
        size_t mark = loader_enter_item(l, i);
        bool hidden;
        if (scalar(l, o, v->items[i], "a text", &texts[i], &hidden)) {
            if (o->choices && choice_index(o, texts[i]) < 0)
                expected_choice(l, o, v->items[i]);
            if (hidden)
                loader_hide(l, texts[i].p);
            if (files)
                names[i] = loader_path(l, texts[i]);
        }
        loader_leave(l, mark);
    }
    if (files)
        *FIELD(object, o->at, const char *const *) = names;
    else
        *FIELD(object, o->at, const struct str *) = texts;
    *FIELD(object, o->at_n, size_t) = v->n;
}

static bool is_label_name(struct str s)
{
    return s.n > 0 && str_is_utf8(s);
}

static void read_labels(struct loader *l, const struct option *o, const struct node *v,
                        void *object)
{
    if (v->kind != NODE_MAP) {
        loader_expected(l, v, false, "a map of label names to values");
        return;
    }
    struct config_label *labels = arena_array(l->arena, v->n, sizeof *labels);
    for (size_t i = 0; labels && i < v->n; i++) {
        size_t mark = loader_enter(l, v->keys[i]->text);
        bool hidden = false;
        labels[i].name = v->keys[i]->text;
        if (!is_label_name(labels[i].name))
            loader_problem(l, v->keys[i], "not a label name");
        if (!node_is_null(v->items[i]) &&
            scalar(l, o, v->items[i], "a text", &labels[i].value, &hidden) && hidden)
            loader_hide(l, labels[i].value.p);
        loader_leave(l, mark);
    }
    *FIELD(object, o->at, const struct config_label *) = labels;
    *FIELD(object, o->at_n, size_t) = v->n;
}

static void read_list(struct loader *l, const struct option *o, const struct node *v, void *object)
{
    if (v->kind != NODE_LIST) {
        loader_expected(l, v, false, "a list");
        return;
    }
    char *items = arena_array(l->arena, v->n, o->part->size);
    for (size_t i = 0; items && i < v->n; i++) {
        size_t mark = loader_enter_item(l, i);
        void *item = items + i * o->part->size;
        schema_defaults(l, o->part, item);
        if (v->items[i]->kind == NODE_MAP)
            schema_read(l, o->part, v->items[i], item);
        else
            loader_expected(l, v->items[i], false, "a map");
        loader_leave(l, mark);
    }
    *FIELD(object, o->at, const void *) = items;
    *FIELD(object, o->at_n, size_t) = v->n;
}

static void read_custom(struct loader *l, const struct option *o, const struct node *v,
                        void *object)
{
    (void)o->custom->read(l, v, object); // it noted its problems
}

static void read_unused(struct loader *l, const struct option *o, const struct node *v,
                        void *object)
{
    (void)object;
    loader_warning(l, v, "%s", o->help ? o->help : "this key of Prometheus has no effect here");
}

void option_read(struct loader *l, const struct option *o, const struct node *value, void *object)
{
    static void (*const readers[])(struct loader *, const struct option *, const struct node *,
                                   void *) = {
        [OPT_BOOL] = read_bool,         [OPT_COUNT] = read_count,   [OPT_SIZE] = read_size,
        [OPT_DURATION] = read_duration, [OPT_CHOICE] = read_choice, [OPT_TEXT] = read_text,
        [OPT_STR] = read_str,           [OPT_FILE] = read_text,     [OPT_SECRET] = read_text,
        [OPT_ADDRESS] = read_address,   [OPT_TEXTS] = read_texts,   [OPT_FILES] = read_texts,
        [OPT_LABELS] = read_labels,     [OPT_LIST] = read_list,     [OPT_CUSTOM] = read_custom,
        [OPT_UNUSED] = read_unused,
    };
    if (!node_is_null(value))
        readers[o->type](l, o, value, object);
}

/* ---- Keys ---- */

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
