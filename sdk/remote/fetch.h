/* One question to the service, by libcurl. */
#ifndef TELLTALE_SDK_REMOTE_FETCH_H
#define TELLTALE_SDK_REMOTE_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"

enum { FETCH_BYTES_MAX = 1 << 20, FETCH_TIMEOUT_MS = 10000 };

/* `endpoint`, with the path /sampling where it has none, and "service=" as its query. Appends to
 * `out`; false when it is no URL of http or https. */
bool fetch_url(struct buf *out, const char *endpoint, const char *service);

/* Appends the answer, of at most FETCH_BYTES_MAX. NULL, or what went wrong: static text. Ends soon
 * after `*cancelled` becomes true. */
const char *fetch(const char *url, const atomic_bool *cancelled, struct buf *out);

#endif
