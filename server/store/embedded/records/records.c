/* The record tables as one: opening and keeping them, and the public face, which finds the table
 * and names columns. */
#include "store/embedded/records/records.h"

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/engine.h"
#include "store/embedded/size_limit.h"
#include "store/records.h"

enum { HEAD_BYTES = 64 << 20, SPAN_DAYS = 7, LOG_DAYS = 90 };

/* --- together --------------------------------------------------------------------------------- */

static struct record_limits limits_of(const struct store_options *o, enum record_table table)
{
    int64_t days = table == RECORD_SPANS ? SPAN_DAYS : LOG_DAYS;
    int64_t retention = o->retention_records_ms[table];
    return (struct record_limits){
        .retention_ms = retention ? retention : days * MS_PER_DAY,
        .rules = &o->retention_records_rules[table],
        .max_future_ms = store_max_future_ms(o, retention),
        .flush_after_ms = o->flush_after_ms ? o->flush_after_ms : 10 * 60 * MS_PER_S,
        .head_max_bytes =
            o->head_max_bytes ? MIN(o->head_max_bytes, (size_t)HEAD_BYTES) : (size_t)HEAD_BYTES,
    };
}

int records_open(struct store *s, const struct store_options *o, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < RECORD_TABLES; i++) {
        struct record_limits limits = limits_of(o, (enum record_table)i);
        rc =
            record_store_open(s->fs, s->dir, (enum record_table)i,
                              s->durability == STORE_DURABILITY_DISK, &limits, &s->records[i], err);
        if (rc == 0) {
            s->records[i]->now_unix_ms = s->now_unix_ms;
            s->records[i]->cancelled = &s->cancelled;
            s->records[i]->want_flush = records_background_want_flush;
            s->records[i]->want_flush_arg = s;
        }
    }
    return rc;
}

int records_set_limits(struct store *s, const struct store_options *o, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < RECORD_TABLES; i++) {
        struct record_limits limits = limits_of(o, (enum record_table)i);
        if (s->records[i])
            rc = record_store_set_limits(s->records[i], &limits, err);
    }
    return rc;
}

int records_replay(struct store *s, uint64_t *out_rows, struct err *err)
{
    int rc = 0;
    *out_rows = 0;
    for (int i = 0; rc == 0 && i < RECORD_TABLES; i++) {
        uint64_t rows = 0;
        rc = record_store_replay(s->records[i], &rows, err);
        *out_rows += rows;
    }
    return rc;
}

bool records_is_flush_due(struct store *s)
{
    bool due = false;
    for (int i = 0; i < RECORD_TABLES; i++)
        due |= record_store_is_flush_due(s->records[i]);
    return due;
}

int records_flush(struct store *s, struct err *err)
{
    int rc = 0;
    for (int i = 0; i < RECORD_TABLES; i++) {
        int one = record_store_flush(s->records[i], rc == 0 ? err : NULL);
        rc = rc == 0 ? one : rc;
    }
    return rc;
}

int records_maintain(struct store *s, bool all, struct err *err)
{
    int rc = 0;
    for (int i = 0; rc != ERR_CANCELLED && i < RECORD_TABLES; i++) {
        struct err e = {0};
        int one = record_store_maintain(s->records[i], all, &e);
        if (one != 0 && rc == 0)
            rc = err_set(err, one, "%s", e.message);
    }
    if (rc == ERR_CANCELLED)
        return rc;
    /* A full disk fails a merge: then the limits are what makes room. */
    int limit = size_limit_apply(s, SIZE_LIMIT_RECORDS, rc == 0 ? err : NULL);
    return rc == 0 ? limit : rc;
}

int records_hold(struct store *s, bool skip_head, struct err *err)
{
    int rc = 0;
    for (int i = 0; i < RECORD_TABLES; i++) {
        lock_take(&s->records[i]->merge_lock);
        lock_take(&s->records[i]->table_lock);
        if (rc == 0 && !skip_head)
            rc = record_store_flush_locked(s->records[i], err);
    }
    return rc;
}

