/* A bounded queue of pointers between threads. A full queue refuses (the caller drops and counts,
 * or pushes back); an empty one makes the taker wait for an item, a deadline or the end. */
#ifndef TELLTALE_BASE_QUEUE_H
#define TELLTALE_BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* NULL when out of memory. `capacity` > 0. */
struct queue *queue_new(size_t capacity);

/* The items left are the caller's business: take them out first. No thread may still use it. */
void queue_free(struct queue *q);

/* False when the queue is full or closed. Never waits. Threads: any. */
bool queue_try_put(struct queue *q, void *item);

/* Waits for an item. NULL when the deadline passed (see time_now_mono_ns; INT64_MAX for never) or
 * when the queue is closed and empty. Threads: any. */
void *queue_take(struct queue *q, int64_t deadline_mono_ns);

/* No more items are accepted; waiting takers get what is left, then NULL. */
void queue_close(struct queue *q);

/* Items that wait now. */
size_t queue_count(struct queue *q);

#endif
