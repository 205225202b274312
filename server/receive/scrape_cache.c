#include "receive/scrape_cache.h"

#include <stdlib.h>
#include <string.h>

void scrape_cache_init(struct scrape_cache *c)
{
    *c = (struct scrape_cache){0};
}

static void free_series(struct scrape_series *s)
{
    free((void *)(uintptr_t)s->labels.v); // labels_dup's block; const only for readers
    free(s);
}

void scrape_cache_forget_texts(struct scrape_cache *c)
{
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&c->entries, &cursor)))
        free(e->value);
    map_done(&c->entries);
    c->first = c->last = NULL;
}

void scrape_cache_done(struct scrape_cache *c)
{
    scrape_cache_forget_texts(c);
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&c->series, &cursor)))
        free_series(e->value);
    map_done(&c->series);
    scrape_cache_init(c);
}

void scrape_cache_begin(struct scrape_cache *c)
{
    c->iteration++;
    c->last = NULL;
    c->n_entries_seen = c->n_series_seen = c->n_live_tracked = c->n_new = 0;
}

static struct scrape_entry *guess(const struct scrape_cache *c)
{
    return c->last ? c->last->next : c->first;
}

struct str scrape_cache_guess(const struct scrape_cache *c)
{
    const struct scrape_entry *e = guess(c);
    return e ? (struct str){e->text, e->n} : (struct str){0};
}

struct scrape_entry *scrape_cache_get(struct scrape_cache *c, struct str text, bool guessed)
{
    return guessed ? guess(c) : map_get(&c->entries, text);
}

static struct str map_key(const uint64_t *key)
{
    return (struct str){(const char *)key, sizeof *key};
}

/* The series with these labels, made when there is none; NULL when out of memory. Two label sets of
 * one 64-bit hash take neighbouring keys; should the first of them go, the second is taken for new
 * at its next scrape and ends once with a stale marker too many. */
static struct scrape_series *intern_series(struct scrape_cache *c, const struct labels *labels)
{
    uint64_t hash = labels_hash(labels), key = hash;
    struct scrape_series *s;
    while ((s = map_get(&c->series, map_key(&key)))) {
        if (labels_eq(&s->labels, labels))
            return s;
        key++;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->hash = hash;
    s->key = key;
    if (labels_dup(labels, &s->labels) != 0 || map_put(&c->series, map_key(&s->key), s) != 0) {
        free_series(s);
        return NULL;
    }
    return s;
}

struct scrape_entry *scrape_cache_add(struct scrape_cache *c, struct str text,
                                      const struct labels *labels)
{
    struct scrape_entry *e = malloc(sizeof *e + text.n);
    if (!e)
        return NULL;
    *e = (struct scrape_entry){.n = text.n};
    if (text.n)
        memcpy(e->text, text.p, text.n);
    e->series = labels ? intern_series(c, labels) : NULL;
    bool ok = !labels || e->series;
    if (!ok || map_put(&c->entries, (struct str){e->text, e->n}, e) != 0) {
        free(e);
        return NULL;
    }
    return e;
}

/* Keeps the chain in the order of rows. A new entry is put in front of the one that was expected
 * here, so that the guesses after it hit again. */
static void chain_entry(struct scrape_cache *c, struct scrape_entry *e)
{
    struct scrape_entry **from = c->last ? &c->last->next : &c->first;
    if (*from != e) {
        if (e->seen == 0)
            e->next = *from;
        *from = e;
    }
    c->last = e;
}

bool scrape_cache_see(struct scrape_cache *c, struct scrape_entry *e, bool tracked)
{
    if (e->seen != c->iteration) {
        chain_entry(c, e);
        e->seen = c->iteration;
        c->n_entries_seen++;
    }
    struct scrape_series *s = e->series;
    if (!s)
        return true;
    bool first = s->seen != c->iteration;
    c->n_series_seen += first;
    s->seen = c->iteration;
    if (tracked && s->tracked != c->iteration) {
        s->tracked = c->iteration;
        c->n_live_tracked += s->live;
        c->n_new += !s->live;
    }
    return first;
}

static bool has_ended(const struct scrape_cache *c, const struct scrape_series *s, bool failed)
{
    return s->live && (failed || s->tracked != c->iteration);
}

void scrape_cache_ended(const struct scrape_cache *c, bool failed,
                        bool (*visit)(void *arg, const struct scrape_series *s), void *arg)
{
    if (!failed && c->n_live_tracked == c->n_live)
        return; // the common scrape: all are there
    size_t cursor = 0;
    const struct map_entry *e;
    while ((e = map_next(&c->series, &cursor)))
        if (has_ended(c, e->value, failed) && !visit(arg, e->value))
            return;
}

/* Forgets texts that were not in this scrape. The map must not change while it is walked, so they
 * are listed first, by the `next` that an unseen entry needs no more. */
static void drop_unseen_entries(struct scrape_cache *c)
{
    struct scrape_entry *doomed = NULL;
    size_t cursor = 0;
    const struct map_entry *at;
    while ((at = map_next(&c->entries, &cursor))) {
        struct scrape_entry *e = at->value;
        if (e->seen == c->iteration)
            continue;
        e->next = doomed;
        doomed = e;
    }
    if (c->last)
        c->last->next = NULL; // the others' next was seen after them
    else
        c->first = NULL;
    while (doomed) {
        struct scrape_entry *next = doomed->next;
        (void)map_remove(&c->entries, (struct str){doomed->text, doomed->n});
        free(doomed);
        doomed = next;
    }
}

/* Forgets series that were not in this scrape; no entry leads to them any more. */
static void drop_unseen_series(struct scrape_cache *c)
{
    struct scrape_series *doomed = NULL;
    size_t cursor = 0;
    const struct map_entry *at;
    while ((at = map_next(&c->series, &cursor))) {
        struct scrape_series *s = at->value;
        if (s->seen == c->iteration)
            continue;
        s->doomed = doomed;
        doomed = s;
    }
    while (doomed) {
        struct scrape_series *next = doomed->doomed;
        (void)map_remove(&c->series, map_key(&doomed->key));
        free_series(doomed);
        doomed = next;
    }
}

static void set_live(struct scrape_cache *c, bool failed)
{
    size_t cursor = 0;
    const struct map_entry *at;
    c->n_live = 0;
    while ((at = map_next(&c->series, &cursor))) {
        struct scrape_series *s = at->value;
        s->live = !failed && s->tracked == c->iteration;
        c->n_live += s->live;
    }
}

void scrape_cache_commit(struct scrape_cache *c, bool failed)
{
    bool lives_changed = failed || c->n_new || c->n_live_tracked != c->n_live;
    if (lives_changed)
        set_live(c, failed);

    /* A failed scrape says nothing about which series are gone, so their texts are kept. But one
     * that fails each time over ever new series must not fill the memory. */
    enum { FAILED_SLACK = 1000 };
    bool overgrown = c->entries.n > 2 * c->n_entries_committed + FAILED_SLACK;
    bool sweep =
        failed ? overgrown : c->entries.n != c->n_entries_seen || c->series.n != c->n_series_seen;
    if (sweep) {
        drop_unseen_entries(c);
        drop_unseen_series(c);
    }
    if (!failed)
        c->n_entries_committed = c->entries.n;
}
