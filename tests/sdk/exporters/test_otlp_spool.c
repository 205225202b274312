#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "otlp/spool.h"
#include "support/check.h"

enum { ROOMY = 1 << 20, LARGEST = 1 << 20 };

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/test_spool_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), folder, NULL);
}

static struct otlp_spool *open_spool(uint64_t bytes_max)
{
    struct otlp_spool *s = NULL;
    assert_int_equal(otlp_spool_open(folder, "traces", bytes_max, LARGEST, &s), TT_OK);
    return s;
}

/* Bytes that cannot be compressed, all alike for a seed. */
static void append_random(struct otlp_spool *s, uint64_t seed, size_t n, size_t items)
{
    struct buf bytes = BUF_MAX(LARGEST);
    for (size_t i = 0; i < n; i++)
        buf_putc(&bytes, (char)check_random(&seed));
    assert_int_equal(otlp_spool_append(s, buf_str(&bytes), items), TT_OK);
    buf_done(&bytes);
}

static void append_text(struct otlp_spool *s, const char *text, size_t items)
{
    assert_int_equal(otlp_spool_append(s, str_c(text), items), TT_OK);
}

static void expect(struct otlp_spool *s, const char *text, size_t items)
{
    struct otlp_spooled one;
    assert_true(otlp_spool_first(s, &one));
    check_str(buf_str(&one.request), text);
    assert_int_equal(one.items, items);
    otlp_spool_remove(s, &one, true);
}

static void expect_end(struct otlp_spool *s)
{
    struct otlp_spooled one;
    assert_false(otlp_spool_first(s, &one));
    assert_false(otlp_spool_is_waiting(s));
}

static tt_otlp_state state_of(struct otlp_spool *s)
{
    tt_otlp_state state;
    otlp_spool_state(s, &state);
    return state;
}

static void test_requests_come_in_their_order(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    append_text(s, "one", 1);
    append_text(s, "", 0);
    append_text(s, "three", 3);
    expect(s, "one", 1);
    expect(s, "", 0);
    append_text(s, "four", 4);
    expect(s, "three", 3);
    expect(s, "four", 4);
    expect_end(s);
    assert_int_equal(state_of(s).waiting_bytes, 0);
    otlp_spool_close(s);
}

static void test_requests_outlive_the_process(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    append_text(s, "one", 1);
    append_text(s, "two", 2);
    otlp_spool_close(s);
    s = open_spool(ROOMY);
    assert_int_equal(state_of(s).waiting_requests, 2);
    append_text(s, "three", 3);
    expect(s, "one", 1);
    expect(s, "two", 2);
    expect(s, "three", 3);
    expect_end(s);
    otlp_spool_close(s);
}

static void test_one_that_is_put_back_comes_again(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    struct otlp_spooled one;
    append_text(s, "one", 1);
    assert_true(otlp_spool_first(s, &one));
    otlp_spool_put_back(s, &one);
    expect(s, "one", 1);
    otlp_spool_close(s);
}

static void test_oldest_go_when_it_is_full_and_are_counted(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(10000);
    for (size_t i = 1; i <= 20; i++)
        append_random(s, i, 3000, i); // three of them fit
    tt_otlp_state now = state_of(s);
    assert_int_equal(now.waiting_requests, 3);
    assert_int_equal(now.dropped_items, 17 * 18 / 2);
    assert_in_range(now.waiting_bytes, 9000, 10000);
    struct otlp_spooled one;
    assert_true(otlp_spool_first(s, &one));
    assert_int_equal(one.items, 18);
    otlp_spool_put_back(s, &one);
    otlp_spool_close(s);
}

