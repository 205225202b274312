#include "days.h"

#include <stdio.h>

#include "base/compiler.h"

int64_t days_start(int days_ago)
{
    return NOON - 12 * HOUR - days_ago * DAY;
}

void days_begin_with(struct harness *h, enum store_durability durability)
{
    harness_init(h);
    h->options.durability = durability;
    h->options.retention_ms = 30 * DAY;
    h->options.aggregates.enabled = true;
    h->options.aggregates.after_ms = 1;
    harness_open(h);
}

void days_begin(struct harness *h)
{
    days_begin_with(h, STORE_DURABILITY_PROCESS);
}

static const char *const streams[] = {"a{s=1}", "a{s=2}", "b{s=1,x=y}"};

void days_fill(struct harness *h, int days_ago, double shift)
{
    for (int minute = 0; minute < 1440; minute += 7) {
        for (size_t i = 0; i < ARRAY_LEN(streams); i++)
            harness_float(h, streams[i], days_start(days_ago) + minute * MINUTE, shift + minute);
        assert_int_equal(harness_append(h, NULL, NULL), 0);
    }
}

void days_maintain(struct harness *h)
{
    struct err err = {0};
    int rc = store_maintain(h->store, true, &err);
    if (rc != 0)
        fail_msg("maintain: %s", err.message);
}

void days_roll_up(struct harness *h, int first, int last)
{
    for (int day = first; day <= last; day++)
        days_fill(h, day, 0);
    days_maintain(h);
}

void days_reconfigure(struct harness *h)
{
    assert_int_equal(store_reconfigure(h->store, &h->options, NULL), 0);
}

void days_keep_samples(struct harness *h, int64_t keep_ms)
{
    h->options.retention_ms = keep_ms;
    days_reconfigure(h);
    days_maintain(h);
}

size_t days_files(struct harness *h, const char *directory)
{
    size_t n = 0;
    const char *path;
    for (size_t i = 0; (path = crash_fs_path(h->disk, ".part", i)); i++)
        n += strstr(path, directory) != NULL;
    return n;
}

/* --- reading ---------------------------------------------------------------------------------- */

void days_read(struct harness *h, struct days_reading *r, int64_t min_ms, int64_t max_ms,
               int64_t resolution_ms, bool prefer)
{
    struct matcher m[2];
    size_t n = harness_matchers("s=1 __name__=a", m, 2);
    assert_int_equal(store_select_aggregated(h->store, m, n, min_ms, max_ms, resolution_ms, prefer,
                                             NULL, &r->sel, NULL),
                     0);
    harness_matchers_done(m, n);
    arena_init(&r->arena, (size_t)1 << 30);
    aggregates_init(&r->rows, AGGREGATE_ALL, &r->arena);
    if (selection_count(r->sel))
        assert_int_equal(selection_read_aggregates(r->sel, 0, min_ms, max_ms, 1, &r->rows, NULL),
                         0);
}

void days_read_end(struct days_reading *r)
{
    aggregates_done(&r->rows);
    arena_done(&r->arena);
    selection_free(r->sel);
}

const char *days_summary(struct harness *h, int64_t min_ms, int64_t max_ms, bool prefer)
{
    static char text[128];
    struct days_reading r;
    days_read(h, &r, min_ms, max_ms, HOUR, prefer);
    double sum = 0;
    int64_t n = 0;
    for (size_t i = 0; i < r.rows.n; i++) {
        sum += r.rows.v[i].sum;
        n += r.rows.v[i].n;
    }
    struct selection_aggregates used = selection_aggregates(r.sel);
    (void)snprintf(text, sizeof text, "%lld samples, sum %.0f, %zu rolled up, %zu expired",
                   (long long)n, sum, used.days, used.expired);
    days_read_end(&r);
    return text;
}

const char *days_summary_of(struct harness *h, int days_ago)
{
    return days_summary(h, days_start(days_ago) + 1, days_start(days_ago - 1), true);
}

bool days_has(struct harness *h, int days_ago, const char *samples)
{
    return strncmp(days_summary_of(h, days_ago), samples, strlen(samples)) == 0;
}

void days_delete(struct harness *h, const char *text, int64_t min_ms, int64_t max_ms)
{
    struct matcher m[2];
    struct err err = {0};
    size_t n = harness_matchers(text, m, 2);
    if (store_delete(h->store, m, n, min_ms, max_ms, &err) != 0)
        fail_msg("delete: %s", err.message);
    harness_matchers_done(m, n);
}
