/* A metric's series stand in a small open-addressing table of atomic pointers. A series is
 * immutable but for its cells once it is published, and lives as long as the process, so finding
 * one takes no lock; adding one takes the registry's lock.
 *
 * A counter's value is the sum of a few cells, each on a cache line of its own; a thread always
 * adds to the same one. */
#include "self/self.h"

#include <math.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/num.h"
#include "base/str.h"
#include "base/word.h"
#include "self/process.h"

enum { CELLS = 8, SLOTS = 2 * SELF_SERIES_MAX };

static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
enum { BUCKETS = ARRAY_LEN(bounds) + 1 };

struct cell {
    alignas(CACHE_LINE) _Atomic uint64_t n;
};

struct series {
    uint64_t hash;
    const char *values[SELF_LABELS_MAX]; /* copies, NULL behind the last */
    _Atomic uint64_t gauge_bits;         /* of the double */
    _Atomic uint64_t buckets[BUCKETS];
    _Atomic uint64_t sum_ns;
    struct cell cells[CELLS];
};

struct self_state {
    struct self_state *next; /* list of all metrics, newest first; guarded by registry_lock */
    struct self_metric *metric;
    size_t n_labels;
    size_t n_series; /* guarded by registry_lock */
    _Atomic(struct series *) slots[SLOTS];
};

static struct lock registry_lock = LOCK_INIT(LOCK_SELF);
static struct self_state *metrics; /* guarded by registry_lock */

/* Collectors run without our locks, as they take the store's and others'. */
enum { COLLECTORS_MAX = 32 };
static struct collector {
    void (*collect)(void *arg, struct buf *out); /* NULL: a free place */
    void *arg;
    unsigned running;         /* threads inside */
    bool leaving;             /* no thread may enter any more */
} collectors[COLLECTORS_MAX]; /* guarded by registry_lock */

/* --- finding a series ------------------------------------------------------------------------- */

static struct self_state *state_new(struct self_metric *m)
{
    struct self_state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->metric = m;
    while (s->n_labels < SELF_LABELS_MAX && m->text[2 + s->n_labels])
        s->n_labels++;
    return s;
}

static struct self_state *state_of(struct self_metric *m)
{
    struct self_state *s = atomic_get_acquire(&m->state); // pairs with the release below
    if (LIKELY(s != NULL))
        return s;
    lock_take(&registry_lock);
    s = atomic_get_relaxed(&m->state);
    if (!s && (s = state_new(m))) {
        s->next = metrics;
        metrics = s;
        atomic_set_release(&m->state, s);
    }
    lock_give(&registry_lock);
    return s;
}

static uint64_t values_hash(const char *const *values, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = hash_combine(h, hash_bytes(values[i], strlen(values[i])));
    return h;
}

static bool same_values(const struct series *s, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->values[i], values[i]) != 0)
            return false;
    return true;
}

/* The slot that holds the series, or the free one where it belongs. */
static _Atomic(struct series *) *slot_of(struct self_state *st, uint64_t hash,
                                         const char *const *values)
{
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        struct series *s = atomic_get_acquire(&st->slots[i]); // pairs with series_publish
        if (!s || (s->hash == hash && same_values(s, values, st->n_labels)))
            return &st->slots[i];
    }
}

static struct series *series_new(uint64_t hash, const char *const *values, size_t n)
{
    struct series *s = aligned_alloc(CACHE_LINE, sizeof *s);
    if (!s)
        return NULL;
    memset(s, 0, sizeof *s);
    s->hash = hash;
    for (size_t i = 0; i < n; i++) {
        s->values[i] = str_dup(str_c(values[i]));
        if (!s->values[i]) {
            while (i-- > 0)
                free((void *)(uintptr_t)s->values[i]);
            free(s);
            return NULL;
        }
    }
    return s;
}

static struct series *series_publish(struct self_state *st, const char *const *values)
{
    static const char *const other[SELF_LABELS_MAX] = {"other", "other", "other"};
    lock_take(&registry_lock);
    if (st->n_series >= SELF_SERIES_MAX - 1)
        values = other;
    uint64_t hash = values_hash(values, st->n_labels);
    _Atomic(struct series *) *slot = slot_of(st, hash, values);
    struct series *s = atomic_get_relaxed(slot);
    if (!s && (s = series_new(hash, values, st->n_labels))) {
        atomic_set_release(slot, s);
        st->n_series++;
    }
    lock_give(&registry_lock);
    return s;
}

