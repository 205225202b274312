/* Each item is kept as JSON and, for its attributes, as it came. What has been handed out stays
 * where it is until all is cleared: the list grows, the texts do not move. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "telltale/sinks.h"
#include "wire/otlp_json.h"
#include "wire/walk.h"

enum { BYTES_MAX = 64 << 20, SIGNALS = 3 };
enum { SPAN_NAME = 5, METRIC_NAME = 1, LOG_BODY = 5, SPAN_ATTRS = 9, LOG_ATTRS = 6 };

struct kept {
    char *name, *json; /* owned */
    char *message;     /* owned */
    size_t message_n;
};

struct list {
    struct kept *items; /* owned */
    size_t n, cap;
};

struct tt_memory {
    pthread_mutex_t lock; /* guards what follows */
    struct list lists[SIGNALS];
    size_t bytes;
};

tt_memory *tt_memory_new(void)
{
    tt_memory *m = calloc(1, sizeof *m);
    if (m)
        (void)pthread_mutex_init(&m->lock, NULL); // cannot fail on Linux
    return m;
}

static void free_kept(struct kept *k)
{
    free(k->name);
    free(k->json);
    free(k->message);
}

void tt_memory_clear(tt_memory *m)
{
    if (!m)
        return;
    (void)pthread_mutex_lock(&m->lock);
    for (size_t s = 0; s < SIGNALS; s++) {
        for (size_t i = 0; i < m->lists[s].n; i++)
            free_kept(&m->lists[s].items[i]);
        free(m->lists[s].items);
        m->lists[s] = (struct list){0};
    }
    m->bytes = 0;
    (void)pthread_mutex_unlock(&m->lock);
}

void tt_memory_free(tt_memory *m)
{
    tt_memory_clear(m);
    if (m)
        (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

/* --- keeping --------------------------------------------------------------------------------- */

struct keeping {
    tt_memory *memory;
    enum tt_signal signal;
    int rc;
};

static char *name_of(enum tt_signal signal, struct str message)
{
    struct buf name = BUF_MAX(BYTES_MAX);
    if (signal == TT_SIGNAL_LOGS)
        wire_put_plain(&name, wire_bytes(message, LOG_BODY), false);
    else
        buf_put_str(&name,
                    wire_bytes(message, signal == TT_SIGNAL_METRICS ? METRIC_NAME : SPAN_NAME));
    return buf_take(&name, NULL);
}

static char *json_of(enum tt_signal signal, struct str message, size_t *out_n)
{
    static const enum otlp_kind kinds[] = {[TT_SIGNAL_TRACES] = OTLP_SPAN,
                                           [TT_SIGNAL_METRICS] = OTLP_METRIC,
                                           [TT_SIGNAL_LOGS] = OTLP_LOG_RECORD};
    struct buf json = BUF_MAX(BYTES_MAX);
    if (otlp_json_put(&json, kinds[signal], message))
        return buf_take(&json, out_n);
    buf_done(&json);
    return NULL;
}

static bool make_place(struct list *l)
{
    if (l->n < l->cap)
        return true;
    size_t cap = MAX(2 * l->cap, 16);
    struct kept *items = realloc(l->items, cap * sizeof *items);
    if (!items)
        return false;
    l->items = items;
    l->cap = cap;
    return true;
}

static bool keep(void *arg, const struct wire_item *item)
{
    struct keeping *k = arg;
    struct list *l = &k->memory->lists[k->signal];
    size_t n = 0;
    struct kept one = {.name = name_of(k->signal, item->item),
                       .json = json_of(k->signal, item->item, &n),
                       .message = str_dup(item->item),
                       .message_n = item->item.n};
    n += item->item.n + sizeof one;
    bool whole = one.name && one.json && one.message;
    bool fits = k->memory->bytes + n <= BYTES_MAX;
    if (whole && fits && make_place(l)) {
        l->items[l->n++] = one;
        k->memory->bytes += n;
        return true;
    }
    free_kept(&one);
    k->rc = whole && !fits ? TT_ERR_LIMIT : TT_ERR_NOMEM;
    return false;
}

static int send_items(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                      int64_t timeout_ms)
{
    (void)items, (void)timeout_ms;
    tt_memory *m = arg;
    struct keeping k = {m, signal, TT_ERR_INVALID};
    if ((unsigned)signal >= SIGNALS)
        return TT_ERR_INVALID;
    (void)pthread_mutex_lock(&m->lock);
    bool ok = wire_walk(str_of(request, n), keep, &k);
    (void)pthread_mutex_unlock(&m->lock);
    return ok ? TT_OK : k.rc;
}

tt_exporter tt_memory_exporter(tt_memory *m)
{
    return m ? (tt_exporter){.send = send_items, .arg = m} : (tt_exporter){0};
}

/* --- looking --------------------------------------------------------------------------------- */

size_t tt_memory_count(tt_memory *m, enum tt_signal signal)
{
    if (!m || (unsigned)signal >= SIGNALS)
        return 0;
    (void)pthread_mutex_lock(&m->lock);
    size_t n = m->lists[signal].n;
    (void)pthread_mutex_unlock(&m->lock);
    return n;
}

static struct kept get(tt_memory *m, enum tt_signal signal, size_t i)
{
    struct kept found = {0};
    if (!m || (unsigned)signal >= SIGNALS)
        return found;
    (void)pthread_mutex_lock(&m->lock);
    if (i < m->lists[signal].n)
        found = m->lists[signal].items[i];
    (void)pthread_mutex_unlock(&m->lock);
    return found;
}

const char *tt_memory_name(tt_memory *m, enum tt_signal signal, size_t i)
{
    return get(m, signal, i).name;
}

const char *tt_memory_json(tt_memory *m, enum tt_signal signal, size_t i)
{
    return get(m, signal, i).json;
}

size_t tt_memory_find(tt_memory *m, enum tt_signal signal, const char *name)
{
    const char *at;
    for (size_t i = 0; name && (at = tt_memory_name(m, signal, i)); i++) {
        if (strcmp(at, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

bool tt_memory_attribute(tt_memory *m, enum tt_signal signal, size_t i, const char *key, char *out,
                         size_t size)
{
    struct kept k = get(m, signal, i);
    unsigned number = signal == TT_SIGNAL_TRACES ? SPAN_ATTRS : LOG_ATTRS;
    struct str value;
    struct buf text = BUF_MAX(BYTES_MAX);
    if (!k.message || !key || !size || signal == TT_SIGNAL_METRICS ||
        !wire_find_attr(str_of(k.message, k.message_n), number, str_c(key), &value))
        return false;
    wire_put_plain(&text, value, false);
    size_t n = MIN(text.n, size - 1);
    if (n)
        memcpy(out, text.p, n);
    out[n] = '\0';
    buf_done(&text);
    return true;
}
