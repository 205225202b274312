#include "receive/schedule.h"

#include "base/compiler.h"
#include "base/lock.h"
#include "base/time.h"
#include "support/check.h"

/* A task that counts its runs and tells when it has run often enough. */
struct counted {
    struct task task;
    struct lock lock;
    struct cond changed;
    int runs, wanted;
    int64_t period_ns; /* TASK_DONE: runs once */
};

static int64_t count_run(struct task *t)
{
    struct counted *c = CONTAINER_OF(t, struct counted, task);
    lock_take(&c->lock);
    c->runs++;
    cond_broadcast(&c->changed);
    lock_give(&c->lock);
    return c->period_ns == TASK_DONE ? TASK_DONE : time_now_mono_ns() + c->period_ns;
}

static void counted_init(struct counted *c, int wanted, int64_t period_ns)
{
    *c = (struct counted){.task.run = count_run, .wanted = wanted, .period_ns = period_ns};
    lock_init(&c->lock, LOCK_LEAF);
    cond_init(&c->changed);
}

static void counted_wait(struct counted *c)
{
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    lock_take(&c->lock);
    while (c->runs < c->wanted)
        assert_true(cond_wait_until(&c->changed, &c->lock, deadline));
    lock_give(&c->lock);
}

static void counted_done(struct counted *c)
{
    cond_done(&c->changed);
    lock_done(&c->lock);
}

static void test_every_task_runs_again_and_again(void **state)
{
    (void)state;
    enum { TASKS = 100 };
    static struct counted tasks[TASKS];
    struct schedule *s;
    assert_int_equal(schedule_new(4, &s, NULL), 0);
    int64_t now = time_now_mono_ns();
    for (int i = 0; i < TASKS; i++) {
        counted_init(&tasks[i], 5, (i % 7) * NS_PER_MS);
        assert_int_equal(schedule_add(s, &tasks[i].task, now + (i * 37 % 10) * NS_PER_MS), 0);
    }
    for (int i = 0; i < TASKS; i++)
        counted_wait(&tasks[i]);
    for (int i = 0; i < TASKS; i++)
        schedule_remove(s, &tasks[i].task);
    assert_true(schedule_threads(s) <= 4);
    schedule_free(s);
    for (int i = 0; i < TASKS; i++)
        counted_done(&tasks[i]);
}

static void test_a_done_task_may_be_added_again(void **state)
{
    (void)state;
    struct schedule *s;
    struct counted c;
    counted_init(&c, 1, TASK_DONE);
    assert_int_equal(schedule_new(1, &s, NULL), 0);
    assert_int_equal(schedule_add(s, &c.task, 0), 0);
    counted_wait(&c);
    schedule_remove(s, &c.task);
    assert_int_equal(c.runs, 1);
    c.wanted = 2;
    assert_int_equal(schedule_add(s, &c.task, 0), 0);
    counted_wait(&c);
    schedule_remove(s, &c.task);
    schedule_free(s);
    counted_done(&c);
}

static void test_a_far_task_can_be_moved_to_now(void **state)
{
    (void)state;
    struct schedule *s;
    struct counted c, later;
    counted_init(&c, 1, TASK_DONE);
    counted_init(&later, 1, TASK_DONE);
    assert_int_equal(schedule_new(1, &s, NULL), 0);
    assert_int_equal(schedule_add(s, &later.task, INT64_MAX - 1), 0);
    assert_int_equal(schedule_add(s, &c.task, INT64_MAX), 0);
    schedule_move(s, &c.task, time_now_mono_ns());
    counted_wait(&c);
    schedule_remove(s, &c.task);
    schedule_remove(s, &later.task);
    assert_int_equal(later.runs, 0);
    schedule_free(s);
    counted_done(&c);
    counted_done(&later);
}

/* Tasks that wait for each other can only end if the schedule gives each a thread. */
struct meeting {
    struct lock lock;
    struct cond changed;
    int present, wanted;
    bool met;
};

struct guest {
    struct task task;
    struct meeting *meeting;
};

static int64_t meet(struct task *t)
{
    struct meeting *m = CONTAINER_OF(t, struct guest, task)->meeting;
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    lock_take(&m->lock);
    m->met |= ++m->present == m->wanted;
    cond_broadcast(&m->changed);
    while (!m->met && cond_wait_until(&m->changed, &m->lock, deadline)) {
    }
    lock_give(&m->lock);
    return TASK_DONE;
}

