/* What the two halves of `telltale store stats` share: metrics, and tables of records. */
#ifndef TELLTALE_CLI_STORE_STATS_H
#define TELLTALE_CLI_STORE_STATS_H

#include "codec/json_write.h"
#include "store/inspect.h"

/* 0 when `rows` is. */
double stats_per_row(uint64_t bytes, uint64_t rows);
double stats_percent(uint64_t part, uint64_t whole);

/* "  2 days, 3 parts, …": what all tables have. Times in ms. */
void stats_print_files(const char *table, const struct store_measured_files *f, int64_t min_unix_ms,
                       int64_t max_unix_ms);
void stats_put_files(struct json *j, const struct store_measured_files *f);
void stats_put_u64(struct json *j, const char *name, uint64_t v);

/* A table of records, for people and for programs (a member of the open object). */
void stats_print_records(enum record_table table, const struct store_record_measure *m);
void stats_put_records(struct json *j, enum record_table table,
                       const struct store_record_measure *m);

#endif
