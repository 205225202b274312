/* What the allocator keeps for later. */
#ifndef TELLTALE_BASE_MEMORY_H
#define TELLTALE_BASE_MEMORY_H

#include <stddef.h>

/* So much was freed by one who is done with something big. Once enough has come together, the free
 * pages of the heap go back to the system, where the C library can: it would keep them for good. To
 * be called without locks, for this costs about what freeing page by page does. Threads: any. */
void memory_freed(size_t bytes);

#endif
