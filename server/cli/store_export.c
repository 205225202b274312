/* telltale store export: a selection of a directory or a server as a file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/export.h"
#include "api/export_records.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/store_target.h"
#include "query/query.h"

/* Spans and log records have times that 64 bits of nanoseconds can say. */
#define RECORDS_MAX_MS (INT64_MAX / NS_PER_MS - 1)

struct export_job {
    struct store_target target;
    const char *table, *match, *from, *to, *format_name;
    enum export_format format;
    bool records; /* of which `table` is */
    enum record_table record_table;
    int64_t min_ms, max_ms;
    uint64_t samples, series, left_out, damaged;
    int write_error; /* of standard output, while a server answers */
    struct err why;
};

static int put(void *arg, struct str text, struct err *err)
{
    (void)arg;
    if (fwrite(text.p, 1, text.n, stdout) != text.n)
        return err_errno(err, "write");
    return 0;
}

/* --- from a directory ------------------------------------------------------------------------- */

static int records_from_data(struct export_job *x, struct err *err)
{
    const struct export_records_request request = {
        .store = x->target.store,
        .table = x->record_table,
        .match = str_c(x->match),
        .min_unix_ns = MAX(x->min_ms, -RECORDS_MAX_MS) * NS_PER_MS,
        .max_unix_ns = MIN(x->max_ms, RECORDS_MAX_MS) * NS_PER_MS + NS_PER_MS - 1,
        .write = put};
    struct export_records_totals totals;
    int rc = export_records_run(&request, &totals, err);
    x->samples = totals.rows;
    x->damaged = totals.damaged;
    return rc;
}

static int metrics_from_data(struct export_job *x, struct err *err)
{
    struct export_totals totals;
    struct export_request request = {.store = x->target.store,
                                     .min_ms = x->min_ms,
                                     .max_ms = x->max_ms,
                                     .format = x->format,
                                     .write = put};
    struct matcher *v = NULL;
    int rc = query_parse_selector(str_c(x->match), &v, &request.n_matchers, err);
    if (rc != 0)
        return rc;
    request.matchers = v;
    rc = export_run(&request, &totals, err);
    query_matchers_free(v, request.n_matchers);
    x->samples = totals.samples;
    x->series = totals.series;
    x->left_out = totals.left_out;
    x->damaged = totals.damaged;
    return rc;
}

/* --- from a server ---------------------------------------------------------------------------- */

/* "series=3 samples=120 …" */
static bool take_totals(struct export_job *x, const char *header)
{
    const struct {
        const char *name;
        uint64_t *field;
    } fields[] = {{"series", &x->series},
                  {"samples", &x->samples},
                  {"rows", &x->samples},
                  {"left_out", &x->left_out},
                  {"damaged", &x->damaged}};
    struct str rest = str_c(header);
    bool any = false;
    while (rest.p) {
        struct str value = str_cut(&rest, ' ');
        struct str name = str_cut(&value, '=');
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            if (str_eq(name, str_c(fields[i].name)))
                any |= num_parse_u64(value, fields[i].field) == 0;
    }
    return any;
}

static void put_seconds(struct buf *path, const char *name, int64_t ms)
{
    char text[32];
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    (void)snprintf(text, sizeof text, "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", size / 1000,
                   (unsigned)(size % 1000)); // always fits
    store_target_param(path, name, str_c(text));
}

static void put_path(const struct export_job *x, struct buf *path)
{
    buf_puts(path, "/api/v1/export");
    store_target_param(path, "table", str_c(x->table));
    store_target_param(path, x->records ? "match" : "match[]", str_c(x->match));
    store_target_param(path, "format", str_c(x->format_name));
    if (x->from)
        put_seconds(path, "start", x->min_ms);
    if (x->to)
        put_seconds(path, "end", x->max_ms);
    buf_putc(path, '\0');
}

static bool take_text(void *self, struct str bytes)
{
    struct export_job *x = self;
    x->write_error = put(NULL, bytes, &x->why);
    return x->write_error == 0;
}

static int from_url(struct export_job *x, struct err *err)
{
    struct http_answer answer = {0};
    struct buf path = BUF_MAX(64 << 10);
    put_path(x, &path);
    if (buf_failed(&path)) {
        buf_done(&path);
        return err_set(err, ERR_TOO_BIG, "the selector is too long");
    }
    int rc =
        store_target_stream(&x->target, path.p, "X-Telltale-Export", take_text, x, &answer, err);
    buf_done(&path);
    if (x->write_error != 0)
        return err_set(err, x->write_error, "%s", x->why.message);
    if (rc != 0)
        return rc;
    buf_done(&answer.body);
    return take_totals(x, answer.header)
               ? 0
               : err_set(err, ERR_IO, "%s: the answer does not say how much is in it",
                         x->target.url);
}

static int from_data(struct export_job *x, struct err *err)
{
    return x->records ? records_from_data(x, err) : metrics_from_data(x, err);
}

/* --- the command ------------------------------------------------------------------------------ */

