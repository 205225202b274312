#include "base/queue.h"

#include <stdlib.h>

#include "base/lock.h"

struct queue {
    struct lock lock;
    struct cond changed;
    bool closed;          /* guarded by lock, as all below */
    size_t first, n, cap; /* ring of `cap` items, `n` used from `first` */
    void *items[];
};

struct queue *queue_new(size_t capacity)
{
    if (capacity == 0 || capacity > SIZE_MAX / 2 / sizeof(void *))
        return NULL;
    struct queue *q = calloc(1, sizeof *q + capacity * sizeof(void *));
    if (!q)
        return NULL;
    lock_init(&q->lock, LOCK_QUEUE);
    cond_init(&q->changed);
    q->cap = capacity;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    cond_done(&q->changed);
    lock_done(&q->lock);
    free(q);
}

bool queue_try_put(struct queue *q, void *item)
{
    lock_take(&q->lock);
    bool room = !q->closed && q->n < q->cap;
    if (room) {
        q->items[(q->first + q->n) % q->cap] = item;
        q->n++;
        cond_signal(&q->changed);
    }
    lock_give(&q->lock);
    return room;
}

void *queue_take(struct queue *q, int64_t deadline_mono_ns)
{
    void *item = NULL;
    lock_take(&q->lock);
    while (q->n == 0 && !q->closed) {
        if (deadline_mono_ns == INT64_MAX)
            cond_wait(&q->changed, &q->lock);
        else if (!cond_wait_until(&q->changed, &q->lock, deadline_mono_ns))
            break;
    }
    if (q->n) {
        item = q->items[q->first];
        q->first = (q->first + 1) % q->cap;
        q->n--;
    }
    lock_give(&q->lock);
    return item;
}

void queue_close(struct queue *q)
{
    lock_take(&q->lock);
    q->closed = true;
    cond_broadcast(&q->changed);
    lock_give(&q->lock);
}

size_t queue_count(struct queue *q)
{
    lock_take(&q->lock);
    size_t n = q->n;
    lock_give(&q->lock);
    return n;
}
