/* Makes the n-th allocation of the code under test fail. Works by the linker's --wrap on malloc,
 * calloc, realloc and aligned_alloc, so a test that uses it depends on fail_alloc_dep. One thread.
 *
 *   for (size_t n = 0;; n++) {
 *       fail_alloc_at(n);
 *       int rc = thing_do(…);
 *       if (!fail_alloc_happened())
 *           break;              // n allocations were enough: all failures were seen
 *       assert(rc is ERR_NOMEM and all is as before);
 *   }
 */
#ifndef TELLTALE_TESTS_SUPPORT_FAIL_ALLOC_H
#define TELLTALE_TESTS_SUPPORT_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Arms: `n` allocations from now succeed, the next fails, later ones succeed again. */
void fail_alloc_at(size_t n);

/* Whether it failed since; disarms. */
bool fail_alloc_happened(void);

/* Allocations since the last call of fail_alloc_at or of this. */
size_t fail_alloc_count(void);

#endif
