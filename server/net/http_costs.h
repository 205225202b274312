/* What requests took, by likeness: whether the next one like it is quick enough to be run where it
 * was read. Handing a request to a worker and back costs two wake-ups, more than many answers.
 *
 * A small table without locks; two likenesses in one slot push each other out, which costs a
 * hand-over. Threads: any. */
#ifndef TELLTALE_NET_HTTP_COSTS_H
#define TELLTALE_NET_HTTP_COSTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { HTTP_COSTS_SLOTS = 4096 };

struct http_costs {
    atomic_ullong slots[HTTP_COSTS_SLOTS]; /* likeness, its low bits replaced by microseconds */
};

/* Remembers the worse of what a request took and what those before it did, which fades. */
void http_costs_note(struct http_costs *c, uint64_t likeness, int64_t took_ns);

/* True when requests of this likeness are known and took at most `ns` lately. */
bool http_costs_within(struct http_costs *c, uint64_t likeness, int64_t ns);

#endif
