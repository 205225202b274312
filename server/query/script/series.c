#include "query/script/series.h"

#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "query/promql/hist.h"
#include "query/promql/parser.h"

enum { SERIES_VALUES_MAX = 1 << 20 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* --- labels ----------------------------------------------------------------------------------- */

/* Where the labels end: at a space outside of braces and quotes. */
size_t script_labels_end(struct str line)
{
    int braces = 0;
    char quote = '\0';
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        if (quote) {
            if (c == '\\' && quote != '`')
                i++;
            else if (c == quote)
                quote = '\0';
        } else if (c == '"' || c == '\'' || c == '`') {
            quote = c;
        } else if (c == '{' || c == '}') {
            braces += c == '{' ? 1 : -1;
        } else if (is_space(c) && braces == 0) {
            /* "name {a="b"}" is still the labels; "name {{…}}" is a value. */
            size_t next = i;
            while (next < line.n && is_space(line.p[next]))
                next++;
            bool more = next + 1 < line.n && line.p[next] == '{' && line.p[next + 1] != '{' &&
                        i > 0 && line.p[i - 1] != '}';
            if (!more)
                return i;
        }
    }
    return line.n;
}

int script_labels_of(struct arena *arena, struct str text, struct labels *out, struct err *err)
{
    *out = (struct labels){0};
    if (str_eq(text, STR("{}")))
        return 0;
    struct ast ast;
    int rc = promql_parse_selector(text, &ast, err);
    if (rc != 0)
        return rc;
    struct labels_builder b;
    labels_builder_init(&b, arena, NULL);
    for (size_t i = 0; i < ast.root->selector.n; i++) {
        const struct matcher *m = &ast.root->selector.matchers[i];
        if (m->op != MATCH_EQUAL)
            rc = err_set(err, ERR_INVALID, "labels of a series are written with =");
        labels_builder_set(&b, arena_str(arena, m->name), arena_str(arena, m->value));
    }
    ast_done(&ast);
    *out = labels_builder_labels(&b);
    return rc;
}

/* --- lists of values -------------------------------------------------------------------------- */

struct value_list {
    struct arena *arena;
    struct script_value *v;
    size_t n, cap;
};

static int append(struct value_list *l, struct script_value value, struct err *err)
{
    if (l->n == SERIES_VALUES_MAX)
        return err_set(err, ERR_TOO_BIG, "a series has more than %d values", SERIES_VALUES_MAX);
    struct script_value *v = arena_room(l->arena, l->v, l->n, &l->cap, 16, sizeof *v);
    if (!v)
        return err_set(err, ERR_NOMEM, "out of memory for a series");
    l->v = v;
    l->v[l->n++] = value;
    return 0;
}

bool script_parse_number(struct str text, double *out)
{
    double sign = 1;
    if (text.n && (text.p[0] == '-' || text.p[0] == '+')) {
        sign = text.p[0] == '-' ? -1 : 1;
        text = str_sub(text, 1, text.n);
    }
    int rc = num_parse_double(text, out);
    *out *= sign;
    return rc == 0;
}

/* --- histograms ------------------------------------------------------------------------------- */

struct histogram_text {
    struct histogram h;
    int64_t offset, n_offset;
    bool hint_set;
};

static int numbers_of(struct arena *arena, struct str text, const double **out, size_t *out_n,
                      struct err *err)
{
    double *v = arena_alloc(arena, (text.n / 2 + 1) * sizeof *v);
    size_t n = 0;
    text = str_trim(text);
    while (v && text.n) {
        size_t end = 0;
        while (end < text.n && !is_space(text.p[end]))
            end++;
        if (!script_parse_number(str_sub(text, 0, end), &v[n++]))
            return err_set(err, ERR_INVALID, "\"%.*s\" is not a bucket's number",
                           STR_ARG(str_sub(text, 0, end)));
        text = str_trim(str_sub(text, end, text.n));
    }
    *out = v;
    *out_n = n;
    return v ? 0 : err_set(err, ERR_NOMEM, "out of memory for a histogram");
}

static int set_hint(struct histogram_text *t, struct str value, struct err *err)
{
    static const struct {
        struct str name;
        enum histogram_reset reset;
    } hints[] = {{{"unknown", 7}, HISTOGRAM_RESET_UNKNOWN},
                 {{"reset", 5}, HISTOGRAM_RESET_YES},
                 {{"not_reset", 9}, HISTOGRAM_RESET_NO},
                 {{"gauge", 5}, HISTOGRAM_RESET_GAUGE}};
    t->hint_set = true;
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (str_eq(hints[i].name, value)) {
            t->h.reset = hints[i].reset;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "unknown counter_reset_hint \"%.*s\"", STR_ARG(value));
}

