/* An answer may have millions of points: they are written when the row is at hand, so that its
 * values are held once, as text. All series have the same steps, so a step's time becomes text
 * once.
 *
 * Rows come in the order of the labels nearly always. If not, the text is put in order at the end.
 */
#include "api/prometheus/matrix.h"

#include <string.h>

#include "api/prometheus/answer.h"
#include "api/prometheus/values.h"
#include "base/compiler.h"
#include "base/num.h"
#include "query/query.h"

/* `[1700000000.123,"` */
struct matrix_step {
    char text[31];
    unsigned char n;
};

enum { LARGE_BYTES = 1 << 20 };

enum { POINT_MAX = sizeof(struct matrix_step) + NUM_DOUBLE_MAX + 4, POINTS_AT_ONCE = 64 };

void matrix_begin(struct matrix *m, struct json *json, const struct http_request *request)
{
    *m = (struct matrix){.json = json, .request = request, .arena = request->arena};
}

static bool make_steps(struct matrix *m, const struct query_row *row)
{
    m->steps = arena_alloc(m->arena, row->n * sizeof *m->steps);
    if (!m->steps)
        return false;
    struct buf text = BUF_MAX(sizeof m->steps->text);
    for (size_t i = 0; i < row->n; i++) {
        struct json j = json_to(&text);
        buf_reset(&text);
        json_array(&j);
        json_seconds(&j, row->start_ms + (int64_t)i * row->step_ms);
        buf_puts(&text, ",\"");
        struct str s = buf_str(&text);
        m->steps[i].n = (unsigned char)s.n;
        if (s.n)
            memcpy(m->steps[i].text, s.p, s.n);
    }
    bool done = !buf_failed(&text);
    buf_done(&text);
    return done;
}

/* Points [from, to) that are floats, each behind a comma but the first of the series. */
static void put_floats(struct matrix *m, const struct query_row *row, size_t from, size_t to,
                       bool *first)
{
    char *begin = buf_reserve(m->json->out, (to - from) * POINT_MAX), *at = begin;
    for (size_t i = from; begin && i < to; i++) {
        if (query_row_is_hole(row, i) || (row->h && row->h[i]))
            continue;
        *at = ',';
        at += !*first;
        *first = false;
        memcpy(at, m->steps[i].text, sizeof m->steps[i].text); // of a fixed size: a few moves
        at += m->steps[i].n;
        at += num_format_json(at, row->v[i]);
        *at++ = '"';
        *at++ = ']';
    }
    if (begin)
        buf_advance(m->json->out, (size_t)(at - begin));
}

static void write_floats(struct matrix *m, const struct query_row *row)
{
    bool first = true;
    json_key(m->json, "values");
    json_array(m->json);
    for (size_t i = 0; i < row->n; i += POINTS_AT_ONCE)
        put_floats(m, row, i, MIN(i + POINTS_AT_ONCE, row->n), &first);
    json_array_end(m->json);
}

static void write_histograms(struct matrix *m, const struct query_row *row)
{
    json_key(m->json, "histograms");
    json_array(m->json);
    for (size_t i = 0; i < row->n; i++) {
        if (query_row_is_hole(row, i) || !row->h[i])
            continue;
        json_array(m->json);
        json_seconds(m->json, row->start_ms + (int64_t)i * row->step_ms);
        json_histogram(m->json, row->h[i]);
        json_array_end(m->json);
    }
    json_array_end(m->json);
}

static void write_series(struct matrix *m, const struct query_row *row)
{
    bool floats = false, histograms = false;
    for (size_t i = 0; i < row->n; i++) {
        bool hole = query_row_is_hole(row, i), histogram = row->h && row->h[i];
        floats |= !hole && !histogram;
        histograms |= !hole && histogram;
    }
    json_object(m->json);
    json_key(m->json, "metric");
    json_labels(m->json, row->labels);
    if (floats)
        write_floats(m, row);
    if (histograms)
        write_histograms(m, row);
    json_object_end(m->json);
}

static void open_list(struct matrix *m)
{
    json_array(m->json);
    m->begin = m->json->out->n;
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory for the answer");
}

int matrix_take(void *matrix, const struct query_row *row, struct err *err)
{
    struct matrix *m = matrix;
    struct buf *out = m->json->out;
    if (m->n == 0)
        open_list(m);
    if (!m->steps && !make_steps(m, row))
        return no_memory(err);
    size_t *ends = arena_room(m->arena, m->ends, m->n, &m->cap, 64, sizeof *ends);
    if (!ends)
        return no_memory(err);
    m->ends = ends;
    if (!m->large && out->n >= LARGE_BYTES) {
        m->large = true;
        http_more_room(m->request, out);
    }
    write_series(m, row);
    m->ends[m->n++] = out->n;
    return buf_failed(out) ? err_set(err, ERR_TOO_BIG,
                                     "the answer is larger than %zu MiB, or memory ran out; select "
                                     "less or raise limits.max_response_bytes",
                                     out->max >> 20)
                           : 0;
}

static int sort(struct matrix *m, const uint32_t *order, struct err *err)
{
    struct buf *from = m->json->out, to = BUF_MAX(from->max);
    (void)buf_reserve(&to, from->n);
    buf_put(&to, from->p, m->begin);
    for (size_t i = 0; i < m->n; i++) {
        size_t k = order[i], start = k ? m->ends[k - 1] + 1 : m->begin; // behind the comma
        if (i)
            buf_putc(&to, ',');
        buf_put(&to, from->p + start, m->ends[k] - start);
    }
    if (buf_failed(&to)) {
        buf_done(&to);
        return no_memory(err);
    }
    buf_done(from);
    *from = to;
    return 0;
}

int matrix_end(struct matrix *m, const struct query_result *result, struct err *err)
{
    if (!result->given) {
        json_query_result(m->json, result);
        return 0;
    }
    if (m->n == 0)
        open_list(m);
    int rc = result->order ? sort(m, result->order, err) : 0;
    if (rc == 0)
        json_array_end(m->json);
    return rc;
}
