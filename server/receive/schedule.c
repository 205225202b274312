/* Invariants, all guarded by `lock`: heap[i].due <= heap[2i+1].due, heap[2i+2].due; a task is in
 * the heap exactly while it is TASK_WAITING; the heap has room for all waiting and running tasks.
 *
 * Of the idle threads one, the leader, waits for the time of the heap's top; the others follow,
 * waiting without a time. A leader that takes a task wakes a follower to lead. */
#include "receive/schedule.h"

#include <stdlib.h>

#include "base/lock.h"
#include "base/thread.h"
#include "base/time.h"

struct schedule {
    struct lock lock;
    struct cond top;       /* for the leader: the heap's top is another, or stop */
    struct cond followers; /* the lead is free, or stop */
    struct cond finished;  /* some task's run ended */
    struct task **heap;    /* owned; the tasks are not */
    size_t n, cap;
    size_t n_tasks;         /* waiting and running */
    struct thread *threads; /* owned, max_threads of them */
    unsigned n_threads, max_threads, n_idle, n_running;
    bool led; /* there is a leader */
    bool stop;
};

/* ---- The heap ---- */

static void place(struct schedule *s, size_t at, struct task *t)
{
    s->heap[at] = t;
    t->at = at;
}

static void sift_up(struct schedule *s, size_t at)
{
    struct task *t = s->heap[at];
    for (; at > 0 && s->heap[(at - 1) / 2]->due_mono_ns > t->due_mono_ns; at = (at - 1) / 2)
        place(s, at, s->heap[(at - 1) / 2]);
    place(s, at, t);
}

static void sift_down(struct schedule *s, size_t at)
{
    struct task *t = s->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < s->n && s->heap[child + 1]->due_mono_ns < s->heap[child]->due_mono_ns)
            child++;
        if (child >= s->n || s->heap[child]->due_mono_ns >= t->due_mono_ns)
            break;
        place(s, at, s->heap[child]);
        at = child;
    }
    place(s, at, t);
}

static int heap_reserve(struct schedule *s, size_t n)
{
    if (n <= s->cap)
        return 0;
    size_t cap = s->cap ? s->cap * 2 : 64;
    struct task **heap = realloc(s->heap, cap * sizeof *heap);
    if (!heap)
        return ERR_NOMEM;
    s->heap = heap;
    s->cap = cap;
    return 0;
}

static void heap_put(struct schedule *s, struct task *t, int64_t due_mono_ns)
{
    t->due_mono_ns = due_mono_ns;
    t->state = TASK_WAITING;
    place(s, s->n++, t);
    sift_up(s, t->at);
    if (t->at == 0)
        cond_signal(&s->top);
}

static void heap_take(struct schedule *s, struct task *t)
{
    size_t at = t->at;
    struct task *last = s->heap[--s->n];
    if (last != t) {
        place(s, at, last);
        sift_up(s, at);
        sift_down(s, last->at);
    }
}

/* ---- The threads ---- */

static void work(void *arg);

/* One more thread when all run tasks and more of them wait: whether or not one is due yet, somebody
 * must be there when it is. A thread that is neither idle nor runs a task is about to look. A
 * refusal of the system is no error: the threads there are get to the task later. */
static void grow(struct schedule *s)
{
    if (s->stop || s->n_running < s->n_threads || s->n_threads == s->max_threads || !s->n)
        return;
    if (thread_start(&s->threads[s->n_threads], "scrape", work, s, NULL) == 0)
        s->n_threads++;
}

/* Runs a due task; called and returns with the lock. */
static void run_task(struct schedule *s, struct task *t)
{
    heap_take(s, t);
    t->state = TASK_RUNNING;
    s->n_running++;
    if (s->n_idle && !s->led)
        cond_signal(&s->followers);
    grow(s);
    lock_give(&s->lock);
    int64_t due = t->run(t);
    lock_take(&s->lock);
    s->n_running--;
    if (due == TASK_DONE || t->removed) {
        t->state = TASK_IDLE;
        s->n_tasks--;
    } else {
        heap_put(s, t, due);
    }
    cond_broadcast(&s->finished);
}

static void wait_for_work(struct schedule *s, int64_t due_mono_ns)
{
    s->n_idle++;
    if (s->led) {
        cond_wait(&s->followers, &s->lock);
    } else {
        s->led = true;
        (void)cond_wait_until(&s->top, &s->lock, due_mono_ns); // the caller looks again anyway
        s->led = false;
    }
    s->n_idle--;
}

static void work(void *arg)
{
    struct schedule *s = arg;
    lock_take(&s->lock);
    while (!s->stop) {
        int64_t now = time_now_mono_ns();
        int64_t due = s->n ? s->heap[0]->due_mono_ns : now + NS_PER_S * 3600;
        if (due <= now)
            run_task(s, s->heap[0]);
        else
            wait_for_work(s, due);
    }
    lock_give(&s->lock);
}

int schedule_new(unsigned max_threads, struct schedule **out, struct err *err)
{
    struct schedule *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for the scrape schedule");
    s->threads = calloc(max_threads, sizeof *s->threads);
    s->max_threads = max_threads;
    lock_init(&s->lock, LOCK_SCHEDULE);
    cond_init(&s->top);
    cond_init(&s->followers);
    cond_init(&s->finished);

    int rc = s->threads ? thread_start(&s->threads[0], "scrape", work, s, err)
                        : err_set(err, ERR_NOMEM, "out of memory for the scrape schedule");
    if (rc != 0) {
        schedule_free(s);
        return rc;
    }
    lock_take(&s->lock);
    s->n_threads = 1;
    lock_give(&s->lock);
    *out = s;
    return 0;
}

void schedule_free(struct schedule *s)
{
    if (!s)
        return;
    lock_take(&s->lock);
    s->stop = true;
    unsigned n_threads = s->n_threads;
    cond_broadcast(&s->top);
    cond_broadcast(&s->followers);
    lock_give(&s->lock);
    for (unsigned i = 0; i < n_threads; i++)
        thread_join(&s->threads[i]);
    cond_done(&s->top);
    cond_done(&s->followers);
    cond_done(&s->finished);
    lock_done(&s->lock);
    free(s->threads);
    free(s->heap);
    free(s);
}

int schedule_add(struct schedule *s, struct task *t, int64_t due_mono_ns)
{
    lock_take(&s->lock);
    int rc = heap_reserve(s, s->n_tasks + 1);
    if (rc == 0) {
        s->n_tasks++;
        t->removed = false;
        heap_put(s, t, due_mono_ns);
        grow(s);
    }
    lock_give(&s->lock);
    return rc;
}

void schedule_move(struct schedule *s, struct task *t, int64_t due_mono_ns)
{
    lock_take(&s->lock);
    if (t->state == TASK_WAITING) {
        heap_take(s, t);
        heap_put(s, t, due_mono_ns);
    }
    lock_give(&s->lock);
}

void schedule_remove(struct schedule *s, struct task *t)
{
    lock_take(&s->lock);
    t->removed = true;
    if (t->state == TASK_WAITING) {
        heap_take(s, t);
        t->state = TASK_IDLE;
        s->n_tasks--;
    }
    while (t->state == TASK_RUNNING)
        cond_wait(&s->finished, &s->lock);
    lock_give(&s->lock);
}

unsigned schedule_threads(struct schedule *s)
{
    lock_take(&s->lock);
    unsigned n = s->n_threads;
    lock_give(&s->lock);
    return n;
}
