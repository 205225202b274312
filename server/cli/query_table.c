#include "cli/query_table.h"

#include <jansson.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/remote.h"
#include "cli/terminal.h"

#define LABELS_MAX_BYTES ((size_t)16 << 20)
enum { COLUMN_MAX = 100 }; /* longer label sets push their value to the right */

static const char *text_of(const json_t *v)
{
    return json_is_string(v) ? json_string_value(v) : "";
}

static void put_quoted(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\n')
            buf_puts(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c); /* a terminal would obey it */
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

/* name{a="b"}: JSON keeps the order in which the server sent the labels, which is sorted. */
static void put_labels(struct buf *out, json_t *metric)
{
    terminal_text(out, remote_text(json_object_get(metric, "__name__")), SIZE_MAX);
    const char *name;
    json_t *value;
    bool any = false;
    json_object_foreach(metric, name, value)
    {
        if (strcmp(name, "__name__") == 0)
            continue;
        buf_puts(out, any ? "," : "{");
        any = true;
        terminal_text(out, str_c(name), SIZE_MAX);
        buf_putc(out, '=');
        put_quoted(out, remote_text(value));
    }
    if (any)
        buf_putc(out, '}');
    else if (!json_object_get(metric, "__name__"))
        buf_puts(out, "{}");
}

static void put_histogram(struct buf *out, const json_t *h)
{
    buf_printf(out, "count=%s sum=%s", text_of(json_object_get(h, "count")),
               text_of(json_object_get(h, "sum")));
    size_t i;
    json_t *bucket;
    json_array_foreach(json_object_get(h, "buckets"), i, bucket)
    {
        static const char *const open[] = {"(", "[", "(", "["}, *const close[] = {"]", ")", ")",
                                                                                  "]"};
        size_t kind = (size_t)json_integer_value(json_array_get(bucket, 0)) & 3;
        buf_printf(out, " %s%s,%s%s=%s", open[kind], text_of(json_array_get(bucket, 1)),
                   text_of(json_array_get(bucket, 2)), close[kind],
                   text_of(json_array_get(bucket, 3)));
    }
}

/* [time, "value"] or [time, {histogram}] */
static void put_value(struct buf *out, const json_t *pair)
{
    const json_t *value = json_array_get(pair, 1);
    if (json_is_object(value))
        put_histogram(out, value);
    else
        buf_puts(out, text_of(value));
}

static void put_point(struct buf *out, const json_t *pair)
{
    buf_puts(out, "  ");
    put_value(out, pair);
    buf_printf(out, " @%.3f\n", json_number_value(json_array_get(pair, 0)));
}

/* Of a vector: one line a series, values in a column. */
static void put_vector(struct buf *out, const json_t *result)
{
    size_t width = 0, i;
    json_t *series;
    struct buf name = BUF_MAX(LABELS_MAX_BYTES);
    json_array_foreach(result, i, series)
    {
        buf_reset(&name);
        put_labels(&name, json_object_get(series, "metric"));
        width = MAX(width, MIN(name.n, (size_t)COLUMN_MAX));
    }
    json_array_foreach(result, i, series)
    {
        buf_reset(&name);
        put_labels(&name, json_object_get(series, "metric"));
        const json_t *value = json_object_get(series, "value");
        buf_put_str(out, buf_str(&name));
        for (size_t n = name.n; n < width; n++)
            buf_putc(out, ' ');
        buf_puts(out, "  ");
        put_value(out, value ? value : json_object_get(series, "histogram"));
        buf_putc(out, '\n');
    }
    buf_done(&name);
}

static void put_matrix(struct buf *out, const json_t *result)
{
    size_t i, k;
    json_t *series, *pair;
    json_array_foreach(result, i, series)
    {
        put_labels(out, json_object_get(series, "metric"));
        buf_putc(out, '\n');
        json_array_foreach(json_object_get(series, "values"), k, pair) put_point(out, pair);
        json_array_foreach(json_object_get(series, "histograms"), k, pair) put_point(out, pair);
    }
}

static int put_answer(struct buf *out, const json_t *answer, struct err *err)
{
    if (strcmp(text_of(json_object_get(answer, "status")), "success") != 0) {
        const char *why = text_of(json_object_get(answer, "error"));
        return err_set(err, ERR_INVALID, "%s: %s", text_of(json_object_get(answer, "errorType")),
                       *why ? why : "the server did not say what is wrong");
    }
    const json_t *data = json_object_get(answer, "data");
    const json_t *result = json_object_get(data, "result");
    const char *type = text_of(json_object_get(data, "resultType"));
    if (strcmp(type, "vector") == 0) {
        put_vector(out, result);
    } else if (strcmp(type, "matrix") == 0) {
        put_matrix(out, result);
    } else if (strcmp(type, "scalar") == 0 || strcmp(type, "string") == 0) {
        put_value(out, result);
        buf_putc(out, '\n');
    } else {
        return err_set(err, ERR_INVALID, "the answer's resultType is \"%s\"", type);
    }
    return 0;
}

int query_table(struct str body, struct buf *out, struct err *err)
{
    json_t *answer = remote_json(body);
    int rc = json_is_object(answer)
                 ? put_answer(out, answer, err)
                 : err_set(err, ERR_INVALID, "the answer is no JSON object: %.*s",
                           STR_ARG(str_sub(body, 0, 60)));
    json_decref(answer);
    return rc;
}
