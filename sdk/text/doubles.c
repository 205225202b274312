/* Sets of attributes that are different and become the same labels: {a.b="x"} and {a_b="x"}, the
 * number 1 and the text "1", one that is empty and one that is not there. Prometheus refuses a page
 * that has a series twice, so one of them is written, the first that had a value.
 *
 * Labels are made in the order of their names, so that the same ones are the same text. Doubles are
 * looked for only when a series of the family has no labels yet, which is not so from one scrape to
 * the next; what is found stands in text_n, until a series of that stream is removed. */
#include <stdlib.h>

#include "base/compiler.h"
#include "text/families.h"

struct labelled {
    struct series *series;
    struct str scope;
    size_t rank; /* of those that are the same the lowest is written */
};

struct labels_list {
    struct labelled *all;
    size_t n, cap;
};

static bool add(struct labels_list *l, struct labelled one)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : SERIES_BATCH;
        struct labelled *more = realloc(l->all, l->cap * sizeof *more);
        if (!more)
            return false;
        l->all = more;
    }
    l->all[l->n++] = one;
    return true;
}

/* What is written already goes before what has a value, too, and that before what has none; among
 * equals the older. */
static size_t rank_of(const struct writer *w, const struct series *s)
{
    bool is_written = s->text_form == w->form_id && !(s->text_n & SERIES_DOUBLED);
    size_t class = (w->inside->has_value(s) ? 0 : 2) + (is_written ? 0 : 1);
    return class * (SIZE_MAX / 4);
}

/* Of all its series, also of those that have nothing to show at the moment. */
static bool label_stream(const struct writer *w, struct stream *stream, struct labels_list *l)
{
    const tt_meter *m = stream->instrument->meter;
    struct str scope = w->options.without_scope ? (struct str){0} : str_of(m->text, m->text_n);
    struct series *batch[SERIES_BATCH];
    size_t from = 0, n;
    while ((n = w->inside->all_series(stream, &from, batch, SERIES_BATCH))) {
        for (size_t i = 0; i < n; i++) {
            struct series *s = batch[i];
            size_t rank = rank_of(w, s) + l->n;
            if (s->text_form != w->form_id && !writer_keep_labels(w, s))
                return false;
            if (!add(l, (struct labelled){s, scope, rank}))
                return false;
        }
    }
    return true;
}

static struct str text_of(const struct series *s)
{
    return str_of(s->text, s->text_n & ~SERIES_DOUBLED);
}

static int compare(const struct labelled *a, const struct labelled *b)
{
    int c = str_cmp(text_of(a->series), text_of(b->series));
    return c ? c : str_cmp(a->scope, b->scope);
}

static int by_labels(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    int c = compare(x, y);
    return c ? c : (x->rank > y->rank) - (x->rank < y->rank);
}

static void mark(const struct writer *w, const struct labels_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct series *s = l->all[i].series;
        bool doubled = i > 0 && compare(&l->all[i - 1], &l->all[i]) == 0;
        if (doubled && !(s->text_n & SERIES_DOUBLED))
            w->inside->problem(TT_PROBLEM_CONFLICT, "two series of one name; left out",
                               s->stream->family);
        s->text_n = (s->text_n & ~SERIES_DOUBLED) | (doubled ? SERIES_DOUBLED : 0);
        s->text_form = w->form_id;
    }
}

static COLD void label_family(const struct writer *w)
{
    struct labels_list l = {0};
    const char *type = prometheus_type(w->stream);
    bool ok = true;
    for (size_t i = 0; i < w->family_n && ok; i++) {
        const struct candidate *c = &w->candidates[i];
        if (!c->left_out && strcmp(prometheus_type(c->stream), type) == 0)
            ok = label_stream(w, c->stream, &l);
    }
    if (ok && l.n)
        qsort(l.all, l.n, sizeof *l.all, by_labels);
    if (ok)
        mark(w, &l);
    free(l.all);
}

size_t without_doubles(const struct writer *w, struct series **batch, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (UNLIKELY(batch[i]->text_form != w->form_id))
            label_family(w);
        if (LIKELY(batch[i]->text_form == w->form_id && !(batch[i]->text_n & SERIES_DOUBLED)))
            batch[kept++] = batch[i];
    }
    return kept;
}
