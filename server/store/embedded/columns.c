#include "store/embedded/columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "store/embedded/order_sort.h"

void columns_init(struct columns *c, struct arena *arena)
{
    *c = (struct columns){.arena = arena};
}

void columns_done(struct columns *c)
{
    free(c->t_unix_ms);
    free(c->value);
    free(c->histogram);
    free(c->start_unix_ms);
    columns_init(c, c->arena);
}

/* The optional columns are freed: whether they exist is how a reader tells that rows have them. */
void columns_reset(struct columns *c)
{
    free(c->histogram);
    free(c->start_unix_ms);
    c->histogram = NULL;
    c->start_unix_ms = NULL;
    c->n = 0;
    c->damaged = 0;
}

static int resize(void *column, size_t cap, size_t size)
{
    void *old;
    memcpy(&old, column, sizeof old);
    void *p = realloc(old, cap * size);
    if (!p)
        return ERR_NOMEM;
    memcpy(column, &p, sizeof p);
    return 0;
}

static int grow(struct columns *c, size_t cap)
{
    if (resize(&c->t_unix_ms, cap, sizeof *c->t_unix_ms) != 0 ||
        resize(&c->value, cap, sizeof *c->value) != 0 ||
        (c->histogram && resize(&c->histogram, cap, sizeof *c->histogram) != 0) ||
        (c->start_unix_ms && resize(&c->start_unix_ms, cap, sizeof *c->start_unix_ms) != 0))
        return ERR_NOMEM;
    c->cap = cap;
    return 0;
}

int columns_reserve(struct columns *c, size_t more, bool histograms, bool starts)
{
    if (more > SIZE_MAX / 64 - c->n)
        return ERR_NOMEM;
    if (c->n + more > c->cap && grow(c, MAX(c->cap * 2, MAX(c->n + more, (size_t)16))) != 0)
        return ERR_NOMEM;
    if (histograms && !c->histogram) {
        c->histogram = calloc(c->cap, sizeof *c->histogram);
        if (!c->histogram)
            return ERR_NOMEM;
    }
    if (starts && !c->start_unix_ms) {
        c->start_unix_ms = calloc(c->cap, sizeof *c->start_unix_ms);
        if (!c->start_unix_ms)
            return ERR_NOMEM;
    }
    return 0;
}

int columns_add(struct columns *c, int64_t t, double v, const struct histogram *h, int64_t start)
{
    int rc = columns_reserve(c, 1, h != NULL, start != 0);
    if (rc != 0)
        return rc;
    c->t_unix_ms[c->n] = t;
    c->value[c->n] = v;
    if (c->histogram)
        c->histogram[c->n] = h;
    if (c->start_unix_ms)
        c->start_unix_ms[c->n] = start;
    c->n++;
    return 0;
}

static size_t first_not_below(const struct columns *c, size_t from, int64_t t)
{
    size_t low = from, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->t_unix_ms[middle] < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void move_rows(struct columns *c, size_t to, size_t from, size_t n)
{
    memmove(c->t_unix_ms + to, c->t_unix_ms + from, n * sizeof *c->t_unix_ms);
    memmove(c->value + to, c->value + from, n * sizeof *c->value);
    if (c->histogram)
        memmove(c->histogram + to, c->histogram + from, n * sizeof *c->histogram);
    if (c->start_unix_ms)
        memmove(c->start_unix_ms + to, c->start_unix_ms + from, n * sizeof *c->start_unix_ms);
}

void columns_trim(struct columns *c, size_t from, int64_t min_ms, int64_t max_ms)
{
    if (from == c->n)
        return;
    size_t first = c->t_unix_ms[from] >= min_ms ? from : first_not_below(c, from, min_ms);
    size_t end = c->n;
    if (c->t_unix_ms[end - 1] > max_ms) // so max_ms + 1 does not overflow
        end = first_not_below(c, first, max_ms + 1);
    if (first > from && end > first)
        move_rows(c, from, first, end - first);
    c->n = from + (end > first ? end - first : 0);
}

/* --- sorting ---------------------------------------------------------------------------------- */

static bool is_rising(const struct columns *c)
{
    for (size_t i = 1; i < c->n; i++)
        if (c->t_unix_ms[i] <= c->t_unix_ms[i - 1])
            return false;
    return true;
}

static int by_time(const void *things, uint32_t a, uint32_t b)
{
    const int64_t *t = things;
    return (t[a] > t[b]) - (t[a] < t[b]);
}

/* Leaves in `order` the last of each group of equal times. */
static size_t keep_last(const int64_t *t, uint32_t *order, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (i + 1 == n || t[order[i + 1]] != t[order[i]])
            order[kept++] = order[i];
    return kept;
}

static int gather(struct columns *c, const uint32_t *order, size_t n)
{
    struct columns sorted;
    columns_init(&sorted, c->arena);
    if (columns_reserve(&sorted, n, c->histogram != NULL, c->start_unix_ms != NULL) != 0) {
        columns_done(&sorted);
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        size_t from = order[i];
        sorted.t_unix_ms[i] = c->t_unix_ms[from];
        sorted.value[i] = c->value[from];
        if (sorted.histogram)
            sorted.histogram[i] = c->histogram[from];
        if (sorted.start_unix_ms)
            sorted.start_unix_ms[i] = c->start_unix_ms[from];
    }
    sorted.n = n;
    sorted.damaged = c->damaged;
    columns_done(c);
    *c = sorted;
    return 0;
}

int columns_sort(struct columns *c)
{
    if (is_rising(c))
        return 0;
    if (c->n > UINT32_MAX)
        return ERR_NOMEM;
    uint32_t *order = malloc(2 * c->n * sizeof *order);
    if (!order)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->n; i++)
        order[i] = (uint32_t)i;
    order_sort(order, order + c->n, c->n, by_time, c->t_unix_ms);
    int rc = gather(c, order, keep_last(c->t_unix_ms, order, c->n));
    free(order);
    return rc;
}
