#include "store/embedded/size_limit.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/partitions.h"
#include "store/embedded/records/records.h"

static struct self_metric dropped_total =
    SELF_COUNTER("telltale_store_partitions_dropped_total",
                 "Days removed because of the retention, by what was exceeded.", "table", "reason");

void size_limit_note(const char *table, int64_t day, const char *reason)
{
    char name[DAY_NAME_MAX];
    day_format_name(name, day);
    self_add(&dropped_total, 1, table, reason);
    log_info("store", "a day is removed", LOG_STR("table", table), LOG_STR("day", name),
             LOG_STR("retention", reason));
}

/* --- what there is ---------------------------------------------------------------------------- */

/* Tables by number: those of records, then metrics, and behind them what is rolled up: of one day
 * samples go first, or aggregates would be made of them again. */
enum { METRICS = RECORD_TABLES, AGGREGATES, TABLES };

static const char *table_name(int table)
{
    return table == METRICS      ? "metrics"
           : table == AGGREGATES ? "aggregates"
                                 : record_table_name((enum record_table)table);
}

static uint64_t metrics_bytes(struct store *s)
{
    uint64_t bytes = 0;
    struct wal_state log;
    wal_get_state(&s->wal, &log);
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_partitions; i++)
        for (size_t k = 0; k < s->partitions[i]->n; k++)
            bytes += s->partitions[i]->parts[k]->size;
    lock_give(&s->parts_lock);
    return bytes + log.bytes;
}

static uint64_t aggregates_bytes(struct store *s)
{
    uint64_t bytes = 0;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++)
        for (size_t k = 0; k < s->aggregates[i].n; k++)
            bytes += s->aggregates[i].parts[k]->size;
    lock_give(&s->parts_lock);
    return bytes;
}

static uint64_t bytes_of(struct store *s, int table)
{
    return table == METRICS      ? metrics_bytes(s)
           : table == AGGREGATES ? aggregates_bytes(s)
                                 : record_store_bytes(s->records[table]);
}

static bool metrics_days(struct store *s, int64_t *out_first, int64_t *out_last)
{
    lock_take(&s->parts_lock);
    bool any = s->n_partitions > 0;
    if (any) {
        *out_first = s->partitions[0]->day;
        *out_last = s->partitions[s->n_partitions - 1]->day;
    }
    lock_give(&s->parts_lock);
    return any;
}

static bool aggregates_days(struct store *s, int64_t *out_first, int64_t *out_last)
{
    *out_first = INT64_MAX;
    *out_last = INT64_MIN;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++) {
        const struct aggregate_list *l = &s->aggregates[i]; // by day
        *out_first = l->n ? MIN(*out_first, l->parts[0]->day) : *out_first;
        *out_last = l->n ? MAX(*out_last, l->parts[l->n - 1]->day) : *out_last;
    }
    lock_give(&s->parts_lock);
    return *out_first <= *out_last;
}

static bool days_of(struct store *s, int table, int64_t *out_first, int64_t *out_last)
{
    return table == METRICS      ? metrics_days(s, out_first, out_last)
           : table == AGGREGATES ? aggregates_days(s, out_first, out_last)
                                 : record_store_days(s->records[table], out_first, out_last);
}

/* --- what goes -------------------------------------------------------------------------------- */

/* The table with the oldest day that may go; TABLES: none. */
static int oldest(struct store *s, int64_t *out_day)
{
    int64_t today = store_now_ms(s) / MS_PER_DAY, newest = INT64_MIN;
    int best = TABLES;
    *out_day = INT64_MAX;
    for (int i = 0; i < TABLES; i++) {
        int64_t first, last;
        if (!days_of(s, i, &first, &last))
            continue;
        newest = MAX(newest, last);
        if (first < *out_day) {
            best = i;
            *out_day = first;
        }
    }
    return *out_day < MIN(today, newest) ? best : TABLES;
}

static int drop_aggregates(struct store *s, int64_t day, struct err *err)
{
    struct part **parts = NULL;
    size_t n = 0;
    int rc = aggregates_snapshot(s, &parts, &n);
    if (rc != 0)
        return err_set(err, rc, "limit of bytes: out of memory");
    lock_take(&s->aggregate);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && parts[i]->day == day)
            rc = aggregates_remove(s, parts[i], err);
        part_unref(parts[i]);
    }
    lock_give(&s->aggregate);
    free(parts);
    return rc;
}

static int drop(struct store *s, int table, int64_t day, struct err *err)
{
    if (table == AGGREGATES)
        return drop_aggregates(s, day, err);
    if (table != METRICS)
        return record_store_drop_day(s->records[table], day, err);
    lock_take(&s->table);
    int rc = partition_drop(s, day, err);
    lock_give(&s->table);
    return rc;
}

/* Tables take turns, day by day: if the next thread came by after some seconds, days would go more
 * slowly than an import brings them. */
static void hand_over(struct store *s, int table)
{
    if (table < METRICS)
        records_background_want_merge(s);
    else
        background_want_look(s);
}

int size_limit_apply(struct store *s, unsigned which, struct err *err)
{
    uint64_t max = atomic_get_relaxed(&s->max_bytes), used = 0;
    int rc = 0;
    if (!max || !atomic_get_acquire(&s->replayed)) // pairs with the release in store_replay
        return 0;
    for (int i = 0; i < TABLES; i++)
        used += bytes_of(s, i);
    while (rc == 0 && used > max) {
        int64_t day;
        int table = oldest(s, &day);
        unsigned whose = table < METRICS ? SIZE_LIMIT_RECORDS : SIZE_LIMIT_METRICS;
        if (table == TABLES)
            break;
        if (!(which & whose)) {
            hand_over(s, table);
            break;
        }
        uint64_t before = bytes_of(s, table);
        rc = drop(s, table, day, err);
        uint64_t after = bytes_of(s, table);
        used -= before > after ? MIN(used, before - after) : 0;
        size_limit_note(table_name(table), day, "size");
    }
    return rc;
}
