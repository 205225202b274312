/* From a value of the tree to a field of the struct: a handler for each type of option. A problem
 * is noted and the field stays as it is. */
#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "config/loader.h"
#include "config/scrape_config.h"
#include "config/tree.h"

#define FIELD(object, offset, type) ((type *)(void *)((char *)(object) + (offset)))

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
