/* The families of /metrics in the JSON form of Prometheus's protobuf messages (MetricFamily), where
 * 64-bit integers are text. The text that /metrics shows is read back, so both always agree. */
#include "api/prometheus/self_metrics.h"

#include <math.h>

#include "api/prometheus/answer.h"
#include "base/num.h"
#include "base/regex.h"
#include "codec/prom_text.h"
#include "self/self.h"

enum { TEXT_MAX = 64 << 20 }; /* of /metrics: a few hundred kilobytes in fact */

struct writer {
    struct json *j;
    struct prom_parser parser;
    struct regex *wanted; /* NULL: every family */
    struct str family, help;
    bool shown, open; /* the family is; a histogram's buckets are being written */
    enum metric_type type;
    double sum;
};

static const char *type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER: return "COUNTER";
    case METRIC_HISTOGRAM: return "HISTOGRAM";
    default: return "GAUGE"; // there are no others among our own
    }
}

static void end_family(struct writer *w)
{
    if (!w->shown)
        return;
    json_array_end(w->j);
    json_object_end(w->j);
    w->shown = false;
}

static void begin_family(struct writer *w, const struct prom_row *row)
{
    end_family(w);
    w->family = row->family;
    w->type = row->type;
    w->shown = !w->wanted || regex_match(w->wanted, row->family) == 1;
    if (!w->shown)
        return;
    json_object(w->j);
    json_member_str(w->j, "name", w->family);
    json_member_str(w->j, "help", w->help);
    json_member_str(w->j, "type", str_c(type_name(w->type)));
    json_key(w->j, "metric");
    json_array(w->j);
}

/* JSON has no infinity; as text it is what the protobuf form of JSON says. */
static void member_number(struct json *j, const char *name, double v)
{
    json_key(j, name);
    if (isinf(v))
        json_str(j, v > 0 ? STR("Infinity") : STR("-Infinity"));
    else if (isnan(v))
        json_str(j, STR("NaN"));
    else
        json_double(j, v);
}

static void member_count(struct json *j, const char *name, double v)
{
    struct buf text = BUF_MAX(64);
    buf_printf(&text, "%.0f", v);
    json_member_str(j, name, buf_str(&text));
    buf_done(&text);
}

/* All but the name and a bucket's bound. */
static void write_labels(struct json *j, const struct labels *l)
{
    json_key(j, "label");
    json_array(j);
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->v[i].name, LABEL_NAME) || str_eq(l->v[i].name, STR("le")))
            continue;
        json_object(j);
        json_member_str(j, "name", l->v[i].name);
        json_member_str(j, "value", l->v[i].value);
        json_object_end(j);
    }
    json_array_end(j);
}

static void begin_histogram(struct writer *w, const struct labels *l)
{
    json_object(w->j);
    write_labels(w->j, l);
    json_key(w->j, "histogram");
    json_object(w->j);
    json_key(w->j, "bucket");
    json_array(w->j);
    w->open = true;
}

static void end_histogram(struct writer *w, double count)
{
    json_array_end(w->j);
    member_count(w->j, "sampleCount", count);
    member_number(w->j, "sampleSum", w->sum);
    json_object_end(w->j);
    json_object_end(w->j);
    w->open = false;
}

/* For each set of labels the buckets come first, then the sum, then the count. */
static void write_histogram_row(struct writer *w, const struct labels *l, double v)
{
    struct str name = labels_metric_name(l);
    if (!w->open)
        begin_histogram(w, l);
    if (str_ends(name, STR("_bucket"))) {
        double bound = HUGE_VAL;
        (void)num_parse_double(labels_get(l, STR("le")), &bound);
        json_object(w->j);
        member_count(w->j, "cumulativeCount", v);
        member_number(w->j, "upperBound", bound);
        json_object_end(w->j);
    } else if (str_ends(name, STR("_sum"))) {
        w->sum = v;
    } else {
        end_histogram(w, v);
    }
}

static int write_sample(struct writer *w, const struct prom_row *row, struct err *err)
{
    struct labels l;
    int rc = w->shown ? prom_parser_labels(&w->parser, row, &l, err) : 0;
    if (rc != 0 || !w->shown)
        return rc;
    if (w->type == METRIC_HISTOGRAM) {
        write_histogram_row(w, &l, row->value);
        return 0;
    }
    json_object(w->j);
    write_labels(w->j, &l);
    json_key(w->j, w->type == METRIC_COUNTER ? "counter" : "gauge");
    json_object(w->j);
    member_number(w->j, "value", row->value);
    json_object_end(w->j);
    json_object_end(w->j);
    return 0;
}

static int write_families(struct writer *w, struct err *err)
{
    struct prom_row row;
    int rc;
    json_array(w->j);
    while ((rc = prom_parser_next(&w->parser, STR(""), &row, err)) == 1) {
        if (row.kind == PROM_ROW_HELP)
            w->help = row.text;
        else if (row.kind == PROM_ROW_TYPE)
            begin_family(w, &row);
        else if (row.kind == PROM_ROW_SERIES && (rc = write_sample(w, &row, err)) != 0)
            break;
    }
    end_family(w);
    json_array_end(w->j);
    return rc;
}

void api_self_metrics(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    struct str pattern = http_param(q, "metric_name_pattern");
    struct regex *wanted = NULL;
    struct err err;
    if (pattern.n && regex_new(pattern, &wanted, &err) != 0) {
        answer_bad_data(r, "invalid metric_name_pattern: %s", err.message);
        return;
    }
    struct buf text = BUF_MAX(TEXT_MAX);
    struct json j = answer_begin(r);
    struct writer w = {.j = &j, .wanted = wanted};
    self_render(&text);
    prom_parser_init(&w.parser, buf_str(&text), PROM_TEXT, q->arena);
    int rc = write_families(&w, &err);
    answer_end(&j, NULL, 0, NULL, 0);
    if (buf_failed(&text))
        rc = err_set(&err, ERR_NOMEM, "out of memory");
    if (rc != 0)
        answer_error(r, &err);
    buf_done(&text);
    regex_free(wanted);
}
