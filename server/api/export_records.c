#include "api/export_records.h"

#include "api/records/otlp_json.h"
#include "base/arena.h"
#include "query/records/filter.h"

enum { LINE_ROWS = 1000, TEXT_MAX = 256 << 20, FILTER_BYTES = 16 << 20 };

struct exporting {
    const struct export_records_request *request;
    struct export_records_totals *totals;
    size_t n_fields;
    struct buf line;
    struct err *err;
};

static struct record record_at(const struct exporting *x, const struct record_block *b, size_t i)
{
    struct record r = {.t_unix_ns = b->t_unix_ns[i]};
    for (size_t k = 0; k < x->n_fields; k++)
        r.fields[k] = vector_at(&b->columns[k], i);
    struct any attributes = vector_at(&b->columns[x->n_fields], i);
    if (attributes.type == ANY_MAP) {
        r.attributes = attributes.as.pairs;
        r.n_attributes = attributes.n;
    }
    return r;
}

/* Rows [from, to) of one source as one request. */
static int put_line(struct exporting *x, const struct record_block *b, size_t from, size_t to)
{
    enum record_table table = x->request->table;
    struct json j = json_to(&x->line);
    buf_reset(&x->line);
    json_object(&j);
    json_key(&j, table == RECORD_SPANS ? "resourceSpans" : "resourceLogs");
    json_array(&j);
    json_otlp_group(&j, table, record_block_source(b, from));
    for (size_t i = from; i < to && !buf_failed(&x->line); i++) {
        struct record r = record_at(x, b, i);
        json_otlp_row(&j, table, &r);
    }
    json_otlp_group_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    buf_putc(&x->line, '\n');
    if (buf_failed(&x->line))
        return err_set(x->err, ERR_TOO_BIG, "export %s: %zu rows take more than %d MiB of text",
                       record_table_name(table), to - from, TEXT_MAX >> 20);
    x->totals->rows += to - from;
    x->totals->lines++;
    return x->request->write(x->request->arg, buf_str(&x->line), x->err);
}

static int each_block(void *arg, const struct record_block *b)
{
    struct exporting *x = arg;
    int rc = 0;
    for (size_t from = 0, to; rc == 0 && from < b->n; from = to) {
        for (to = from + 1;
             to < b->n && to - from < LINE_ROWS && b->sources[to] == b->sources[from];)
            to++;
        rc = put_line(x, b, from, to);
    }
    return rc;
}

static bool is_cancelled(void *arg)
{
    const struct export_records_request *q = ((struct exporting *)arg)->request;
    return q->is_cancelled && q->is_cancelled(q->arg);
}

static int scan_rows(struct exporting *x, const struct predicate *where)
{
    const struct export_records_request *q = x->request;
    struct column_ref columns[RECORD_FIELDS_MAX + 1];
    struct record_scan_stats stats = {0};
    (void)record_fields(q->table, &x->n_fields);
    for (size_t i = 0; i < x->n_fields; i++)
        columns[i] = (struct column_ref){.origin = COLUMN_FIELD, .field = (int)i};
    columns[x->n_fields] = (struct column_ref){.origin = COLUMN_ALL_ATTRIBUTES};
    const struct record_scan scan = {.table = q->table,
                                     .min_unix_ns = q->min_unix_ns,
                                     .max_unix_ns = q->max_unix_ns,
                                     .where = where,
                                     .columns = columns,
                                     .n_columns = x->n_fields + 1,
                                     .order = SCAN_OLDEST_FIRST,
                                     .max_bytes = q->max_bytes,
                                     .is_cancelled = is_cancelled,
                                     .each = each_block,
                                     .arg = x};
    int rc = store_scan(q->store, &scan, &stats, x->err);
    x->totals->damaged = stats.damaged;
    return rc;
}

int export_records_run(const struct export_records_request *request,
                       struct export_records_totals *out, struct err *err)
{
    struct exporting x = {.request = request, .totals = out, .line = BUF_MAX(TEXT_MAX), .err = err};
    struct arena arena;
    struct record_filter filter;
    *out = (struct export_records_totals){0};
    arena_init(&arena, FILTER_BYTES);
    int rc = record_filter_parse(request->table, request->match, &arena, &filter, err);
    if (rc == 0) {
        rc = scan_rows(&x, request->match.n ? &filter.where : NULL);
        record_filter_done(&filter);
    }
    arena_done(&arena);
    buf_done(&x.line);
    return rc;
}
