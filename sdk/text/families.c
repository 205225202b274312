/* Families whose samples a reader could not tell apart: a gauge "a_count" beside a histogram "a",
 * by which Prometheus refuses all that it scraped. The instrument that was made first keeps the
 * name.
 *
 * A family owns its name and, by its type, the name with suffixes. Two families clash when one is
 * called as another with a suffix, so a look at the ends of the names finds nearly always that
 * there is nothing to settle. */
#include "text/families.h"

#include <stdlib.h>

#include "base/compiler.h"

struct suffix {
    const char *text;
    bool histogram, counter;
    bool openmetrics; /* in that format alone */
};

static const struct suffix suffixes[] = {{"_bucket", true, false, false},
                                         {"_count", true, false, false},
                                         {"_sum", true, false, false},
                                         {"_created", true, true, true},
                                         {"_total", false, true, true}};

static bool owns(const struct writer *w, const struct stream *s, const struct suffix *x)
{
    bool by_type = s->kind >= SERIES_HISTOGRAM ? x->histogram : s->monotonic && x->counter;
    return by_type && (w->openmetrics || !x->openmetrics);
}

/* --- the list -------------------------------------------------------------------------------- */

static int by_family(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int c = str_cmp(x->family, y->family);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static bool add(struct candidate **list, size_t *n, size_t *cap, struct candidate c)
{
    if (*n == *cap) {
        *cap = *cap ? 2 * *cap : 64;
        struct candidate *more = realloc(*list, *cap * sizeof *more);
        if (!more)
            return false;
        *list = more;
    }
    (*list)[(*n)++] = c;
    return true;
}

static struct candidate candidate_of(const struct writer *w, struct stream *s, size_t order)
{
    struct str family = str_c(s->family);
    if (w->openmetrics)
        family.n -= prometheus_total(s, w->form).n;
    return (struct candidate){.stream = s, .family = family, .order = order};
}

/* --- clashes --------------------------------------------------------------------------------- */

struct list {
    const struct writer *w;
    struct candidate *all;
    size_t n;
};

/* The first that is not before this name with this suffix. */
static size_t find(const struct list *l, struct str name, struct str suffix)
{
    size_t from = 0, to = l->n;
    while (from < to) {
        size_t at = from + (to - from) / 2;
        struct str family = l->all[at].family;
        int c = str_cmp(str_sub(family, 0, name.n), name);
        if (c == 0)
            c = str_cmp(str_sub(family, name.n, family.n), suffix);
        if (c < 0)
            from = at + 1;
        else
            to = at;
    }
    return from;
}

static bool is_called(const struct list *l, size_t at, struct str name, struct str suffix)
{
    struct str family = at < l->n ? l->all[at].family : (struct str){0};
    return family.n == name.n + suffix.n && str_starts(family, name) && str_ends(family, suffix);
}

static bool cut(struct str name, const char *suffix, struct str *out)
{
    struct str end = str_c(suffix);
    *out = str_sub(name, 0, name.n - MIN(end.n, name.n));
    return name.n > end.n && str_ends(name, end);
}

static bool may_clash(const struct list *l, const struct candidate *c)
{
    struct str name;
    for (size_t k = 0; k < ARRAY_LEN(suffixes); k++) {
        if (cut(c->family, suffixes[k].text, &name) &&
            is_called(l, find(l, name, (struct str){0}), name, (struct str){0}))
            return true;
    }
    return false;
}

static bool is_earlier(const struct candidate *other, const struct candidate *c)
{
    return other->order < c->order && other->has_value && !other->left_out;
}

/* One that is written, called by that name, that owns the suffix, if there is one. */
static bool has_earlier(const struct list *l, const struct candidate *c, struct str name,
                        struct str more, const struct suffix *owned)
{
    for (size_t at = find(l, name, more); is_called(l, at, name, more); at++) {
        const struct candidate *other = &l->all[at];
        if (is_earlier(other, c) && (!owned || owns(l->w, other->stream, owned)))
            return true;
    }
    return false;
}

static bool is_of_another_type(const struct list *l, const struct candidate *c)
{
    struct str none = {0};
    for (size_t at = find(l, c->family, none); is_called(l, at, c->family, none); at++) {
        const struct candidate *other = &l->all[at];
        if (is_earlier(other, c) &&
            strcmp(prometheus_type(other->stream), prometheus_type(c->stream)) != 0)
            return true;
    }
    return false;
}

static bool clashes(const struct list *l, const struct candidate *c)
{
    for (size_t k = 0; k < ARRAY_LEN(suffixes); k++) {
        const struct suffix *x = &suffixes[k];
        struct str name;
        if (cut(c->family, x->text, &name) && has_earlier(l, c, name, (struct str){0}, x))
            return true;
        if (owns(l->w, c->stream, x) && has_earlier(l, c, c->family, str_c(x->text), NULL))
            return true;
    }
    return false;
}

static bool has_value(const struct writer *w, struct stream *s)
{
    struct series *one;
    size_t from = 0;
    return w->inside->series(s, &from, &one, 1) > 0;
}

static int by_order(const void *a, const void *b)
{
    const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;
    return (x->order > y->order) - (x->order < y->order);
}

/* For which it is left out; NULL: it is not. */
static const char *reason(const struct list *l, const struct candidate *c)
{
    if (is_of_another_type(l, c))
        return "two types of one name; left out";
    return clashes(l, c) ? "a metric has the name of another's samples; left out" : NULL;
}

/* From the oldest on. What has nothing to show is in nobody's way. */
static COLD bool settle(const struct list *l)
{
    struct candidate **aged = malloc(l->n * sizeof(struct candidate *));
    if (!aged)
        return false;
    for (size_t i = 0; i < l->n; i++)
        aged[i] = &l->all[i];
    qsort(aged, l->n, sizeof *aged, by_order);
    for (size_t i = 0; i < l->n; i++) {
        struct candidate *c = aged[i];
        c->has_value = has_value(l->w, c->stream);
        const char *why = c->has_value ? reason(l, c) : NULL;
        c->left_out = why != NULL;
        if (why)
            l->w->inside->problem(TT_PROBLEM_CONFLICT, why, c->stream->family);
    }
    free(aged);
    return true;
}

struct candidate *families_list(const struct writer *w, size_t *out_n)
{
    size_t n = 0, cap = 0;
    struct candidate *all = NULL;
    struct stream *s = NULL;
    bool ok = true, clash = false;
    while (ok && (s = w->inside->next_stream(w->provider, s, 0)))
        ok = writer_keep_names(w, s) && add(&all, &n, &cap, candidate_of(w, s, n));
    if (n)
        qsort(all, n, sizeof *all, by_family);
    struct list l = {w, all, n};
    for (size_t i = 0; ok && i < n && !clash; i++)
        clash = may_clash(&l, &all[i]);
    ok = ok && (!clash || settle(&l));
    *out_n = n;
    if (ok && !all)
        return calloc(1, sizeof *all);
    if (!ok) {
        free(all);
        all = NULL;
    }
    return all;
}
