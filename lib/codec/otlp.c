/* What both encodings of OTLP share: look-ups and the text of values. */
#include "codec/otlp.h"

#include <stdlib.h>

#include "base/num.h"
#include "codec/base64.h"
#include "codec/json_write.h"

const struct otlp_value *otlp_attribute(const struct otlp_attributes *a, struct str key)
{
    for (size_t i = 0; i < a->n; i++)
        if (str_eq(a->v[i].key, key))
            return &a->v[i].value;
    return NULL;
}

const char *otlp_metric_kind_name(enum otlp_metric_kind kind)
{
    static const char *const names[] = {
        [OTLP_METRIC_NONE] = "data",
        [OTLP_GAUGE] = "gauge",
        [OTLP_SUM] = "sum",
        [OTLP_HISTOGRAM] = "histogram",
        [OTLP_EXPONENTIAL_HISTOGRAM] = "exponential_histogram",
        [OTLP_SUMMARY] = "summary",
    };
    return names[kind];
}

const struct otlp_point *otlp_metric_point(const struct otlp_metric *m, size_t i)
{
    switch (m->kind) {
    case OTLP_GAUGE:
    case OTLP_SUM: return &m->data.numbers[i].point;
    case OTLP_HISTOGRAM: return &m->data.histograms[i].point;
    case OTLP_EXPONENTIAL_HISTOGRAM: return &m->data.exponentials[i].point;
    case OTLP_SUMMARY: return &m->data.summaries[i].point;
    case OTLP_METRIC_NONE: break;
    }
    return NULL;
}

/* ---- values as text ---- */

static int by_key(const void *a, const void *b)
{
    const struct otlp_attribute *const *x = a, *const *y = b;
    return str_cmp((*x)->key, (*y)->key);
}

static void put_json(struct json *j, const struct otlp_value *v);

static void put_json_map(struct json *j, const struct otlp_value *v)
{
    const struct otlp_attribute **sorted = malloc((v->map.n + 1) * sizeof *sorted);
    if (!sorted) {
        j->out->failed = true;
        return;
    }
    for (size_t i = 0; i < v->map.n; i++)
        sorted[i] = &v->map.v[i];
    qsort(sorted, v->map.n, sizeof *sorted, by_key);
    json_object(j);
    for (size_t i = 0; i < v->map.n; i++) {
        json_str(j, sorted[i]->key);
        buf_putc(j->out, ':');
        j->comma = false;
        put_json(j, &sorted[i]->value);
    }
    json_object_end(j);
    free(sorted);
}

static void put_json(struct json *j, const struct otlp_value *v)
{
    switch (v->kind) {
    case OTLP_VALUE_NONE: json_null(j); break;
    case OTLP_VALUE_STRING: json_str(j, v->str); break;
    case OTLP_VALUE_BOOL: json_bool(j, v->boolean); break;
    case OTLP_VALUE_INT: json_i64(j, v->i64); break;
    case OTLP_VALUE_DOUBLE: json_double(j, v->f64); break;
    case OTLP_VALUE_ARRAY:
        json_array(j);
        for (size_t i = 0; i < v->array.n; i++)
            put_json(j, &v->array.v[i]);
        json_array_end(j);
        break;
    case OTLP_VALUE_MAP: put_json_map(j, v); break;
    case OTLP_VALUE_BYTES: {
        struct buf text = BUF_MAX(j->out->max);
        base64_encode(&text, v->str);
        if (buf_failed(&text))
            j->out->failed = true;
        json_str(j, buf_str(&text));
        buf_done(&text);
        break;
    }
    }
}

static void put_text(struct buf *out, const struct otlp_value *v)
{
    struct json j = json_to(out);
    char number[NUM_DOUBLE_MAX];
    switch (v->kind) {
    case OTLP_VALUE_INT: buf_put_i64(out, v->i64); break;
    case OTLP_VALUE_DOUBLE: buf_put(out, number, num_format_json(number, v->f64)); break;
    case OTLP_VALUE_BYTES: base64_encode(out, v->str); break;
    case OTLP_VALUE_BOOL: buf_puts(out, v->boolean ? "true" : "false"); break;
    default: put_json(&j, v);
    }
}

/* Of one value. A longer one is cut: it is over any limit of labels still. */
enum { TEXT_MAX = 1 << 20 };

struct str otlp_value_text(const struct otlp_value *v, struct arena *arena)
{
    if (v->kind == OTLP_VALUE_STRING)
        return v->str;
    if (v->kind == OTLP_VALUE_NONE)
        return (struct str){0};
    struct buf text = BUF_MAX(TEXT_MAX);
    put_text(&text, v);
    struct str s = arena_str(arena, buf_str(&text));
    if (buf_failed(&text) && text.n < TEXT_MAX / 2)
        arena->failed = true; // not too long, so there was no memory
    buf_done(&text);
    return s;
}
