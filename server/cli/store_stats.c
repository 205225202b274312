/* telltale store stats: what takes the space of a data directory? */
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "codec/json_write.h"
#include "store/inspect.h"

enum { TOP = 10, TOP_MAX = 100000 };
#define MEMORY_MAX ((size_t)4 << 30)

static double per_row(uint64_t bytes, uint64_t rows)
{
    return rows ? (double)bytes / (double)rows : 0;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* --- for people ------------------------------------------------------------------------------- */

static void print_totals(const struct store_measure *m)
{
    (void)printf("metrics\n"
                 "  %" PRIu64 " days, %" PRIu64 " parts, %" PRIu64 " streams, %" PRIu64 " rows\n",
                 m->days, m->parts, m->streams, m->rows);
    if (m->rows) {
        char room[64];
        struct buf range = {.p = room, .cap = sizeof room, .max = sizeof room};
        time_format_rfc3339(&range, m->min_ms);
        buf_puts(&range, " to ");
        time_format_rfc3339(&range, m->max_ms);
        (void)printf("  %.*s\n", STR_ARG(buf_str(&range)));
    }
    (void)printf("  %.1f MiB in parts (%.3f bytes a row): blocks %.1f MiB, index %.1f MiB\n",
                 (double)m->bytes / (1 << 20), per_row(m->bytes, m->rows),
                 (double)m->block_bytes / (1 << 20), (double)m->index_bytes / (1 << 20));
    (void)printf("  %.1f MiB in %" PRIu64 " segments of the log\n",
                 (double)m->log_bytes / (1 << 20), m->segments);
    if (m->unreadable)
        (void)printf("  %" PRIu64 " blocks or parts are damaged and left out\n", m->unreadable);
}

static void print_codecs(const struct store_measure *m)
{
    (void)printf("\n%-12s %-8s %12s %14s %14s %10s %6s\n", "column", "codec", "columns", "rows",
                 "bytes", "bytes/row", "%");
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct store_codec_size *c = &m->codecs[i];
        (void)printf("%-12s %-8s %12" PRIu64 " %14" PRIu64 " %14" PRIu64 " %10.3f %6.1f\n",
                     c->column, c->codec, c->columns, c->rows, c->bytes, per_row(c->bytes, c->rows),
                     percent(c->bytes, m->block_bytes));
    }
}

static void print_biggest(const struct store_measure *m)
{
    (void)printf("\n%14s %10s %14s %10s  %s\n", "bytes", "streams", "rows", "bytes/row", "metric");
    for (size_t i = 0; i < m->n_metrics; i++) {
        const struct store_named_size *one = &m->metrics[i];
        (void)printf("%14" PRIu64 " %10" PRIu64 " %14" PRIu64 " %10.3f  %.*s\n", one->bytes,
                     one->streams, one->rows, per_row(one->bytes, one->rows), STR_ARG(one->name));
    }
    (void)printf("\n%14s  %s\n", "values", "label");
    for (size_t i = 0; i < m->n_labels; i++)
        (void)printf("%14" PRIu64 "  %.*s\n", m->labels[i].values, STR_ARG(m->labels[i].name));
}

/* --- for programs ----------------------------------------------------------------------------- */

static void put_u64(struct json *j, const char *name, uint64_t v)
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
        put_u64(j, "columns", c->columns);
        put_u64(j, "rows", c->rows);
        put_u64(j, "bytes", c->bytes);
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
        put_u64(j, "streams", m->metrics[i].streams);
        put_u64(j, "rows", m->metrics[i].rows);
        put_u64(j, "bytes", m->metrics[i].bytes);
        json_object_end(j);
    }
    json_array_end(j);
    json_key(j, "labels");
    json_array(j);
    for (size_t i = 0; i < m->n_labels; i++) {
        json_object(j);
        json_member_str(j, "name", m->labels[i].name);
        put_u64(j, "values", m->labels[i].values);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_totals(struct json *j, const struct store_measure *m)
{
    put_u64(j, "days", m->days);
    put_u64(j, "parts", m->parts);
    put_u64(j, "streams", m->streams);
    put_u64(j, "rows", m->rows);
    put_u64(j, "bytes", m->bytes);
    put_u64(j, "block_bytes", m->block_bytes);
    put_u64(j, "index_bytes", m->index_bytes);
    put_u64(j, "log_segments", m->segments);
    put_u64(j, "log_bytes", m->log_bytes);
    put_u64(j, "unreadable", m->unreadable);
    if (m->rows) {
        json_member_i64(j, "min_unix_ms", m->min_ms);
        json_member_i64(j, "max_unix_ms", m->max_ms);
    }
}

static void print_json(const struct store_measure *m)
{
    struct buf text = BUF_MAX(MEMORY_MAX);
    struct json j = json_to(&text);
    json_object(&j);
    json_key(&j, "metrics");
    json_object(&j);
    put_totals(&j, m);
    put_codecs(&j, m);
    put_biggest(&j, m);
    json_object_end(&j);
    json_object_end(&j);
    buf_putc(&text, '\n');
    (void)fwrite(text.p, 1, text.n, stdout);
    buf_done(&text);
}

/* --- the command ------------------------------------------------------------------------------ */

static int measure(const char *dir, uint64_t top, bool json)
{
    struct store_measure m;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, MEMORY_MAX);
    int rc = store_measure(NULL, dir, (size_t)top, &arena, &m, &err);
    if (rc != 0) {
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    } else if (json) {
        print_json(&m);
    } else {
        print_totals(&m);
        print_codecs(&m);
        print_biggest(&m);
    }
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
            "Reads the parts of a data directory or a snapshot and tells rows, bytes and bytes\n"
            "a row, by column and codec, and the metrics and labels that are biggest. Rows\n"
            "that are in the log only are not counted. A running server does not mind.\n"
            "\n"
            "  --top N  so many metrics and labels (10)\n"
            "  --json   one JSON document instead of tables\n"
            "\n"
            "Streams are counted once for each part that has them; the values of a label are\n"
            "those of the part that has most.\n"
            "\n"
            "Exit status: 0 done, 1 the directory cannot be read, 2 wrong usage.\n"
            "\n"
            "  telltale store stats --top 20 /var/lib/telltale\n",
    .run = run,
};
