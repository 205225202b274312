#include "metrics/remove.h"

#include <stdlib.h>

#include "metrics/provider.h"
#include "metrics/record.h"
#include "metrics/stream.h"

static void lock_all(tt_meter_provider *p)
{
    mutex_lock(&p->collect);
    mutex_lock(&p->lock);
}

static void unlock_all(tt_meter_provider *p)
{
    mutex_unlock(&p->lock);
    mutex_unlock(&p->collect);
}

static bool is_it(struct series *s, void *arg)
{
    return s == arg;
}

bool instrument_remove(struct instrument *i, const tt_attr *attrs, size_t n)
{
    if (!i)
        return false;
    size_t removed = 0;
    lock_all(i->meter->provider);
    for (struct stream *st = i->streams; st; st = st->sibling) {
        struct series *s = stream_find_locked(st, attrs, n);
        removed += s ? stream_remove(st, is_it, s) : 0;
    }
    unlock_all(i->meter->provider);
    return removed != 0;
}

/* --- idle ones ------------------------------------------------------------------------------- */

/* Another number, most likely, once something was recorded; never 0. */
static uint32_t digest(struct point *p, struct series *s)
{
    cell_read_begin();
    point_read(p, s);
    cell_read_end();
    uint64_t bits = s->kind == SERIES_SUM ? (uint64_t)p->integer : double_bits(p->number);
    if (s->kind >= SERIES_HISTOGRAM)
        bits = p->count;
    return (uint32_t)(bits * UINT64_C(0x9e3779b97f4a7c15) >> 33) | 1;
}

static bool is_idle(struct series *s, void *arg)
{
    if (s->observed & SERIES_BOUND)
        return false;
    if (s->kind == SERIES_LAST || s->kind == SERIES_LAST_DOUBLE) {
        unsigned char seen = SET_LATELY;
        (void)atomic_compare_exchange_strong(&s->set, &seen, SET_EARLIER); // tells what it was
        return seen == SET_EARLIER;
    }
    uint32_t now = digest(arg, s), before = s->observed;
    s->observed = now;
    return now == before;
}

size_t tt_meter_provider_remove_idle(tt_meter_provider *p)
{
    struct point *scratch = p ? malloc(sizeof *scratch) : NULL;
    size_t removed = 0;
    if (!scratch)
        return 0;
    lock_all(p);
    for (struct stream *st = p->streams; st; st = st->next) {
        if (!instrument_is_observable(st->instrument))
            removed += stream_remove(st, is_idle, scratch);
    }
    unlock_all(p);
    free(scratch);
    return removed;
}
