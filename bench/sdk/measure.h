/* Runs an operation in one and in two threads, several times, and prints the median and the spread
 * of its nanoseconds of processor time. */
#ifndef TELLTALE_BENCH_SDK_MEASURE_H
#define TELLTALE_BENCH_SDK_MEASURE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 7, THREADS_MAX = 2 };

static size_t operations; /* that a call of the measured function does */

static inline double now_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct job {
    void (*run)(void);
    double ns; /* of this thread's processor time */
};

static inline void *work(void *arg)
{
    struct job *job = arg;
    job->run();
    double start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    job->run();
    job->ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    return NULL;
}

/* The mean of the threads' nanoseconds per operation. */
static inline double run_once(void (*run)(void), int threads)
{
    pthread_t ids[THREADS_MAX];
    struct job jobs[THREADS_MAX];
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        jobs[i] = (struct job){.run = run};
        if (pthread_create(&ids[i], NULL, work, &jobs[i]) != 0)
            abort();
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(ids[i], NULL);
        sum += jobs[i].ns;
    }
    return sum / threads / (double)operations;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void print(const char *name, int threads, double ns[RUNS])
{
    qsort(ns, RUNS, sizeof *ns, by_value);
    printf("telltale\t%s\t%d\t%.2f\t%.2f\t%.2f\n", name, threads, ns[RUNS / 2], ns[0],
           ns[RUNS - 1]);
}

static inline void measure(const char *name, void (*run)(void), size_t n)
{
    operations = n;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        double ns[RUNS];
        for (int i = 0; i < RUNS; i++)
            ns[i] = run_once(run, threads);
        print(name, threads, ns);
    }
}

#endif
