/* telltale store stats: what takes the space of a data directory? */
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/store_stats.h"

enum { TOP = 10, TOP_MAX = 100000 };
#define MEMORY_MAX ((size_t)4 << 30)

double stats_per_row(uint64_t bytes, uint64_t rows)
{
    return rows ? (double)bytes / (double)rows : 0;
}

double stats_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* --- for people ------------------------------------------------------------------------------- */

void stats_print_files(const char *table, const struct store_measured_files *f, int64_t min_unix_ms,
                       int64_t max_unix_ms)
{
    const double mib = 1 << 20;
    (void)printf("%s\n  %" PRIu64 " rows in %" PRIu64 " parts of %" PRIu64 " days\n", table,
                 f->rows, f->parts, f->days);
    if (f->rows) {
        char room[64];
        struct buf range = {.p = room, .cap = sizeof room, .max = sizeof room};
        time_format_rfc3339(&range, min_unix_ms);
        buf_puts(&range, " to ");
        time_format_rfc3339(&range, max_unix_ms);
        (void)printf("  %.*s\n", STR_ARG(buf_str(&range)));
    }
    (void)printf("  %.1f MiB in %" PRIu64 " segments of the log\n", (double)f->log_bytes / mib,
                 f->segments);
    if (f->unreadable)
        (void)printf("  %" PRIu64 " parts or blocks of them are damaged and left out\n",
                     f->unreadable);
    (void)printf("  %.1f MiB in parts, %.3f bytes a row\n", (double)f->bytes / mib,
                 stats_per_row(f->bytes, f->rows));
}

static void print_totals(const struct store_measure *m)
{
    const double mib = 1 << 20;
    stats_print_files("metrics", &m->files, m->min_ms, m->max_ms);
    (void)printf("  of which blocks %.1f MiB, index %.1f MiB; %" PRIu64 " streams\n",
                 (double)m->block_bytes / mib, (double)m->index_bytes / mib, m->streams);
}

static void print_codecs(const struct store_measure *m)
{
    (void)printf("\n%-12s %-8s %12s %14s %14s %10s %6s\n", "column", "codec", "columns", "rows",
                 "bytes", "bytes/row", "%");
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct store_codec_size *c = &m->codecs[i];
        (void)printf("%-12s %-8s %12" PRIu64 " %14" PRIu64 " %14" PRIu64 " %10.3f %6.1f\n",
                     c->column, c->codec, c->columns, c->rows, c->bytes,
                     stats_per_row(c->bytes, c->rows), stats_percent(c->bytes, m->block_bytes));
    }
}

static void print_biggest(const struct store_measure *m)
{
    (void)printf("\n%14s %10s %14s %10s  %s\n", "bytes", "streams", "rows", "bytes/row", "metric");
    for (size_t i = 0; i < m->n_metrics; i++) {
        const struct store_named_size *one = &m->metrics[i];
        (void)printf("%14" PRIu64 " %10" PRIu64 " %14" PRIu64 " %10.3f  %.*s\n", one->bytes,
                     one->streams, one->rows, stats_per_row(one->bytes, one->rows),
                     STR_ARG(one->name));
    }
    (void)printf("\n%14s  %s\n", "values", "label");
    for (size_t i = 0; i < m->n_labels; i++)
        (void)printf("%14" PRIu64 "  %.*s\n", m->labels[i].values, STR_ARG(m->labels[i].name));
}

/* --- for programs ----------------------------------------------------------------------------- */

void stats_put_u64(struct json *j, const char *name, uint64_t v)
{
    json_key(j, name);
    json_u64(j, v);
}