void records_release(struct store *s)
{
    for (int i = RECORD_TABLES - 1; i >= 0; i--) {
        lock_give(&s->records[i]->table_lock);
        lock_give(&s->records[i]->merge_lock);
    }
}

void records_abandon(struct store *s)
{
    for (int i = 0; i < RECORD_TABLES; i++)
        record_store_abandon(s->records[i]);
}

/* --- the public face -------------------------------------------------------------------------- */

static struct record_store *table_of(struct store *s, enum record_table table)
{
    return s->records[table];
}

int store_append_records(struct store *s, const struct record_batch *b, struct sink_result *out,
                         struct err *err)
{
    return record_store_append(table_of(s, b->table), b, out, err);
}

int store_scan(struct store *s, const struct record_scan *scan, struct record_scan_stats *stats,
               struct err *err)
{
    return record_store_scan(table_of(s, scan->table), scan, stats, err);
}

int store_list_sources(struct store *s, enum record_table table, int64_t min_unix_ns,
                       int64_t max_unix_ns,
                       int (*each)(void *arg, const struct record_source *source), void *arg,
                       struct err *err)
{
    return record_store_sources(table_of(s, table), min_unix_ns, max_unix_ns, each, arg, err);
}

int store_list_attributes(struct store *s, enum record_table table, int64_t min_unix_ns,
                          int64_t max_unix_ns, int (*each)(void *arg, struct str name), void *arg,
                          struct err *err)
{
    return record_store_attributes(table_of(s, table), min_unix_ns, max_unix_ns, each, arg, err);
}

int store_delete_records(struct store *s, enum record_table table, const struct predicate *where,
                         int64_t min_unix_ns, int64_t max_unix_ns, uint64_t *out_rows,
                         struct err *err)
{
    return record_store_delete(table_of(s, table), where, min_unix_ns, max_unix_ns, out_rows, err);
}

/* --- names of columns ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum source_field field;
} source_fields[] = {
    {"scope.name", SOURCE_SCOPE_NAME},
    {"scope.version", SOURCE_SCOPE_VERSION},
    {"scope.schema_url", SOURCE_SCOPE_SCHEMA_URL},
    {"scope.dropped_attributes", SOURCE_SCOPE_DROPPED},
    {"resource.schema_url", SOURCE_RESOURCE_SCHEMA_URL},
    {"resource.dropped_attributes", SOURCE_RESOURCE_DROPPED},
};

static const struct {
    const char *prefix;
    enum column_origin origin;
} origins[] = {
    {"attributes.", COLUMN_ATTRIBUTE},
    {"resource.", COLUMN_RESOURCE},
    {"scope.attributes.", COLUMN_SCOPE},
};

static bool parse_field(enum record_table table, struct str text, struct column_ref *out)
{
    size_t n;
    const struct record_field *fields = record_fields(table, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(text, str_c(fields[i].name))) {
            *out = (struct column_ref){.origin = COLUMN_FIELD, .field = (int)i};
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(source_fields); i++) {
        if (str_eq(text, str_c(source_fields[i].name))) {
            *out =
                (struct column_ref){.origin = COLUMN_SOURCE, .field = (int)source_fields[i].field};
            return true;
        }
    }
    return false;
}

bool column_parse(enum record_table table, struct str text, struct column_ref *out)
{
    if (str_eq(text, STR("time"))) {
        *out = (struct column_ref){.origin = COLUMN_TIME};
        return true;
    }
    if (parse_field(table, text, out))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(origins); i++) {
        struct str prefix = str_c(origins[i].prefix);
        if (str_starts(text, prefix) && text.n > prefix.n) {
            *out = (struct column_ref){.origin = origins[i].origin,
                                       .name = str_sub(text, prefix.n, SIZE_MAX)};
            return true;
        }
    }
    return false;
}
