/* Records from all threads to one: each thread writes into a ring of its own, which it alone fills
 * and the reader alone empties, so handing over takes no lock and no allocation.
 *
 *     ring of a thread:  | size, bytes | size, bytes |    free    |    one record is contiguous;
 * the ^ tail: reader's             ^ head: writer's
 *
 * head and tail count bytes for ever; the place is their remainder. A record that does not fit
 * before the end of the ring goes to its beginning, and a mark tells the reader to go there, too.
 *
 * There may be a limit of records besides, of all rings together. A writer takes some of what is
 * left of it at a time, a 64th at most, so that a record costs a comparison; what it has in hand
 * and does not need, other threads cannot use, and gets back when it ends.
 *
 * Rings of threads that ended are emptied as the others are, and given to the next that start. In a
 * child after fork() all rings are empty. */
#ifndef TELLTALE_CORE_RELAY_H
#define TELLTALE_CORE_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/watch.h"

struct relay;

enum { RELAY_RECORDS_ANY = 0 };

/* `bytes` of each ring (rounded up to a power of two), and how many records there may be in all of
 * them together. `wake` is called by a writer when its ring, or the number of records, comes to a
 * quarter more, and when it writes its first record after a fork. */
struct relay *relay_new(size_t bytes, size_t records, void (*wake)(void *arg), void *arg);

/* No thread may write any more. NULL is fine. */
void relay_free(struct relay *q);

/* Room for a record of `n` bytes, or NULL when there is none: the caller counts it as lost. To be
 * filled and committed, with at most `n`, before the thread reserves again. */
char *relay_reserve(struct relay *q, size_t n);
void relay_commit(struct relay *q, size_t n);

/* Adds what of the queue is known here. */
void relay_read(struct relay *q, tt_pipeline *p);

/* Hands over all records that are there, until `visit` returns false. One reader at a time. */
void relay_drain(struct relay *q, bool (*visit)(void *arg, const char *record, size_t n),
                 void *arg);

#endif