static void tell(const struct export_job *x)
{
    if (x->records)
        (void)fprintf(stderr, "%" PRIu64 " %s exported\n", x->samples,
                      x->record_table == RECORD_SPANS ? "spans" : "log records");
    else
        (void)fprintf(stderr, "%" PRIu64 " samples of %" PRIu64 " series exported\n", x->samples,
                      x->series);
    if (x->left_out)
        (void)fprintf(stderr,
                      "telltale: %" PRIu64 " samples are left out: %s has no form for them\n",
                      x->left_out, x->format_name);
    if (x->damaged)
        (void)fprintf(stderr, "telltale: %" PRIu64 " damaged blocks or days are left out\n",
                      x->damaged);
}

static int export(struct export_job *x)
{
    struct err err = {0};
    x->min_ms = INT64_MIN / 4;
    x->max_ms = INT64_MAX / 4;
    int rc = x->from ? store_target_time(x->from, &x->min_ms, &err) : 0;
    if (rc == 0 && x->to)
        rc = store_target_time(x->to, &x->max_ms, &err);
    if (rc == 0 && x->min_ms > x->max_ms)
        rc = err_set(&err, ERR_INVALID, "--from %s is later than --to %s", x->from, x->to);
    x->target.must_exist = true;
    if (rc == 0)
        rc = store_target_open(&x->target, &err);
    bool usage = rc == ERR_INVALID;
    if (rc == 0)
        rc = x->target.store ? from_data(x, &err) : from_url(x, &err);
    if (rc == 0 && fflush(stdout) != 0)
        rc = err_errno(&err, "write");
    (void)store_target_close(&x->target, NULL); // nothing was written
    if (rc == 0)
        tell(x);
    else
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    bool whole = rc == 0 && x->left_out + x->damaged == 0;
    return whole ? CLI_OK : usage ? CLI_USAGE : CLI_FAILED;
}

static bool wrong(const char *option, const char *expected, const char *found)
{
    (void)fprintf(stderr, "telltale: %s is %s, not \"%s\"\n", option, expected, found);
    return false;
}

/* What the words of the options mean together. */
static bool read_words(struct export_job *x)
{
    x->records = strcmp(x->table, "metrics") != 0;
    x->record_table = strcmp(x->table, "logs") == 0 ? RECORD_LOGS : RECORD_SPANS;
    if (x->records && strcmp(x->table, record_table_name(x->record_table)) != 0)
        return wrong("--table", "metrics, spans or logs", x->table);
    x->format_name = x->format_name ? x->format_name : x->records ? "otlp-json" : "openmetrics";
    if (!export_format_parse(str_c(x->format_name), &x->format))
        return wrong("--format", "openmetrics, prometheus or otlp-json", x->format_name);
    if (x->records && x->format != EXPORT_OTLP_JSON)
        return wrong("--format", "otlp-json for spans and logs", x->format_name);
    if (!x->match && !x->records) {
        (void)fputs(cli_store_export.help, stderr);
        return false;
    }
    x->match = x->match ? x->match : "";
    return true;
}

static int run(int argc, char **argv)
{
    struct export_job x = {.table = "metrics"};
    struct cli_option options[STORE_TARGET_OPTIONS + 5] = {
        [STORE_TARGET_OPTIONS] = {.name = "--match", .value = &x.match},
        {.name = "--from", .value = &x.from},
        {.name = "--to", .value = &x.to},
        {.name = "--format", .value = &x.format_name},
        {.name = "--table", .value = &x.table},
    };
    const char *none[1];
    size_t n;
    store_target_options(&x.target, options);
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, none, 0, &n) || !read_words(&x))
        return CLI_USAGE;
    return export(&x);
}

const struct cli_command cli_store_export = {
    .name = "store export",
    .summary = "write what a store has as text",
    .help =
        "Usage: telltale store export --data DIR | --url URL [--table TABLE]\n"
        "         --match SELECTION [OPTIONS]\n"
        "\n"
        "Writes samples, spans or log records to standard output, from a data directory\n"
        "that no server has open, or from a running server. \"telltale store import\" reads\n"
        "them back unchanged.\n"
        "\n"
        "  --data DIR         the data directory\n"
        "  --url URL          the server\n"
        "  --table TABLE      metrics (default), spans or logs\n"
        "  --match SELECTION  of metrics as in PromQL: 'up{job=\"api\"}', '{__name__=~\".+\"}';\n"
        "                     of spans and logs as in searches: 'service = shop and\n"
        "                     status = error'; all of them without it\n"
        "  --from T, --to T   Unix seconds, RFC 3339, or a duration before now\n"
        "  --format FORMAT    openmetrics (default), prometheus (text 0.0.4), or otlp-json: one\n"
        "                     OTLP/JSON request a line, with native histograms, start times\n"
        "                     and stale markers, which text cannot tell. The format of spans\n"
        "                     and logs is otlp-json\n"
        "  --token TOKEN, --user NAME:PW, --ca FILE   as for \"telltale query\"\n"
        "\n"
        "Exit status: 0 all is exported, 1 not all (the message says what is left out), 2\n"
        "wrong usage.\n"
        "\n"
        "  telltale store export --url http://127.0.0.1:9090 --match '{job=\"api\"}' \\\n"
        "    --from 7d --format otlp-json | zstd >api.jsonl.zst\n"
        "  telltale store export --data /var/lib/telltale --table logs >logs.jsonl\n",
    .run = run,
};
