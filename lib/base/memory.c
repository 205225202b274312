#include "base/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"

#ifdef __GLIBC__
#include <malloc.h>
#define RETURN_FREE_PAGES() ((void)malloc_trim(0)) // whether there were any is of no interest
#define KEEP_FREE_BYTES(n)                                                                         \
    ((void)mallopt(M_TRIM_THRESHOLD, n), (void)mallopt(M_MMAP_THRESHOLD, n)) // cannot fail
#else
#define RETURN_FREE_PAGES() ((void)0)
#define KEEP_FREE_BYTES(n) ((void)(n))
#endif

void *memory_map(size_t n)
{
    const size_t align = MEMORY_LARGE_PAGE;
    if (n > SIZE_MAX / 2)
        return NULL;
    char *p = mmap(NULL, n + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = (align - (uintptr_t)p % align) % align;
    size_t used = (n + page - 1) / page * page;
    if (before)
        (void)munmap(p, before); // at worst it stays mapped, untouched
    (void)munmap(p + before + used, n + align - before - used);
#ifdef MADV_HUGEPAGE
    (void)madvise(p + before, n / align * align, MADV_HUGEPAGE); // small pages do as well
#endif
    return p + before;
}

void memory_unmap(void *p, size_t n)
{
    if (p)
        (void)munmap(p, n); // cannot fail for what was mapped whole
}

void memory_keep(int bytes)
{
    KEEP_FREE_BYTES(bytes);
}

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
