/* Pages that cannot be read are zeros, and the process lives on. */
#include "base/map_guard.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/thread.h"
#include "support/check.h"

enum { SIZE = 64 << 10 };

static char path[] = "/tmp/telltale-guard-XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

/* A mapped file of SIZE bytes 'x'. */
static const char *map_file(void)
{
    struct fs_file f = {0};
    const void *p;
    size_t n;
    char *content = malloc(SIZE);
    memset(content, 'x', SIZE);
    assert_int_equal(fs_open(fs_real(), path, FS_NEW, &f, NULL), 0);
    assert_int_equal(fs_write_at(&f, content, SIZE, 0, NULL), 0);
    assert_int_equal(fs_map(&f, &p, &n, NULL), 0);
    assert_int_equal(fs_close(&f, NULL), 0);
    free(content);
    return p;
}

static void test_a_page_of_a_file_that_was_cut_short_is_zeros(void **state)
{
    (void)state;
    const char *p = map_file();
    uint64_t before = map_guard_faults();
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(p[0], 'x');
    assert_int_equal(map_guard_faults(), before);
    assert_int_equal(p[SIZE - 1], 0);
    assert_int_equal(p[SIZE - 4096], 0);
    assert_int_equal(map_guard_faults(), before + 1); // once a page
    assert_int_equal(p[4096], 0);
    assert_int_equal(p[4095], 'x');
    assert_int_equal(map_guard_faults(), before + 2);
    fs_unmap(fs_real(), p, SIZE);
}

/* Another thread's handler puts a page of zeros there meanwhile, which is what is tested: no race.
 */
__attribute__((no_sanitize("thread"))) static void read_all(void *arg)
{
    const char *p = arg;
    size_t sum = 0;
    for (size_t i = 0; i < SIZE; i++)
        sum += (unsigned char)p[i];
    assert_true(sum <= (size_t)SIZE * 'x');
}

static void test_several_threads_may_meet_it_at_once(void **state)
{
    (void)state;
    const char *p = map_file();
    struct thread threads[4] = {0};
    uint64_t before = map_guard_faults();
    assert_int_equal(truncate(path, 0), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(thread_start(&threads[i], "read", read_all, (void *)(uintptr_t)p, NULL),
                         0);
    for (size_t i = 0; i < 4; i++)
        thread_join(&threads[i]);
    assert_true(map_guard_faults() >= before + SIZE / 4096);
    fs_unmap(fs_real(), p, SIZE);
}

static void test_any_other_bus_error_ends_the_process(void **state)
{
    (void)state;
    const char *p = map_file();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGBUS, SIG_DFL);
        fs_unmap(fs_real(), map_file(), SIZE);
        p = map_file();
        map_guard_remove(p); // unknown from here on
        assert_int_equal(truncate(path, 0), 0);
        _exit(p[0]);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fs_unmap(fs_real(), p, SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_of_a_file_that_was_cut_short_is_zeros),
        cmocka_unit_test(test_several_threads_may_meet_it_at_once),
        cmocka_unit_test(test_any_other_bus_error_ends_the_process),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