static void test_threads_grow_while_tasks_wait(void **state)
{
    (void)state;
    enum { GUESTS = 8 };
    struct meeting m = {.wanted = GUESTS};
    struct guest guests[GUESTS];
    struct schedule *s;
    lock_init(&m.lock, LOCK_LEAF);
    cond_init(&m.changed);
    assert_int_equal(schedule_new(GUESTS, &s, NULL), 0);
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = (struct guest){{.run = meet}, &m};
        assert_int_equal(schedule_add(s, &guests[i].task, 0), 0);
    }
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    lock_take(&m.lock);
    while (!m.met)
        assert_true(cond_wait_until(&m.changed, &m.lock, deadline));
    lock_give(&m.lock);
    for (int i = 0; i < GUESTS; i++)
        schedule_remove(s, &guests[i].task);
    assert_int_equal(schedule_threads(s), GUESTS);
    schedule_free(s);
    cond_done(&m.changed);
    lock_done(&m.lock);
}

struct long_task { // or the short one that it waits for
    struct task task;
    struct meeting *meeting;
};

/* Takes until the other one has run. */
static int64_t wait_for_met(struct task *t)
{
    struct meeting *m = CONTAINER_OF(t, struct long_task, task)->meeting;
    int64_t deadline = time_now_mono_ns() + 20 * NS_PER_S;
    lock_take(&m->lock);
    m->present++;
    cond_broadcast(&m->changed);
    while (!m->met && cond_wait_until(&m->changed, &m->lock, deadline)) {
    }
    lock_give(&m->lock);
    return TASK_DONE;
}

static int64_t set_met(struct task *t)
{
    struct meeting *m = CONTAINER_OF(t, struct long_task, task)->meeting;
    lock_take(&m->lock);
    m->met = true;
    cond_broadcast(&m->changed);
    lock_give(&m->lock);
    return TASK_DONE;
}

static void test_a_long_task_does_not_delay_one_that_is_due_later(void **state)
{
    (void)state;
    struct meeting m = {0};
    struct schedule *s;
    lock_init(&m.lock, LOCK_LEAF);
    cond_init(&m.changed);
    assert_int_equal(schedule_new(4, &s, NULL), 0);
    struct long_task one = {{.run = wait_for_met}, &m}, other = {{.run = set_met}, &m};
    int64_t now = time_now_mono_ns();
    assert_int_equal(schedule_add(s, &one.task, now + 20 * NS_PER_MS), 0);
    lock_take(&m.lock);
    while (m.present == 0) // the only thread is busy now
        assert_true(cond_wait_until(&m.changed, &m.lock, now + 20 * NS_PER_S));
    lock_give(&m.lock);
    assert_int_equal(schedule_add(s, &other.task, time_now_mono_ns() + 10 * NS_PER_MS), 0);
    lock_take(&m.lock);
    while (!m.met)
        assert_true(cond_wait_until(&m.changed, &m.lock, now + 10 * NS_PER_S));
    lock_give(&m.lock);
    schedule_remove(s, &one.task);
    schedule_remove(s, &other.task);
    schedule_free(s);
    cond_done(&m.changed);
    lock_done(&m.lock);
}

static void test_removing_waits_for_the_running_task(void **state)
{
    (void)state;
    struct schedule *s;
    struct counted c;
    counted_init(&c, 1, 0); // due again at once, for ever
    assert_int_equal(schedule_new(2, &s, NULL), 0);
    assert_int_equal(schedule_add(s, &c.task, 0), 0);
    counted_wait(&c);
    schedule_remove(s, &c.task);
    int runs = c.runs; // nobody else touches it any more: ThreadSanitizer would tell
    assert_true(runs >= 1);
    schedule_free(s);
    assert_int_equal(c.runs, runs);
    counted_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_runs_again_and_again),
        cmocka_unit_test(test_a_done_task_may_be_added_again),
        cmocka_unit_test(test_a_far_task_can_be_moved_to_now),
        cmocka_unit_test(test_threads_grow_while_tasks_wait),
        cmocka_unit_test(test_a_long_task_does_not_delay_one_that_is_due_later),
        cmocka_unit_test(test_removing_waits_for_the_running_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