static void put_codecs(struct json *j, const struct store_measure *m)
{
    json_key(j, "columns");
    json_array(j);
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct store_codec_size *c = &m->codecs[i];
        json_object(j);
        json_member_str(j, "column", str_c(c->column));
        json_member_str(j, "codec", str_c(c->codec));
        stats_put_u64(j, "columns", c->columns);
        stats_put_u64(j, "rows", c->rows);
        stats_put_u64(j, "bytes", c->bytes);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_biggest(struct json *j, const struct store_measure *m)
{
    json_key(j, "metrics");
    json_array(j);
    for (size_t i = 0; i < m->n_metrics; i++) {
        json_object(j);
        json_member_str(j, "name", m->metrics[i].name);
        stats_put_u64(j, "streams", m->metrics[i].streams);
        stats_put_u64(j, "rows", m->metrics[i].rows);
        stats_put_u64(j, "bytes", m->metrics[i].bytes);
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "labels");
    json_array(j);
    for (size_t i = 0; i < m->n_labels; i++) {
        json_object(j);
        json_member_str(j, "name", m->labels[i].name);
        stats_put_u64(j, "values", m->labels[i].values);
        json_object_end(j);
    }
    json_array_end(j);
}

void stats_put_files(struct json *j, const struct store_measured_files *f)
{
    stats_put_u64(j, "days", f->days);
    stats_put_u64(j, "parts", f->parts);
    stats_put_u64(j, "rows", f->rows);
    stats_put_u64(j, "bytes", f->bytes);
    stats_put_u64(j, "log_segments", f->segments);
    stats_put_u64(j, "log_bytes", f->log_bytes);
    stats_put_u64(j, "unreadable", f->unreadable);
}

static void put_totals(struct json *j, const struct store_measure *m)
{
    stats_put_files(j, &m->files);
    stats_put_u64(j, "streams", m->streams);
    stats_put_u64(j, "block_bytes", m->block_bytes);
    stats_put_u64(j, "index_bytes", m->index_bytes);
    if (m->files.rows) {
        json_member_i64(j, "min_unix_ms", m->min_ms);
        json_member_i64(j, "max_unix_ms", m->max_ms);
    }
}

static void put_metrics(struct json *j, const struct store_measure *m)
{
    json_key(j, "metrics");
    json_object(j);
    put_totals(j, m);
    put_codecs(j, m);
    put_biggest(j, m);
    json_object_end(j);
}

/* --- the command ------------------------------------------------------------------------------ */

struct measured {
    struct store_measure metrics;
    struct store_record_measure records[RECORD_TABLES];
    bool has[RECORD_TABLES]; /* a directory of an earlier version has no such tables */
    struct store_aggregates_measure aggregates[STORE_RESOLUTIONS_MAX];
    size_t n_aggregates;
};

static int measure_all(struct measured *m, const char *dir, size_t top, struct arena *arena,
                       struct err *err)
{
    int rc = store_measure(NULL, dir, top, arena, &m->metrics, err);
    if (rc == 0)
        rc = store_measure_aggregates(NULL, dir, m->aggregates, &m->n_aggregates, err);
    for (int i = 0; rc == 0 && i < RECORD_TABLES; i++) {
        struct err why = {0};
        rc = store_measure_records(NULL, dir, (enum record_table)i, top, arena, &m->records[i],
                                   &why);
        m->has[i] = rc == 0;
        if (rc != 0 && rc != ERR_NOT_FOUND)
            return err_set(err, rc, "%s", why.message);
        rc = 0;
    }
    return rc;
}

static void print_aggregates(const struct measured *m)
{
    const double mib = 1 << 20;
    if (m->n_aggregates)
        (void)puts("\naggregates");
    for (size_t i = 0; i < m->n_aggregates; i++) {
        const struct store_aggregates_measure *a = &m->aggregates[i];
        (void)printf("  %" PRIi64 " s: %" PRIu64 " buckets in %" PRIu64
                     " days, %.1f MiB, %.3f bytes a bucket\n",
                     a->resolution_ms / MS_PER_S, a->rows, a->days, (double)a->bytes / mib,
                     stats_per_row(a->bytes, a->rows));
        if (a->unreadable)
            (void)printf("  %" PRIu64 " files of them are damaged and left out\n", a->unreadable);
    }
}

static void put_aggregates(struct json *j, const struct measured *m)
{
    json_key(j, "aggregates");
    json_array(j);
    for (size_t i = 0; i < m->n_aggregates; i++) {
        const struct store_aggregates_measure *a = &m->aggregates[i];
        json_object(j);
        stats_put_u64(j, "resolution_seconds", (uint64_t)(a->resolution_ms / MS_PER_S));
        stats_put_u64(j, "days", a->days);
        stats_put_u64(j, "rows", a->rows);
        stats_put_u64(j, "bytes", a->bytes);
        stats_put_u64(j, "streams", a->streams);
        stats_put_u64(j, "unreadable", a->unreadable);
        json_object_end(j);
    }
    json_array_end(j);
}

static void print_text(const struct measured *m)
{
    print_totals(&m->metrics);
    print_codecs(&m->metrics);
    print_biggest(&m->metrics);
    print_aggregates(m);
    for (int i = 0; i < RECORD_TABLES; i++)
        if (m->has[i])
            stats_print_records((enum record_table)i, &m->records[i]);
}

static void print_json(const struct measured *m)
{
    struct buf text = BUF_MAX(MEMORY_MAX);
    struct json j = json_to(&text);
    json_object(&j);
    put_metrics(&j, &m->metrics);
    put_aggregates(&j, m);
    for (int i = 0; i < RECORD_TABLES; i++)
        if (m->has[i])
            stats_put_records(&j, (enum record_table)i, &m->records[i]);
    json_object_end(&j);
    buf_putc(&text, '\n');
    (void)fwrite(text.p, 1, text.n, stdout);
    buf_done(&text);
}

static int measure(const char *dir, uint64_t top, bool json)
{
    struct measured m = {0};
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, MEMORY_MAX);
    int rc = measure_all(&m, dir, (size_t)top, &arena, &err);
    if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    else if (json)
        print_json(&m);
    else
        print_text(&m);
    arena_done(&arena);
    return rc == 0 ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    const char *dir = NULL, *top_text = NULL;
    uint64_t top = TOP;
    bool json = false;
    size_t n;
    const struct cli_option options[] = {{.name = "--json", .flag = &json},
                                         {.name = "--top", .value = &top_text}};
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &dir, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_store_stats.help, stderr);
        return CLI_USAGE;
    }
    if (top_text && (num_parse_u64(str_c(top_text), &top) != 0 || top > TOP_MAX)) {
        (void)fprintf(stderr, "telltale: --top is a number up to %d, not \"%s\"\n", TOP_MAX,
                      top_text);
        return CLI_USAGE;
    }
    return measure(dir, top, json);
}

const struct cli_command cli_store_stats = {
    .name = "store stats",
    .summary = "what takes the space of a data directory?",
    .help = "Usage: telltale store stats [--top N] [--json] DIR\n"
            "\n"
            "Reads the parts of a data directory or a snapshot and counts rows, bytes and bytes\n"
            "a row of metrics, spans and logs, by column and codec, and lists the largest metrics\n"
            "and labels. Rows that are only in the log are not counted. A server may be running\n"
            "on the directory.\n"
            "\n"
            "  --top N  how many metrics, labels, and columns of spans and logs to list (10)\n"
            "  --json   one JSON document instead of tables\n"
            "\n"
            "Streams and sources are counted once for each part that has them; the values of a\n"
            "label are those of the part that has most; the distinct texts of a column those of\n"
            "its largest dictionary.\n"
            "\n"
            "Exit status: 0 done, 1 the directory cannot be read, 2 wrong usage.\n"
            "\n"
            "  telltale store stats --top 20 /var/lib/telltale\n",
    .run = run,
};