static void test_one_that_is_being_sent_is_not_dropped(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(10000);
    struct otlp_spooled one, next;
    for (size_t i = 1; i <= 3; i++)
        append_random(s, i, 3000, i);
    assert_true(otlp_spool_first(s, &one));
    append_random(s, 4, 3000, 4);
    assert_int_equal(state_of(s).dropped_items, 2);
    otlp_spool_remove(s, &one, true);
    assert_true(otlp_spool_first(s, &next));
    assert_int_equal(next.items, 3);
    otlp_spool_remove(s, &next, false);
    assert_int_equal(state_of(s).dropped_items, 2 + 3);
    assert_int_equal(state_of(s).waiting_requests, 1);
    otlp_spool_close(s);
}

static void test_request_larger_than_all_of_it_is_refused(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(100);
    char bytes[1000];
    uint64_t seed = 1;
    append_text(s, "x", 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)check_random(&seed);
    assert_int_equal(otlp_spool_append(s, str_of(bytes, sizeof bytes), 1), TT_ERR_LIMIT);
    expect(s, "x", 1);
    otlp_spool_close(s);
}

static int open_file(const char *name, int flags)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/traces.0/%s", folder, name);
    return open(path, flags, 0600);
}

static void test_damaged_files_are_passed_over_and_counted(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    for (int i = 0; i < 4; i++)
        append_text(s, "a request", 1);
    int fd = open_file("0000000000000001.otlp", O_RDWR);
    assert_int_equal(ftruncate(fd, 20), 0);
    (void)close(fd);
    fd = open_file("0000000000000002.otlp", O_RDWR);
    assert_int_equal(pwrite(fd, "x", 1, 40), 1);
    (void)close(fd);
    fd = open_file("0000000000000003.otlp", O_RDWR);
    assert_int_equal(ftruncate(fd, 0), 0);
    (void)close(fd);
    expect(s, "a request", 1);
    expect_end(s);
    assert_int_equal(state_of(s).damaged_files, 3);
    otlp_spool_close(s);
}

static void test_strange_names_are_left_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"new",    "ffffffffffffffff.otlp", "0000000000000000.otlp",
                                        "1.otlp", "000000000000000x.otlp", "readme"};
    otlp_spool_close(open_spool(ROOMY));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)close(open_file(names[i], O_RDWR | O_CREAT));
    struct otlp_spool *s = open_spool(ROOMY);
    assert_false(otlp_spool_is_waiting(s));
    append_text(s, "one", 1);
    expect(s, "one", 1);
    otlp_spool_close(s);
}

static void test_files_that_somebody_removes_are_forgotten(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(10000);
    char path[128];
    for (size_t i = 1; i <= 3; i++) {
        append_random(s, i, 3000, i);
        (void)snprintf(path, sizeof path, "%s/traces.0/%016zx.otlp", folder, i);
        assert_int_equal(unlink(path), 0);
    }
    append_random(s, 4, 3000, 4);
    assert_int_equal(state_of(s).waiting_requests, 1);
    assert_int_equal(state_of(s).dropped_items, 0);
    otlp_spool_close(s);
}

static void test_gaps_in_the_numbers_are_crossed(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    append_text(s, "one", 1);
    append_text(s, "two", 2);
    otlp_spool_close(s);
    char from[128], to[128];
    (void)snprintf(from, sizeof from, "%s/traces.0/0000000000000002.otlp", folder);
    (void)snprintf(to, sizeof to, "%s/traces.0/3fffffffffffff00.otlp", folder);
    assert_int_equal(rename(from, to), 0);
    s = open_spool(ROOMY);
    expect(s, "one", 1);
    expect(s, "two", 2);
    append_text(s, "three", 3);
    expect(s, "three", 3);
    otlp_spool_close(s);
}

static void test_two_at_once_have_parts_of_their_own(void **state)
{
    (void)state;
    struct otlp_spool *a = open_spool(ROOMY), *b = open_spool(ROOMY);
    append_text(a, "of a", 1);
    append_text(b, "of b", 2);
    expect(a, "of a", 1);
    expect(b, "of b", 2);
    otlp_spool_close(a);
    otlp_spool_close(b);
}

