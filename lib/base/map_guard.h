/* Mapped files whose pages may fail.
 *
 * Where the disk cannot read a page of a mapping, or the file was cut short under it, the system
 * sends SIGBUS to the thread that looked. For guarded mappings the page is replaced by zeros and
 * the thread goes on: whoever reads the mapping finds bytes that do not match their checksum, which
 * it must be able to cope with anyway. A checksum that was right before the page failed is worth
 * nothing, so such a reader also compares map_guard_faults before and after.
 *
 * Any other SIGBUS ends the process as ever. Threads: any. */
#ifndef TELLTALE_BASE_MAP_GUARD_H
#define TELLTALE_BASE_MAP_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Guards a read-only mapping until map_guard_remove, which comes before it is unmapped. Takes
 * over SIGBUS for the process. ERR_NOMEM. */
int map_guard_add(const void *p, size_t n);
void map_guard_remove(const void *p);

/* Pages replaced since the start of the process. */
uint64_t map_guard_faults(void);

#endif