static struct series *find(struct self_metric *m, va_list args)
{
    struct self_state *st = state_of(m);
    if (!st)
        return NULL;
    const char *values[SELF_LABELS_MAX] = {NULL};
    for (size_t i = 0; i < st->n_labels; i++)
        values[i] = va_arg(args, const char *);
    struct series *s = atomic_get_acquire(slot_of(st, values_hash(values, st->n_labels), values));
    return LIKELY(s != NULL) ? s : series_publish(st, values);
}

/* --- counting --------------------------------------------------------------------------------- */

static struct cell *own_cell(struct series *s)
{
    static atomic_uint threads;
    static _Thread_local unsigned mine;
    if (mine == 0)
        mine = atomic_add_relaxed(&threads, 1) % CELLS + 1;
    return &s->cells[mine - 1];
}

void self_add(struct self_metric *counter, uint64_t n, ...)
{
    va_list args;
    va_start(args, n);
    struct series *s = find(counter, args);
    va_end(args);
    if (s)
        atomic_add_relaxed(&own_cell(s)->n, n);
}

void self_set(struct self_metric *gauge, double value, ...)
{
    va_list args;
    va_start(args, value);
    struct series *s = find(gauge, args);
    va_end(args);
    if (s)
        atomic_set_relaxed(&s->gauge_bits, double_bits(value));
}

void self_observe(struct self_metric *histogram, double seconds, ...)
{
    va_list args;
    va_start(args, seconds);
    struct series *s = find(histogram, args);
    va_end(args);
    if (!s)
        return;
    size_t i = 0;
    while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
        i++;
    atomic_add_relaxed(&s->buckets[i], 1);
    if (seconds > 0)
        atomic_add_relaxed(&s->sum_ns, (uint64_t)(seconds * 1e9));
}

/* --- collecting ------------------------------------------------------------------------------- */

static struct cond collector_left; // signalled under registry_lock

static void make_collector_left(void)
{
    cond_init(&collector_left);
}

void self_register_collector(void (*collect)(void *arg, struct buf *out), void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_collector_left); // cannot fail with a valid control
    size_t i = 0;
    lock_take(&registry_lock);
    while (i < COLLECTORS_MAX && collectors[i].collect)
        i++;
    if (!NEVER(i == COLLECTORS_MAX))
        collectors[i] = (struct collector){.collect = collect, .arg = arg};
    lock_give(&registry_lock);
}

void self_unregister_collector(void (*collect)(void *arg, struct buf *out), void *arg)
{
    lock_take(&registry_lock);
    for (size_t i = 0; i < COLLECTORS_MAX; i++) {
        struct collector *c = &collectors[i];
        if (c->collect != collect || c->arg != arg || c->leaving)
            continue;
        c->leaving = true;
        while (c->running)
            cond_wait(&collector_left, &registry_lock);
        *c = (struct collector){0};
        break;
    }
    lock_give(&registry_lock);
}

static void run_collector(struct collector *c, struct buf *out)
{
    lock_take(&registry_lock);
    struct collector entered = *c;
    bool enter = entered.collect && !entered.leaving;
    c->running += enter;
    lock_give(&registry_lock);
    if (!enter)
        return;

    entered.collect(entered.arg, out);

    lock_take(&registry_lock);
    if (--c->running == 0 && c->leaving)
        cond_broadcast(&collector_left);
    lock_give(&registry_lock);
}

void self_write_family(struct buf *out, const char *name, enum self_type type, const char *help)
{
    static const char *const words[] = {"counter", "gauge", "histogram"};
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, words[type]);
}

static void put_pair(struct buf *out, const char **separator, const char *name, const char *value)
{
    buf_puts(out, *separator);
    buf_puts(out, name);
    buf_putc(out, '=');
    str_quote(out, str_c(value));
    *separator = ",";
}

