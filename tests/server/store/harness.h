/* What the store's tests share: a store on a crash file system with a clock that stands still,
 * batches written as text, and reading back. */
#ifndef TELLTALE_TESTS_SERVER_STORE_HARNESS_H
#define TELLTALE_TESTS_SERVER_STORE_HARNESS_H

#include "base/arena.h"
#include "model/batch.h"
#include "model/matcher.h"
#include "store/embedded/engine.h"
#include "support/check.h"
#include "support/crash_fs.h"

/* 2026-11-21T12:00:00Z */
#define NOON INT64_C(1795262400000)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

enum { HARNESS_RULES = 4 };

/* Rules of retention of one table. */
struct harness_rules {
    struct store_retention_rule v[HARNESS_RULES];
    struct matcher matchers[HARNESS_RULES][2];
    size_t n;
};

struct harness {
    struct crash_fs *disk;
    struct store *store;
    struct store_options options;
    struct batch batch;
};

/* The clock of all harnesses: NOON until set. */
void harness_set_now(int64_t unix_ms);

void harness_init(struct harness *h);
void harness_done(struct harness *h); /* closes the store if it is open */

/* Opens and replays; the note of the replay (freed by the next call) is returned. */
const char *harness_open(struct harness *h);
void harness_close(struct harness *h);
void harness_reopen(struct harness *h);           /* close, open */
void harness_kill(struct harness *h);             /* the process dies; open */
void harness_kill_and_compare(struct harness *h); /* what was read before is read afterwards */
void harness_power_loss(struct harness *h);

/* What a check of a directory that nobody has open finds: "damage: FILE: what\n…", remarks too when
 * asked for. Freed by the next call. harness_sound: fails the test when something is damaged that
 * the store has not set aside; every reopening, kill and power loss includes it. */
const char *harness_check(struct harness *h, const char *dir, bool remarks);
void harness_sound(struct harness *h);

/* Label set from text: "name{a=b,c=d}", in the arena. */
struct labels harness_labels(struct arena *a, const char *text);

/* Adds a row to the batch. */
struct batch_series *harness_series(struct harness *h, const char *labels);
void harness_float(struct harness *h, const char *labels, int64_t t, double v);

/* Adds a series as a receiver does that sends the same bytes for it each time: known to the store,
 * or with its labels. The same labels may be sent in several forms. */
struct batch_series *harness_sent(struct store *s, struct batch *b, struct labels labels,
                                  uint64_t form);

/* Appends the batch and empties it. */
int harness_append(struct harness *h, struct sink_result *out, struct err *err);

/* Appends one row; fails the test when it is not accepted. */
void harness_put(struct harness *h, const char *labels, int64_t t, double v);

/* Appends a log record with the body "hello". */
void harness_put_log(struct harness *h, int64_t t_unix_ms);

/* How many log records there are from `min_ms` to `max_ms`; `out_damaged` as store_scan says. */
size_t harness_count_logs(struct harness *h, int64_t min_ms, int64_t max_ms, uint64_t *out_damaged);

/* "a=x", "a!=x", "a=~x", "a!~x" separated by spaces, as matchers; harness_matchers_done. */
size_t harness_matchers(const char *text, struct matcher *out, size_t max);
void harness_matchers_done(struct matcher *v, size_t n);

/* Adds the rule to those of a table in h->options: streams that match are kept for `keep_ms`. The
 * rules live as long as `rules`, until harness_rules_done. */
void harness_keep(struct harness_rules *rules, struct store_retention_rules *table,
                  const char *matchers, int64_t keep_ms);
void harness_rules_done(struct harness_rules *rules);

/* All rows of all streams that match, as text, one stream a line:
 *   up{a=b} 1000=1 2000=2.5
 * times relative to NOON. The result is freed by the next call. */
const char *harness_read(struct harness *h, const char *matchers, int64_t min_ms, int64_t max_ms);
#define check_rows(h, matchers, expected)                                                          \
    assert_string_equal(harness_read((h), (matchers), INT64_MIN, INT64_MAX), (expected))

/* Values of a label (or names, with NULL) joined by blanks. */
const char *harness_values(struct harness *h, const char *name, const char *matchers);

/* The number in an environment variable, `usual` where it is not set. */
size_t harness_setting(const char *name, size_t usual);

/* A valid native histogram in the arena, counts from `seed`. */
struct histogram *harness_histogram(struct arena *a, uint64_t seed);

#endif
