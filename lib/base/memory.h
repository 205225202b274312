/* Memory in large pieces: taken from the system past the allocator, and what the allocator keeps.
 */
#ifndef TELLTALE_BASE_MEMORY_H
#define TELLTALE_BASE_MEMORY_H

#include <stddef.h>

/* `n` zeroed bytes in pages of their own, large ones where the system has them (a page fault for
 * each 4 KiB of a large table costs more than filling it), or NULL. What is unmapped goes back to
 * the system at once. Aligned to MEMORY_LARGE_PAGE. Threads: any. */
void *memory_map(size_t n);
void memory_unmap(void *p, size_t n); /* the whole of it; NULL is fine */

enum { MEMORY_LARGE_PAGE = 2 << 20 };

/* Lets the allocator keep so many bytes that are free at the end of each of its heaps, and map only
 * what is larger than that by itself, where the C library can be told so. By default it gives back
 * what a request of some 100 KiB frees, and the next one like it takes a fault for every page. To
 * be called once, before there are threads. */
void memory_keep(int bytes);

/* So much was freed by one who is done with something big. Once enough has come together, the free
 * pages of the heap go back to the system, where the C library can: it would keep them for good. To
 * be called without locks, for this costs about what freeing page by page does. Threads: any. */
void memory_freed(size_t bytes);

#endif
