#include "base/memory.h"

#include <stdlib.h>

#include "base/atomic.h"

#ifdef __GLIBC__
#include <malloc.h>
#define RETURN_FREE_PAGES() ((void)malloc_trim(0)) // whether there were any is of no interest
#else
#define RETURN_FREE_PAGES() ((void)0)
#endif

/* What small users free is taken again at once; walking the heap for them would be a waste. */
#define BIG_BYTES ((size_t)4 << 20)
#define RETURN_FROM_BYTES ((size_t)64 << 20)

static atomic_size_t freed; /* since pages were last given back */

void memory_freed(size_t bytes)
{
    if (bytes < BIG_BYTES)
        return;
    if (atomic_add_relaxed(&freed, bytes) + bytes < RETURN_FROM_BYTES)
        return;
    atomic_set_relaxed(&freed, 0);
    RETURN_FREE_PAGES();
}
