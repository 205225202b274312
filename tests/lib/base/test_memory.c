#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/compiler.h"
#include "support/check.h"
#include "support/forks.h"

/* Whether malloc is the one of glibc, not a sanitizer's, which does as it likes. */
#if defined(__GLIBC__) && !defined(NO_FORKS)
#define OWN_ALLOCATOR 1
#else
#define OWN_ALLOCATOR 0
#endif

static const size_t SIZES[] = {1,
                               4096,
                               4097,
                               MEMORY_LARGE_PAGE - 1,
                               MEMORY_LARGE_PAGE,
                               MEMORY_LARGE_PAGE + 1,
                               5 * MEMORY_LARGE_PAGE + 12345};

static void test_mapped_memory_is_zeroed_and_aligned_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        unsigned char *p = memory_map(SIZES[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % MEMORY_LARGE_PAGE, 0);
        for (size_t k = 0; k < SIZES[i]; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xA5, SIZES[i]);
        memory_unmap(p, SIZES[i]);
    }
}

static void test_pieces_do_not_overlap(void **state)
{
    (void)state;
    unsigned char *p[50];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = memory_map(SIZES[i % ARRAY_LEN(SIZES)]);
        assert_non_null(p[i]);
        memset(p[i], (int)i, SIZES[i % ARRAY_LEN(SIZES)]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i += 2) // the others keep what they hold
        memory_unmap(p[i], SIZES[i % ARRAY_LEN(SIZES)]);
    for (size_t i = 1; i < ARRAY_LEN(p); i += 2) {
        size_t n = SIZES[i % ARRAY_LEN(SIZES)];
        assert_int_equal(p[i][0], i);
        assert_int_equal(p[i][n - 1], i);
        memory_unmap(p[i], n);
    }
}

static void test_what_no_system_has_is_refused(void **state)
{
    (void)state;
    assert_null(memory_map(SIZE_MAX));
    assert_null(memory_map(SIZE_MAX / 2));
    memory_unmap(NULL, 1);
}

#if OWN_ALLOCATOR
/* Page faults of a request that takes and frees a mebibyte. */
static long faults_of_a_request(void)
{
    enum { SIZE = 1 << 20 };
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    char *volatile p = malloc(SIZE);
    assert_non_null(p);
    memset(p, 1, SIZE);
    free(p);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    return after.ru_minflt - before.ru_minflt;
}

static void test_what_is_kept_is_taken_again_without_faults(void **state)
{
    (void)state;
    memory_keep(4 << 20);
    (void)faults_of_a_request();
    long again = faults_of_a_request();
    assert_in_range(again, 0, 16); // of 256 pages
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mapped_memory_is_zeroed_and_aligned_and_whole),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_what_no_system_has_is_refused),
#if OWN_ALLOCATOR
        cmocka_unit_test(test_what_is_kept_is_taken_again_without_faults),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