static void test_what_dead_processes_left_is_adopted(void **state)
{
    (void)state;
    struct otlp_spool *a = open_spool(ROOMY), *b = open_spool(ROOMY);
    append_text(a, "of a", 1);
    append_text(b, "of b", 2);
    append_text(b, "of b, too", 3);
    otlp_spool_close(a);
    otlp_spool_close(b);
    a = open_spool(ROOMY);
    assert_int_equal(state_of(a).waiting_requests, 3);
    expect(a, "of a", 1);
    expect(a, "of b", 2);
    expect(a, "of b, too", 3);
    expect_end(a);
    otlp_spool_close(a);
}

static void test_smaller_bound_holds_at_once(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    for (size_t i = 1; i <= 4; i++)
        append_random(s, i, 3000, i);
    otlp_spool_close(s);
    s = open_spool(7000);
    assert_int_equal(state_of(s).waiting_requests, 2);
    assert_int_equal(state_of(s).dropped_items, 1 + 2);
    otlp_spool_close(s);
}

enum { RACED = 300 };

static void *append_many(void *arg)
{
    for (size_t i = 1; i <= RACED; i++)
        append_random(arg, i, 3000, i);
    return NULL;
}

/* One thread appends to a spool that is always too small, one takes: each request is delivered, or
 * dropped and counted, and never both. */
static void test_two_threads_lose_nothing_that_is_not_counted(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(10000);
    struct otlp_spooled one;
    pthread_t thread;
    size_t delivered = 0, last = 0;
    assert_int_equal(pthread_create(&thread, NULL, append_many, s), 0);
    while (last < RACED) {
        if (!otlp_spool_first(s, &one))
            continue;
        assert_true(one.items > last); // in their order
        last = one.items;
        delivered += one.items;
        otlp_spool_remove(s, &one, true);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    expect_end(s);
    assert_int_equal(delivered + state_of(s).dropped_items, RACED * (RACED + 1) / 2);
    assert_int_equal(state_of(s).waiting_bytes, 0);
    otlp_spool_close(s);
}

static void test_child_has_a_part_of_its_own(void **state)
{
    (void)state;
    struct otlp_spool *s = open_spool(ROOMY);
    append_text(s, "the parent's", 1);
    pid_t child = fork();
    if (child == 0) {
        bool ok = otlp_spool_renew(s) && !otlp_spool_is_waiting(s) &&
                  otlp_spool_append(s, STR("the child's"), 2) == TT_OK;
        otlp_spool_close(s);
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(s, "the parent's", 1);
    expect_end(s);
    otlp_spool_close(s);
    s = open_spool(ROOMY);
    expect(s, "the child's", 2);
    otlp_spool_close(s);
}

static void test_folder_that_cannot_be_is_told(void **state)
{
    (void)state;
    struct otlp_spool *s = NULL;
    assert_int_equal(otlp_spool_open("/dev/null/x", "traces", ROOMY, LARGEST, &s), TT_ERR_IO);
    assert_null(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_requests_come_in_their_order),
        TEST(test_requests_outlive_the_process),
        TEST(test_one_that_is_put_back_comes_again),
        TEST(test_oldest_go_when_it_is_full_and_are_counted),
        TEST(test_one_that_is_being_sent_is_not_dropped),
        TEST(test_request_larger_than_all_of_it_is_refused),
        TEST(test_damaged_files_are_passed_over_and_counted),
        TEST(test_strange_names_are_left_alone),
        TEST(test_files_that_somebody_removes_are_forgotten),
        TEST(test_gaps_in_the_numbers_are_crossed),
        TEST(test_two_at_once_have_parts_of_their_own),
        TEST(test_what_dead_processes_left_is_adopted),
        TEST(test_smaller_bound_holds_at_once),
        TEST(test_two_threads_lose_nothing_that_is_not_counted),
        TEST(test_child_has_a_part_of_its_own),
        TEST(test_folder_that_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
