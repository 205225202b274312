/* The end of the process. */
#ifndef TELLTALE_INIT_LAST_H
#define TELLTALE_INIT_LAST_H

#include <stdbool.h>
#include <stdint.h>

/* Shuts the global set down as exit() does: by a thread of its own, and waits for that no longer
 * than the time and a second, whatever code exit() was called in. */
void last_shutdown(int64_t timeout_ms);

/* Whether there is a thread that waits to do it, or is about to. */
bool last_is_expected(void);

#endif
