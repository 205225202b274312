/* An arena for the tests of a file: make_arena and free_arena are the set-up and the tear-down. */
#ifndef TELLTALE_TESTS_SUPPORT_TEST_ARENA_H
#define TELLTALE_TESTS_SUPPORT_TEST_ARENA_H

#include "base/arena.h"

static struct arena arena;

static inline int make_arena(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    return 0;
}

static inline int free_arena(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

#endif