static void put_value(struct buf *out, double value)
{
    buf_putc(out, ' ');
    buf_put_double(out, value);
    buf_putc(out, '\n');
}

void self_write_sample(struct buf *out, const char *name, double value, ...)
{
    va_list args;
    va_start(args, value);
    const char *separator = "{";
    buf_puts(out, name);
    for (const char *label; (label = va_arg(args, const char *)) != NULL;)
        put_pair(out, &separator, label, va_arg(args, const char *));
    va_end(args);
    if (*separator == ',')
        buf_putc(out, '}');
    put_value(out, value);
}

/* One line of a series: name + suffix, its labels and maybe le. */
static void put_line(struct buf *out, const struct self_state *st, const struct series *s,
                     const char *suffix, const char *le, double value)
{
    const char *separator = "{";
    buf_puts(out, st->metric->text[0]);
    buf_puts(out, suffix);
    for (size_t i = 0; i < st->n_labels; i++)
        put_pair(out, &separator, st->metric->text[2 + i], s->values[i]);
    if (le)
        put_pair(out, &separator, "le", le);
    if (*separator == ',')
        buf_putc(out, '}');
    put_value(out, value);
}

static void put_counter(struct buf *out, const struct self_state *st, struct series *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < CELLS; i++)
        sum += atomic_get_relaxed(&s->cells[i].n);
    put_line(out, st, s, "", NULL, (double)sum);
}

static void put_gauge(struct buf *out, const struct self_state *st, struct series *s)
{
    put_line(out, st, s, "", NULL, bits_double(atomic_get_relaxed(&s->gauge_bits)));
}

static void put_histogram(struct buf *out, const struct self_state *st, struct series *s)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        char le[NUM_DOUBLE_MAX];
        num_format_short(le, i < ARRAY_LEN(bounds) ? bounds[i] : INFINITY);
        count += atomic_get_relaxed(&s->buckets[i]);
        put_line(out, st, s, "_bucket", le, (double)count);
    }
    put_line(out, st, s, "_sum", NULL, (double)atomic_get_relaxed(&s->sum_ns) / 1e9);
    put_line(out, st, s, "_count", NULL, (double)count);
}

static void render_metric(struct buf *out, struct self_state *st)
{
    static void (*const put[])(struct buf *, const struct self_state *, struct series *) = {
        [SELF_TYPE_COUNTER] = put_counter,
        [SELF_TYPE_GAUGE] = put_gauge,
        [SELF_TYPE_HISTOGRAM] = put_histogram,
    };
    self_write_family(out, st->metric->text[0], st->metric->type, st->metric->text[1]);
    for (size_t i = 0; i < SLOTS; i++) {
        struct series *s = atomic_get_acquire(&st->slots[i]); // pairs with series_publish
        if (s)
            put[st->metric->type](out, st, s);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct self_state *const *x = a, *const *y = b;
    return strcmp((*x)->metric->text[0], (*y)->metric->text[0]);
}

static void render_metrics(struct buf *out)
{
    /* States are never freed, so the lock is needed for the list alone. */
    lock_take(&registry_lock);
    struct self_state *first = metrics;
    lock_give(&registry_lock);

    size_t n = 0;
    for (struct self_state *s = first; s; s = s->next)
        n++;
    struct self_state **sorted = malloc((n + 1) * sizeof(struct self_state *));
    if (!sorted) {
        out->failed = true;
        return;
    }
    n = 0;
    for (struct self_state *s = first; s; s = s->next)
        sorted[n++] = s;
    qsort(sorted, n, sizeof(struct self_state *), by_name);
    for (size_t i = 0; i < n; i++)
        render_metric(out, sorted[i]);
    free(sorted);
}

void self_render(struct buf *out)
{
    render_metrics(out);
    process_metrics_write(out);
    const char *bugs = "telltale_internal_errors_total";
    self_write_family(out, bugs, SELF_TYPE_COUNTER,
                      "Conditions that must never happen and were survived; please report them.");
    self_write_sample(out, bugs, (double)err_never_count(), (char *)NULL);
    for (size_t i = 0; i < COLLECTORS_MAX; i++)
        run_collector(&collectors[i], out);
}