static int set_field(struct arena *arena, struct histogram_text *t, struct str key,
                     struct str value, struct err *err)
{
    struct histogram *h = &t->h;
    double number = 0;
    if (str_eq(key, STR("counter_reset_hint")))
        return set_hint(t, value, err);
    if (value.n && value.p[0] == '[') {
        struct str list = str_sub(value, 1, value.n - 2);
        if (str_eq(key, STR("buckets")))
            return numbers_of(arena, list, &h->positive, &h->n_positive, err);
        if (str_eq(key, STR("n_buckets")))
            return numbers_of(arena, list, &h->negative, &h->n_negative, err);
        if (str_eq(key, STR("custom_values")))
            return numbers_of(arena, list, &h->custom_bounds, &h->n_custom_bounds, err);
    }
    if (!script_parse_number(value, &number))
        return err_set(err, ERR_INVALID, "histogram field %.*s: \"%.*s\" is not a number",
                       STR_ARG(key), STR_ARG(value));
    if (str_eq(key, STR("schema")))
        h->schema = (int32_t)number;
    else if (str_eq(key, STR("sum")))
        h->sum = number;
    else if (str_eq(key, STR("count")))
        h->count = number;
    else if (str_eq(key, STR("z_bucket")))
        h->zero_count = number;
    else if (str_eq(key, STR("z_bucket_w")))
        h->zero_threshold = number;
    else if (str_eq(key, STR("offset")))
        t->offset = (int64_t)number;
    else if (str_eq(key, STR("n_offset")))
        t->n_offset = (int64_t)number;
    else
        return err_set(err, ERR_INVALID, "unknown histogram field \"%.*s\"", STR_ARG(key));
    return 0;
}

static const struct histogram_span *one_span(struct arena *arena, int64_t offset, size_t n,
                                             size_t *out_n)
{
    struct histogram_span *s = arena_alloc(arena, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct histogram_span){(int32_t)offset, (uint32_t)n};
    *out_n = n ? 1 : 0;
    return s;
}

static int finish_histogram(struct arena *arena, struct histogram_text *t,
                            const struct histogram **out, struct err *err)
{
    struct histogram *h = arena_alloc(arena, sizeof *h);
    t->h.positive_spans = one_span(arena, t->offset, t->h.n_positive, &t->h.n_positive_spans);
    t->h.negative_spans = one_span(arena, t->n_offset, t->h.n_negative, &t->h.n_negative_spans);
    if (!h || arena_failed(arena))
        return err_set(err, ERR_NOMEM, "out of memory for a histogram");
    *h = t->h;
    *out = h;
    return 0;
}

/* `text`: what stands between {{ and }}. */
static int parse_histogram(struct arena *arena, struct str text, struct script_value *out,
                           struct err *err)
{
    struct histogram_text t = {0};
    text = str_trim(text);
    while (text.n) {
        size_t colon = str_index(text, ':');
        struct str key = str_trim(str_sub(text, 0, colon));
        if (colon == text.n)
            return err_set(err, ERR_INVALID, "histogram field \"%.*s\" has no value", STR_ARG(key));
        text = str_trim(str_sub(text, colon + 1, text.n));
        size_t end = 0;
        bool list = text.n && text.p[0] == '[';
        while (end < text.n && (list ? text.p[end] != ']' : !is_space(text.p[end])))
            end++;
        end += list && end < text.n;
        int rc = set_field(arena, &t, key, str_sub(text, 0, end), err);
        if (rc != 0)
            return rc;
        text = str_trim(str_sub(text, end, text.n));
    }
    out->hint_set = t.hint_set;
    return finish_histogram(arena, &t, &out->h, err);
}

/* --- items ------------------------------------------------------------------------------------ */

int script_repeat_of(struct str text, long *out, struct err *err)
{
    int64_t n = -1;
    *out = -1;
    if (text.n == 0)
        return 0;
    if (text.p[0] != 'x' || num_parse_i64(str_sub(text, 1, text.n), &n) != 0 || n < 0 ||
        n > SERIES_VALUES_MAX)
        return err_set(err, ERR_INVALID, "\"%.*s\" is not a repetition; expected x and a number",
                       STR_ARG(text));
    *out = (long)n;
    return 0;
}

static int repeat(struct value_list *l, struct script_value v, long more, struct err *err)
{
    int rc = append(l, v, err);
    for (long i = 0; i < more && rc == 0; i++)
        rc = append(l, v, err);
    return rc;
}

