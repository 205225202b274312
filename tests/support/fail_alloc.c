#include "support/fail_alloc.h"

static size_t seen, failing;
static bool armed, happened;

void fail_alloc_at(size_t n)
{
    seen = 0;
    failing = n;
    armed = true;
    happened = false;
}

bool fail_alloc_happened(void)
{
    armed = false;
    return happened;
}

size_t fail_alloc_count(void)
{
    size_t n = seen;
    seen = 0;
    return n;
}

static bool fails(void)
{
    bool now = armed && seen == failing;
    seen++;
    happened |= now;
    return now;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, n);
}
