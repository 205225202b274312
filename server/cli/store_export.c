/* telltale store export: a selection of a directory or a server as a file.
 *
 * A server is asked metric by metric, and step by step of time where the answer is too large. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/export.h"
#include "api/export_records.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/store_target.h"
#include "query/query.h"

enum { STEP_SHORTER = 64 };

/* The times that tables hold: samples of the years 1 to 9999, spans and log records what 64 bits of
 * nanoseconds can say. A server is asked for all of them: steps grow where there is nothing. */
#define SAMPLES_MIN_MS INT64_C(-62135596800000)
#define SAMPLES_MAX_MS INT64_C(253402300799999)
#define RECORDS_MAX_MS (INT64_MAX / NS_PER_MS - 1)

struct export_job {
    struct store_target target;
    const char *table, *match, *from, *to, *format_name;
    enum export_format format;
    bool records; /* of which `table` is */
    enum record_table record_table;
    int64_t min_ms, max_ms;
    uint64_t samples, series, left_out, damaged;
    struct buf header; /* comments written last: those of a family come once */
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

/* The lines at the start that are comments. */
static size_t header_length(struct str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] == '#') {
        size_t line = str_index(str_sub(text, n, SIZE_MAX), '\n');
        n = MIN(n + line + 1, text.n);
    }
    return n;
}

static int put_piece(struct export_job *x, struct str text, struct err *err)
{
    size_t n = x->format != EXPORT_OTLP_JSON ? header_length(text) : 0;
    struct str header = str_sub(text, 0, n);
    if (n && str_eq(header, buf_str(&x->header)))
        text = str_sub(text, n, SIZE_MAX);
    buf_reset(&x->header);
    buf_put_str(&x->header, header);
    return text.n ? put(NULL, text, err) : 0;
}

/* "series=3 samples=120 …" */
static void add_totals(struct export_job *x, const char *header)
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
    while (rest.p) {
        struct str value = str_cut(&rest, ' ');
        struct str name = str_cut(&value, '=');
        uint64_t n;
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            if (str_eq(name, str_c(fields[i].name)) && num_parse_u64(value, &n) == 0)
                *fields[i].field += n;
    }
}

static void put_seconds(struct buf *path, const char *name, int64_t ms)
{
    char text[32];
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    (void)snprintf(text, sizeof text, "%s%" PRIu64 ".%03u", ms < 0 ? "-" : "", size / 1000,
                   (unsigned)(size % 1000)); // always fits
    store_target_param(path, name, str_c(text));
}

static int ask(struct export_job *x, const char *call, struct str metric, int64_t min_ms,
               int64_t max_ms, struct http_answer *out, struct err *err)
{
    struct buf path = BUF_MAX(64 << 10);
    buf_puts(&path, call);
    store_target_param(&path, x->records ? "match" : "match[]", str_c(x->match));
    put_seconds(&path, "start", min_ms);
    put_seconds(&path, "end", max_ms);
    if (x->records)
        store_target_param(&path, "table", str_c(x->table));
    if (metric.p) {
        store_target_param(&path, "metric", metric);
        store_target_param(&path, "format", str_c(x->format_name));
        store_target_param(&path, "piece", STR("1"));
    }
    buf_putc(&path, '\0');
    int rc = buf_failed(&path)
                 ? err_set(err, ERR_TOO_BIG, "the selector is too long")
                 : store_target_call(&x->target, "GET", path.p, NULL, (struct str){0}, out, err);
    buf_done(&path);
    return rc;
}

static int take_answer(struct export_job *x, struct str metric, int64_t min_ms, int64_t max_ms,
                       size_t *out_bytes, struct err *err)
{
    struct http_answer answer = {0};
    int rc = ask(x, "/api/v1/export", metric, min_ms, max_ms, &answer, err);
    if (rc != 0)
        return rc;
    *out_bytes = answer.body.n;
    add_totals(x, answer.header);
    rc = put_piece(x, buf_str(&answer.body), err);
    buf_done(&answer.body);
    return rc;
}

/* Step by step. An answer that is too large costs the server much and one that is empty little, so
 * steps become short at once and longer again little by little. */
static int take_range(struct export_job *x, struct str metric, int64_t min_ms, int64_t max_ms,
                      struct err *err)
{
    int64_t step = max_ms - min_ms + 1, from = min_ms;
    int rc = 0;
    while (rc == 0 && from <= max_ms) {
        int64_t to = MIN(from + step - 1, max_ms);
        size_t bytes = 0;
        rc = take_answer(x, metric, from, to, &bytes, err);
        if (rc == ERR_TOO_BIG && step > 1) {
            step = MAX(step / STEP_SHORTER, INT64_C(1));
            rc = 0;
            continue;
        }
        from = to + 1;
        if (bytes < EXPORT_ANSWER_MAX / 4)
            step = MIN(step * 2, max_ms - min_ms + 1);
    }
    return rc;
}

static int by_family(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    int c = str_cmp(export_family(*x), export_family(*y));
    return c ? c : str_cmp(*x, *y);
}

static int take_metrics(struct export_job *x, const json_t *list, struct err *err)
{
    size_t n = json_array_size(list);
    struct str *names = calloc(n + 1, sizeof *names);
    if (!names)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *name = json_array_get(list, i);
        names[i] = json_is_string(name) ? str_of(json_string_value(name), json_string_length(name))
                                        : STR("");
    }
    qsort(names, n, sizeof *names, by_family);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = take_range(x, names[i], x->min_ms, x->max_ms, err);
    free(names);
    return rc;
}

static int metrics_from_url(struct export_job *x, struct err *err)
{
    struct http_answer answer = {0};
    int rc = ask(x, "/api/v1/label/__name__/values", (struct str){0}, x->min_ms, x->max_ms, &answer,
                 err);
    if (rc != 0)
        return rc;
    json_t *root = remote_json(buf_str(&answer.body));
    const json_t *list = json_object_get(root, "data");
    rc = json_is_array(list) ? take_metrics(x, list, err)
                             : err_set(err, ERR_INVALID, "%s: no list of names", x->target.url);
    json_decref(root);
    buf_done(&answer.body);
    if (rc == 0 && x->format == EXPORT_OPENMETRICS)
        rc = put(NULL, STR("# EOF\n"), err);
    return rc;
}

static int from_url(struct export_job *x, struct err *err)
{
    x->min_ms = MAX(x->min_ms, x->records ? -RECORDS_MAX_MS : SAMPLES_MIN_MS);
    x->max_ms = MIN(x->max_ms, x->records ? RECORDS_MAX_MS : SAMPLES_MAX_MS);
    return x->records ? take_range(x, (struct str){0}, x->min_ms, x->max_ms, err)
                      : metrics_from_url(x, err);
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
        (void)fprintf(stderr, "telltale: %" PRIu64 " damaged blocks are left out\n", x->damaged);
}

static int export(struct export_job *x)
{
    struct err err = {0};
    x->min_ms = INT64_MIN / 4;
    x->max_ms = INT64_MAX / 4;
    int rc = x->from ? store_target_time(x->from, &x->min_ms, &err) : 0;
    if (rc == 0 && x->to)
        rc = store_target_time(x->to, &x->max_ms, &err);
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
    struct export_job x = {.table = "metrics", .header = BUF_MAX(1 << 20)};
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
    int status = export(&x);
    buf_done(&x.header);
    return status;
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
