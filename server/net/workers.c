#include "net/workers.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/queue.h"
#include "base/thread.h"

struct workers {
    struct queue *jobs;
    void (*run)(void *job);
    size_t n;
    struct thread threads[];
};

static void work(void *arg)
{
    struct workers *w = arg;
    for (void *job; (job = queue_take(w->jobs, INT64_MAX)) != NULL;)
        w->run(job);
}

int workers_new(const char *name, unsigned threads, size_t queue, void (*run)(void *job),
                struct workers **out, struct err *err)
{
    struct workers *w = calloc(1, sizeof *w + threads * sizeof w->threads[0]);
    if (w)
        w->jobs = queue_new(queue);
    if (!w || !w->jobs) {
        free(w);
        return err_set(err, ERR_NOMEM, "out of memory for workers");
    }
    w->run = run;
    for (; w->n < threads; w->n++) {
        int rc = thread_start(&w->threads[w->n], name, work, w, err);
        if (rc != 0) {
            workers_free(w);
            return rc;
        }
    }
    *out = w;
    return 0;
}

bool workers_submit(struct workers *w, void *job)
{
    return queue_try_put(w->jobs, job);
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    queue_close(w->jobs);
    for (size_t i = 0; i < w->n; i++)
        thread_join(&w->threads[i]);
    queue_free(w->jobs);
    free(w);
}
