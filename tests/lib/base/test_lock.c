#include "base/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/time.h"
#include "support/check.h"

enum { THREADS = 4, ROUNDS = 5000 };

static struct lock lock = LOCK_INIT(LOCK_QUEUE);
static struct rwlock rwlock;
static long counter;     /* guarded by lock */
static long left, right; /* guarded by rwlock, always equal */

static void count(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        lock_take(&lock);
        counter++;
        lock_give(&lock);
    }
}

static void run_threads(void (*run)(void *arg))
{
    struct thread threads[THREADS] = {{0}};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&threads[i], "test", run, NULL, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
}

static void test_lock_keeps_others_out(void **state)
{
    (void)state;
    counter = 0;
    run_threads(count);
    assert_int_equal(counter, THREADS * ROUNDS);
}

static void read_or_write(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 8 == 0) {
            rwlock_take_write(&rwlock);
            left++;
            right++;
        } else {
            rwlock_take_read(&rwlock);
            if (left != right)
                abort();
        }
        rwlock_give(&rwlock);
    }
}

static void test_rwlock_readers_see_whole_changes(void **state)
{
    (void)state;
    rwlock_init(&rwlock, LOCK_QUEUE);
    run_threads(read_or_write);
    assert_int_equal(left, THREADS * ROUNDS / 8);
    rwlock_done(&rwlock);
}

struct mailbox {
    struct lock lock;
    struct cond changed;
    int mail; /* guarded by lock */
};

static void send_mail(void *arg)
{
    struct mailbox *box = arg;
    lock_take(&box->lock);
    box->mail = 7;
    cond_broadcast(&box->changed);
    lock_give(&box->lock);
}

static void test_cond_wakes_a_waiter(void **state)
{
    (void)state;
    struct mailbox box = {.mail = 0};
    lock_init(&box.lock, LOCK_LEAF);
    cond_init(&box.changed);
    struct thread t = {0};
    lock_take(&box.lock);
    assert_int_equal(thread_start(&t, "sender", send_mail, &box, NULL), 0);
    while (box.mail == 0)
        cond_wait(&box.changed, &box.lock);
    assert_int_equal(box.mail, 7);
    lock_give(&box.lock);
    thread_join(&t);
    cond_done(&box.changed);
    lock_done(&box.lock);
}

static void test_cond_gives_up_at_its_deadline(void **state)
{
    (void)state;
    struct mailbox box = {.mail = 0};
    lock_init(&box.lock, LOCK_LEAF);
    cond_init(&box.changed);
    lock_take(&box.lock);
    assert_false(cond_wait_until(&box.changed, &box.lock, -1));
    int64_t deadline = time_now_mono_ns() + 2 * NS_PER_MS;
    while (cond_wait_until(&box.changed, &box.lock, deadline))
        ; // woken for no reason
    assert_true(time_now_mono_ns() >= deadline);
    lock_give(&box.lock);
    cond_done(&box.changed);
    lock_done(&box.lock);
}

/* Runs `wrong` in a child; true when it died of abort(). */
static bool aborts(void (*wrong)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL); // the message is expected: not into the tests' output
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDERR_FILENO);
        wrong();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void take_in_falling_rank(void)
{
    struct lock high = LOCK_INIT(LOCK_LOG), low = LOCK_INIT(LOCK_SERVE);
    lock_take(&high);
    lock_take(&low);
}

static void take_two_of_one_rank(void)
{
    struct lock a = LOCK_INIT(LOCK_LOG), b = LOCK_INIT(LOCK_LOG);
    lock_take(&a);
    lock_take(&b);
}

static void take_in_rising_rank(void)
{
    struct lock low = LOCK_INIT(LOCK_SERVE), high = LOCK_INIT(LOCK_LOG);
    for (int i = 0; i < 3; i++) { // given back in either order
        lock_take(&low);
        lock_take(&high);
        lock_give(i % 2 ? &low : &high);
        lock_give(i % 2 ? &high : &low);
    }
}

static void test_locks_in_the_wrong_order_abort_in_debug_builds(void **state)
{
    (void)state;
#ifdef NDEBUG
    skip();
#endif
    assert_true(aborts(take_in_falling_rank));
    assert_true(aborts(take_two_of_one_rank));
    assert_false(aborts(take_in_rising_rank));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_keeps_others_out),
        cmocka_unit_test(test_rwlock_readers_see_whole_changes),
        cmocka_unit_test(test_cond_wakes_a_waiter),
        cmocka_unit_test(test_cond_gives_up_at_its_deadline),
        cmocka_unit_test(test_locks_in_the_wrong_order_abort_in_debug_builds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
