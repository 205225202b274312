/* Runs many periodic tasks on few threads: a heap of tasks by the time they are due, and threads
 * that wait for its top. Threads are added, up to a limit, so that one is left to wait; so
 * a task may wait for the network, which holds one thread, and the others go on. */
#ifndef TELLTALE_RECEIVE_SCHEDULE_H
#define TELLTALE_RECEIVE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct schedule;

enum task_state { TASK_IDLE, TASK_WAITING, TASK_RUNNING };

enum { TASK_DONE = -1 };

struct task {
    /* Runs on one of the threads, never twice at once. Returns when it is due next (monotonic; a
     * time that has passed means at once), or TASK_DONE. */
    int64_t (*run)(struct task *t);

    /* Private; guarded by the schedule's lock. */
    int64_t due_mono_ns;
    size_t at; /* in the heap */
    enum task_state state;
    bool removed;
};

/* Starts the first thread; others are added as they are needed. ERR_NOMEM, ERR_IO (no thread). */
int schedule_new(unsigned max_threads, struct schedule **out, struct err *err);

/* All tasks have been removed or are done. Joins the threads. NULL is fine. */
void schedule_free(struct schedule *s);

/* `t` (borrowed, idle) will run at `due`. ERR_NOMEM. Threads: any. */
int schedule_add(struct schedule *s, struct task *t, int64_t due_mono_ns);

/* Makes it run earlier or later, when it waits for its time. Threads: any. */
void schedule_move(struct schedule *s, struct task *t, int64_t due_mono_ns);

/* Takes it out, waiting for the end of a run in progress (have it cancelled first); a task must not
 * remove itself. After it the task is the caller's again. Threads: any. */
void schedule_remove(struct schedule *s, struct task *t);

unsigned schedule_threads(struct schedule *s);

#endif
