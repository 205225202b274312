/* A pool of threads that run jobs from a bounded queue. */
#ifndef TELLTALE_NET_WORKERS_H
#define TELLTALE_NET_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct workers;

/* `name` shows up as the threads' name; `run` gets each job. */
int workers_new(const char *name, unsigned threads, size_t queue, void (*run)(void *job),
                struct workers **out, struct err *err);

/* False when the queue is full or closed: the job stays the caller's. Threads: any. */
bool workers_submit(struct workers *w, void *job);

/* Refuses new jobs, runs those that wait, joins the threads. NULL is fine. */
void workers_free(struct workers *w);

#endif