/* Length of a number at the start; a sign may be there, an x ends it. */
static size_t number_length(struct str text)
{
    size_t n = text.n && (text.p[0] == '-' || text.p[0] == '+');
    for (; n < text.n; n++) {
        char c = text.p[n];
        bool sign = c == '-' || c == '+';
        if (c == 'x' || (sign && (text.p[n - 1] | 0x20) != 'e'))
            break;
    }
    return n;
}

/* 5, 5x3, 1+2x3, stale */
static int parse_number_item(struct value_list *l, struct str item, struct err *err)
{
    double v, step = 0;
    size_t n = number_length(item);
    struct str first = str_sub(item, 0, n), rest = str_sub(item, n, item.n);
    long more;
    if (str_eq(first, STR("stale")))
        v = stale_nan();
    else if (!script_parse_number(first, &v))
        return err_set(err, ERR_INVALID, "\"%.*s\" is not a value", STR_ARG(item));
    bool grows = rest.n && (rest.p[0] == '+' || rest.p[0] == '-');
    if (grows) {
        n = number_length(rest);
        if (!script_parse_number(str_sub(rest, 0, n), &step))
            return err_set(err, ERR_INVALID, "\"%.*s\" is not a value", STR_ARG(item));
        rest = str_sub(rest, n, rest.n);
    }
    if (grows && rest.n == 0)
        return err_set(err, ERR_INVALID, "\"%.*s\" has a step and no repetition (x3)",
                       STR_ARG(item));
    int rc = script_repeat_of(rest, &more, err);
    if (rc == 0)
        rc = append(l, (struct script_value){.v = v}, err);
    for (long i = 0; i < more && rc == 0; i++) {
        v += grows ? step : 0;
        rc = append(l, (struct script_value){.v = v}, err);
    }
    return rc;
}

/* {{…}}, {{…}}x3, {{…}}+{{…}}x3 */
static int parse_histogram_item(struct value_list *l, struct str item, struct err *err)
{
    struct script_value first = {0}, step = {0};
    size_t end = str_find(item, STR("}}"));
    long more;
    int rc = parse_histogram(l->arena, str_sub(item, 2, end - 2), &first, err);
    struct str rest = str_sub(item, end + 2, item.n);
    bool grows = rest.n && (rest.p[0] == '+' || rest.p[0] == '-');
    bool minus = grows && rest.p[0] == '-';
    if (rc == 0 && grows) {
        end = str_find(rest, STR("}}"));
        rc = parse_histogram(l->arena, str_sub(rest, 3, end - 3), &step, err);
        rest = str_sub(rest, end + 2, rest.n);
    }
    if (rc == 0)
        rc = script_repeat_of(rest, &more, err);
    if (rc != 0)
        return rc;
    if (!grows)
        return repeat(l, first, more, err);
    first.hint_set = step.hint_set;
    rc = append(l, first, err);
    for (long i = 0; i < more && rc == 0; i++) {
        first.h = minus ? hist_sub(l->arena, first.h, step.h, NULL)
                        : hist_add(l->arena, first.h, step.h, NULL);
        if (!first.h)
            return err_set(err, ERR_INVALID, "histograms of different kinds cannot be added");
        rc = append(l, first, err);
    }
    return rc;
}

static int parse_item(struct value_list *l, struct str item, struct err *err)
{
    if (str_starts(item, STR("{{")))
        return parse_histogram_item(l, item, err);
    if (item.p[0] != '_')
        return parse_number_item(l, item, err);
    long times;
    int rc = script_repeat_of(str_sub(item, 1, item.n), &times, err);
    if (times < 0)
        times = 1;
    for (long i = 0; i < times && rc == 0; i++)
        rc = append(l, (struct script_value){.omitted = true}, err);
    return rc;
}

struct str script_next_item(struct str *text)
{
    size_t n = 0;
    bool inside = false;
    for (; n < text->n; n++) {
        struct str rest = str_sub(*text, n, 2);
        if (str_eq(rest, STR("{{")))
            inside = true;
        else if (str_eq(rest, STR("}}")))
            inside = false;
        else if (!inside && is_space(text->p[n]))
            break;
    }
    struct str item = str_sub(*text, 0, n);
    *text = str_trim(str_sub(*text, n, text->n));
    return item;
}

int script_parse_series(struct arena *arena, struct str line, struct script_series *out,
                        struct err *err)
{
    struct value_list l = {.arena = arena};
    size_t end = script_labels_end(line);
    *out = (struct script_series){0};
    int rc = script_labels_of(arena, str_trim(str_sub(line, 0, end)), &out->labels, err);
    struct str rest = str_trim(str_sub(line, end, line.n));
    while (rc == 0 && rest.n)
        rc = parse_item(&l, script_next_item(&rest), err);
    out->values = l.v;
    out->n = l.n;
    return rc;
}
