#include "net/http_spare.h"

#include <stdlib.h>

enum { TICKS_MAX = 2 };

void http_spare_init(struct http_spare *s)
{
    *s = (struct http_spare){0};
    lock_init(&s->lock, LOCK_LEAF);
}

void http_spare_done(struct http_spare *s)
{
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        free(s->blocks[i].p);
    lock_done(&s->lock);
}

/* The block whose pages are the most, or the fewest, none at all included. */
static struct spare_block *find(struct http_spare *s, bool most)
{
    struct spare_block *found = &s->blocks[0];
    for (size_t i = 1; i < SPARE_BLOCKS; i++)
        if (most ? s->blocks[i].used > found->used : s->blocks[i].used < found->used)
            found = &s->blocks[i];
    return found;
}

void http_spare_take(struct http_spare *s, struct buf *b)
{
    struct spare_block taken = {0};
    lock_take(&s->lock);
    struct spare_block *largest = find(s, true);
    if (largest->used > b->cap && largest->cap <= b->max) {
        taken = *largest;
        *largest = (struct spare_block){0};
    }
    lock_give(&s->lock);
    if (!taken.p)
        return;
    if (b->n)
        memcpy(taken.p, b->p, b->n);
    free(b->p);
    b->p = taken.p;
    b->cap = taken.cap;
}

void http_spare_give(struct http_spare *s, struct spare_block given)
{
    given.ticks = 0;
    if (given.used >= SPARE_FROM_BYTES && given.used <= SPARE_BYTES_MAX) {
        lock_take(&s->lock);
        struct spare_block *smallest = find(s, false);
        if (smallest->used < given.used) {
            struct spare_block old = *smallest;
            *smallest = given;
            given = old;
        }
        lock_give(&s->lock);
    }
    free(given.p);
}

void http_spare_tick(struct http_spare *s)
{
    char *freed[SPARE_BLOCKS] = {NULL};
    lock_take(&s->lock);
    for (size_t i = 0; i < SPARE_BLOCKS; i++) {
        struct spare_block *b = &s->blocks[i];
        if (!b->p || b->ticks++ < TICKS_MAX)
            continue;
        freed[i] = b->p;
        *b = (struct spare_block){0};
    }
    lock_give(&s->lock);
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        free(freed[i]);
}
