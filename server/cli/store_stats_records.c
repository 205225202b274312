/* Spans and logs in `telltale store stats`. */
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "cli/store_stats.h"

/* --- for people ------------------------------------------------------------------------------- */

static void print_columns(const struct store_record_measure *m)
{
    (void)printf("\n%14s %12s %14s %10s %10s %6s %-7s %-16s %s\n", "bytes", "of filters", "values",
                 "bytes/row", "distinct", "%", "type", "codec", "column");
    for (size_t i = 0; i < m->n_columns; i++) {
        const struct store_record_column *c = &m->columns[i];
        (void)printf("%14" PRIu64 " %12" PRIu64 " %14" PRIu64 " %10.3f %10" PRIu64
                     " %6.1f %-7s %-16s %.*s\n",
                     c->bytes, c->filter_bytes, c->values, stats_per_row(c->bytes, m->files.rows),
                     c->distinct, stats_percent(c->bytes, m->files.bytes), c->type, c->codec,
                     STR_ARG(c->name));
    }
    if (m->all_columns > m->n_columns)
        (void)printf("%14s and %zu more\n", "", m->all_columns - m->n_columns);
}

void stats_print_records(enum record_table table, const struct store_record_measure *m)
{
    const double mib = 1 << 20;
    (void)printf("\n");
    stats_print_files(record_table_name(table), &m->files, m->min_unix_ns / NS_PER_MS,
                      m->max_unix_ns / NS_PER_MS);
    if (m->files.rows == 0)
        return;
    (void)printf("  of which columns %.1f MiB, filters %.1f MiB, index %.1f MiB; %.1f MiB before\n"
                 "  compression; %" PRIu64 " groups of rows, %" PRIu64 " sources\n",
                 (double)m->column_bytes / mib, (double)m->filter_bytes / mib,
                 (double)m->index_bytes / mib, (double)m->raw_bytes / mib, m->groups, m->sources);
    print_columns(m);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void put_columns(struct json *j, const struct store_record_measure *m)
{
    json_key(j, "columns");
    json_array(j);
    for (size_t i = 0; i < m->n_columns; i++) {
        const struct store_record_column *c = &m->columns[i];
        json_object(j);
        json_member_str(j, "column", c->name);
        json_member_str(j, "type", str_c(c->type));
        json_member_str(j, "codec", str_c(c->codec));
        stats_put_u64(j, "blocks", c->blocks);
        stats_put_u64(j, "values", c->values);
        stats_put_u64(j, "bytes", c->bytes);
        stats_put_u64(j, "filter_bytes", c->filter_bytes);
        stats_put_u64(j, "distinct", c->distinct);
        json_object_end(j);
    }
    json_array_end(j);
    stats_put_u64(j, "columns_in_all", m->all_columns);
}

void stats_put_records(struct json *j, enum record_table table,
                       const struct store_record_measure *m)
{
    json_key(j, record_table_name(table));
    json_object(j);
    stats_put_files(j, &m->files);
    stats_put_u64(j, "groups", m->groups);
    stats_put_u64(j, "sources", m->sources);
    stats_put_u64(j, "raw_bytes", m->raw_bytes);
    stats_put_u64(j, "column_bytes", m->column_bytes);
    stats_put_u64(j, "filter_bytes", m->filter_bytes);
    stats_put_u64(j, "index_bytes", m->index_bytes);
    if (m->files.rows) {
        json_member_i64(j, "min_unix_ns", m->min_unix_ns);
        json_member_i64(j, "max_unix_ns", m->max_unix_ns);
    }
    put_columns(j, m);
    json_object_end(j);
}
