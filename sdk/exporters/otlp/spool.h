/* Requests that wait in files for the collector: a queue whose bytes are bounded and that outlives
 * the process.
 *
 *     FOLDER/traces.0/lock                    held by the process whose part this is
 *     FOLDER/traces.0/0000000000000001.otlp   a request, the oldest
 *     FOLDER/traces.0/0000000000000002.otlp   …
 *
 * One thread appends while another takes. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_SPOOL_H
#define TELLTALE_SDK_EXPORTERS_OTLP_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "telltale/otlp.h"

struct otlp_spool;

/* Makes the folder (not its parents) and a part of it for `name`, "traces", or takes over one that
 * is there. TT_ERR_IO, TT_ERR_NOMEM. */
int otlp_spool_open(const char *folder, const char *name, uint64_t bytes_max, size_t request_max,
                    struct otlp_spool **out);
void otlp_spool_close(struct otlp_spool *s); /* NULL is fine */

/* In a child after fork(), when no other thread has the spool: makes it an empty one with a part of
 * its own. False when there is none to be had. */
bool otlp_spool_renew(struct otlp_spool *s);

bool otlp_spool_is_waiting(struct otlp_spool *s);
void otlp_spool_state(struct otlp_spool *s, tt_otlp_state *out);

/* How many items of those that were appended here are delivered by now, and how many lost. */
void otlp_spool_became(struct otlp_spool *s, uint64_t *out_delivered, uint64_t *out_lost);

/* Keeps a request; the oldest go where there is no room. TT_ERR_LIMIT for one that is larger than
 * all of it; TT_ERR_IO, TT_ERR_NOMEM. What fails is told. */
int otlp_spool_append(struct otlp_spool *s, struct str request, size_t items);

/* The oldest request. It is the caller's until he removes it, or puts it back, which also free it.
 * Files that are damaged are removed and counted. */
struct otlp_spooled {
    struct buf request;
    size_t items;
    uint64_t number, bytes;
};
bool otlp_spool_first(struct otlp_spool *s, struct otlp_spooled *out);
void otlp_spool_put_back(struct otlp_spool *s, struct otlp_spooled *one);
void otlp_spool_remove(struct otlp_spool *s, struct otlp_spooled *one, bool delivered);

/* --- a file: its head, then the request, compressed --- */

enum { OTLP_SPOOL_HEAD = 32 };
bool otlp_spool_encode(struct buf *out, struct str request, size_t items);

/* False for anything that otlp_spool_encode did not make, or for a larger request. */
bool otlp_spool_decode(struct str file, size_t request_max, struct buf *out, size_t *out_items);

#endif
