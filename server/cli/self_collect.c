#include "cli/self_collect.h"

#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "self/self.h"
#include "store/store.h"

static void family(struct buf *out, const char *name, enum self_type type, const char *help,
                   double value)
{
    self_write_family(out, name, type, help);
    self_write_sample(out, name, value, (char *)NULL);
}

static void write_store(struct buf *out, const struct store_stats *s)
{
    const struct {
        const char *name, *help;
        enum self_type type;
        double value;
    } v[] = {
        {"telltale_store_series", "Active series.", SELF_TYPE_GAUGE, (double)s->streams},
        {"telltale_store_head_rows", "Rows in memory, not yet in parts.", SELF_TYPE_GAUGE,
         (double)s->head_rows},
        {"telltale_store_head_bytes", "Memory of those rows.", SELF_TYPE_GAUGE,
         (double)s->head_bytes},
        {"telltale_store_partitions", "Days with data.", SELF_TYPE_GAUGE, (double)s->partitions},
        {"telltale_store_parts", "Part files.", SELF_TYPE_GAUGE, (double)s->parts},
        {"telltale_store_part_rows", "Rows in parts.", SELF_TYPE_GAUGE, (double)s->part_rows},
        {"telltale_store_part_bytes", "Bytes of parts on disk.", SELF_TYPE_GAUGE,
         (double)s->part_bytes},
        {"telltale_store_aggregate_files", "Files of metrics rolled up, one a day and resolution.",
         SELF_TYPE_GAUGE, (double)s->aggregate_days},
        {"telltale_store_aggregate_rows", "Buckets in them.", SELF_TYPE_GAUGE,
         (double)s->aggregate_rows},
        {"telltale_store_aggregate_bytes", "Their bytes on disk.", SELF_TYPE_GAUGE,
         (double)s->aggregate_bytes},
        {"telltale_store_wal_bytes", "Bytes of the write-ahead log on disk.", SELF_TYPE_GAUGE,
         (double)s->wal_bytes},
        {"telltale_store_read_only", "1 while the disk refuses writes.", SELF_TYPE_GAUGE,
         s->read_only},
        {"telltale_store_flush_failed", "1 while the last flush to parts did not succeed.",
         SELF_TYPE_GAUGE, s->flush_failed},
        {"telltale_store_unreadable_pages_total",
         "Pages of mapped files that the disk could not read since start.", SELF_TYPE_COUNTER,
         (double)s->unreadable_pages},
        {"telltale_store_damaged_blocks_total",
         "Damaged blocks that reads and merges met and skipped since start.", SELF_TYPE_COUNTER,
         (double)s->damaged_blocks},
        {"telltale_store_damaged_parts_total", "Damaged parts left out since start.",
         SELF_TYPE_COUNTER, (double)s->damaged_parts},
        {"telltale_store_wal_damaged_segments_total",
         "Segments of the write-ahead log that the replay found damaged; their readable rest is "
         "kept.",
         SELF_TYPE_COUNTER, (double)s->wal_damaged_segments},
        {"telltale_store_wal_damaged_bytes_total", "Bytes of them that were lost.",
         SELF_TYPE_COUNTER, (double)s->wal_damaged_bytes},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        family(out, v[i].name, v[i].type, v[i].help, v[i].value);
}

/* Spans and logs: a sample a table in each family. */
static void write_records(struct buf *out, const struct store_stats *s)
{
#define FIELD(name) offsetof(struct store_record_stats, name)
    static const struct {
        const char *name, *help;
        enum self_type type;
        size_t field;
    } v[] = {
        {"telltale_store_records_head_rows", "Spans and log records in memory, not yet in parts.",
         SELF_TYPE_GAUGE, FIELD(head_rows)},
        {"telltale_store_records_head_bytes", "Memory of those.", SELF_TYPE_GAUGE,
         FIELD(head_bytes)},
        {"telltale_store_records_parts", "Part files of spans and logs.", SELF_TYPE_GAUGE,
         FIELD(parts)},
        {"telltale_store_records_part_rows", "Spans and log records in parts.", SELF_TYPE_GAUGE,
         FIELD(part_rows)},
        {"telltale_store_records_part_bytes", "Bytes of these parts on disk.", SELF_TYPE_GAUGE,
         FIELD(part_bytes)},
        {"telltale_store_records_wal_bytes", "Bytes of their write-ahead logs on disk.",
         SELF_TYPE_GAUGE, FIELD(wal_bytes)},
        {"telltale_store_records_damaged_groups_total",
         "Damaged groups of rows that reads and merges met and skipped since start.",
         SELF_TYPE_COUNTER, FIELD(damaged_groups)},
        {"telltale_store_records_damaged_parts_total", "Damaged parts set aside since start.",
         SELF_TYPE_COUNTER, FIELD(damaged_parts)},
        {"telltale_store_records_wal_damaged_segments_total",
         "Segments of their logs that the replay found damaged; their readable rest is kept.",
         SELF_TYPE_COUNTER, FIELD(wal_damaged_segments)},
        {"telltale_store_records_wal_damaged_bytes_total", "Bytes of them that were lost.",
         SELF_TYPE_COUNTER, FIELD(wal_damaged_bytes)},
    };
#undef FIELD
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        self_write_family(out, v[i].name, v[i].type, v[i].help);
        for (int t = 0; t < RECORD_TABLES; t++) {
            uint64_t value;
            memcpy(&value, (const char *)&s->records[t] + v[i].field, sizeof value);
            self_write_sample(out, v[i].name, (double)value, "table",
                              record_table_name((enum record_table)t), (char *)NULL);
        }
    }
}

static void write_build(struct buf *out)
{
    self_write_family(out, "telltale_build_info", SELF_TYPE_GAUGE, "1, with the build as labels.");
    self_write_sample(out, "telltale_build_info", 1, "version", TELLTALE_VERSION, "revision",
                      TELLTALE_REVISION, (char *)NULL);
}

static void collect(void *arg, struct buf *out)
{
    struct store_stats stats;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    write_build(out);
    if (store_stats(arg, 0, &arena, &stats, NULL) == 0) {
        write_store(out, &stats);
        write_records(out, &stats);
    }
    arena_done(&arena);
}

void self_collect_start(struct store *store)
{
    self_register_collector(collect, store);
}

void self_collect_stop(struct store *store)
{
    self_unregister_collector(collect, store);
}
