/* A store that rolls up, days of samples in it, and what is read of them. */
#ifndef TELLTALE_TESTS_SERVER_STORE_DAYS_H
#define TELLTALE_TESTS_SERVER_STORE_DAYS_H

#include "harness.h"
#include "store/aggregates.h"

#define MINUTE (60 * SECOND)

/* The first millisecond of days around NOON: 0 is today, 1 yesterday, … */
int64_t days_start(int days_ago);

/* A store that keeps samples for 30 days and rolls up what is over. It ends with harness_done. */
void days_begin(struct harness *h);
void days_begin_with(struct harness *h, enum store_durability durability);

/* A row each seventh minute of a day in a{s=1}, a{s=2} and b{s=1,x=y}: `shift` + minute of the
 * day. */
void days_fill(struct harness *h, int days_ago, double shift);

void days_maintain(struct harness *h);

/* Fills the days from `first` to `last` and rolls up those that are over. */
void days_roll_up(struct harness *h, int first, int last);

void days_reconfigure(struct harness *h); /* h->options hold */
void days_keep_samples(struct harness *h, int64_t keep_ms);

/* How many parts there are whose path has the text. */
size_t days_files(struct harness *h, const char *directory);

struct days_reading {
    struct selection *sel;
    struct arena arena;
    struct aggregates rows;
};

/* Rows of a{s=1}; ends with days_read_end. */
void days_read(struct harness *h, struct days_reading *r, int64_t min_ms, int64_t max_ms,
               int64_t resolution_ms, bool prefer);
void days_read_end(struct days_reading *r);

/* Samples, sum and days rolled up of a{s=1} in [min, max], as text, until the next call. */
const char *days_summary(struct harness *h, int64_t min_ms, int64_t max_ms, bool prefer);

/* Of its 24 hours, which begin behind the first millisecond and end with that of the next day. */
const char *days_summary_of(struct harness *h, int days_ago);

/* Whether that summary begins so: "206 samples". */
bool days_has(struct harness *h, int days_ago, const char *samples);

/* Deletes the samples in [min, max] of what the matchers select, as harness_matchers reads them. */
void days_delete(struct harness *h, const char *text, int64_t min_ms, int64_t max_ms);

#endif
