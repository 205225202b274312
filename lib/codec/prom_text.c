#include "codec/prom_text.h"

#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "codec/prom_labels.h"
#include "codec/prom_proto.h"
#include "model/sample.h"

void prom_parser_init(struct prom_parser *p, struct str body, enum prom_format format,
                      struct arena *arena)
{
    static const char nothing[1] = "";
    if (!body.p)
        body = (struct str){nothing, 0};
    *p = (struct prom_parser){
        .body = body, .arena = arena, .format = format, .at = body.p, .started = body.p};
    if (format == PROM_PROTOBUF)
        p->proto = prom_proto_new(body, arena);
}

/* Lines are counted when somebody asks, not on the way. */
size_t prom_parser_line(const struct prom_parser *p)
{
    size_t line = 1;
    for (const char *at = p->body.p; (at = memchr(at, '\n', (size_t)(p->started - at))); at++)
        line++;
    return line;
}

int prom_parser_prefix(const struct prom_parser *p, int rc, struct err *err)
{
    return p->proto ? prom_proto_prefix(p->proto, rc, err)
                    : err_prefix(err, rc, "line %zu", prom_parser_line(p));
}

static const char *body_end(const struct prom_parser *p)
{
    return p->body.p + p->body.n;
}

/* "line 12: <reason>, got "…"": `at` is where the row went wrong. */
static int bad_row(const struct prom_parser *p, const char *at, const char *reason, struct err *err)
{
    size_t left = (size_t)(body_end(p) - at);
    const char *eol = left ? memchr(at, '\n', left) : NULL;
    struct str rest = {at, eol ? (size_t)(eol - at) : left};
    size_t line = prom_parser_line(p);
    if (rest.n == 0)
        return err_set(err, ERR_INVALID, "line %zu: %s, but the line ends", line, reason);
    return err_set(err, ERR_INVALID, "line %zu: %s, got \"%.*s\"", line, reason,
                   STR_ARG(str_sub(rest, 0, 60)));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

/* ---- Numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_token(const char *at, const char *end)
{
    return at == end || *at == '\n' || is_blank(*at);
}

/* The usual number: at most 19 digits with a point, no exponent. A whole number below 2^53 divided
 * by a power of ten up to 10^22 is correctly rounded, both being exact (Clinger 1990). Returns
 * where it ends, or NULL for anything else, which then takes the slow road. */
static const char *plain_decimal(const char *at, const char *end, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
    bool negative = at < end && *at == '-';
    at += negative;
    const char *start = at;
    uint64_t mantissa = 0;
    for (; at < end && is_digit(*at); at++)
        mantissa = mantissa * 10 + (uint64_t)(*at - '0');
    size_t digits = (size_t)(at - start), decimals = 0;
    if (at < end && *at == '.') {
        const char *point = at++;
        for (; at < end && is_digit(*at); at++)
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        decimals = (size_t)(at - point) - 1;
        digits += decimals;
    }
    if (digits == 0 || digits > 19 || mantissa > (UINT64_C(1) << 53) || !ends_token(at, end))
        return NULL;
    double v = (double)mantissa / powers[decimals];
    *out = negative ? -v : v;
    return at;
}

/* A number as Go's ParseFloat reads it, but for hexadecimal and underscores, which Prometheus
 * leaves out. Returns where it ends, or NULL with the reason. */
static const char *number(const char *at, const char *end, double *out, const char **reason)
{
    const char *after = plain_decimal(at, end, out);
    if (after)
        return after;

    after = at;
    while (!ends_token(after, end) && *after != '{')
        after++;
    struct str text = {at, (size_t)(after - at)};
    for (size_t i = 0; i < text.n; i++)
        if (strchr("_pPxX", text.p[i])) {
            *reason = "expected a decimal number";
            return NULL;
        }
    int rc = num_parse_double(text, out);
    if (rc == ERR_TOO_BIG)
        *reason = "the number is out of range";
    else if (rc != 0)
        *reason = text.n ? "expected a number" : "expected a value";
    else if (isnan(*out))
        *out = plain_nan();
    return rc == 0 ? after : NULL;
}

/* Seconds as OpenMetrics writes them, cut to milliseconds. The product may fall a bit short of the
 * whole number that was meant (1395066363.05 gives …049.9998), hence the half microsecond. */
static const char *seconds(const char *at, const char *end, int64_t *out_ms, const char **reason)
{
    double s;
    const char *after = number(at, end, &s, reason);
    if (!after)
        return NULL;
    if (!(fabs(s) < 9e15)) {
        *reason = "expected a finite timestamp in seconds";
        return NULL;
    }
    *out_ms = (int64_t)(s * 1000 + copysign(0.0005, s));
    return after;
}

static const char *milliseconds(const char *at, const char *end, int64_t *out_ms,
                                const char **reason)
{
    const char *after = at;
    while (!ends_token(after, end))
        after++;
    if (num_parse_i64((struct str){at, (size_t)(after - at)}, out_ms) != 0) {
        *reason = "expected a timestamp in whole milliseconds or the end of the line";
        return NULL;
    }
    return after;
}

/* ---- Series rows ---- */

/* Between two tokens of a row: blanks in text 0.0.4, exactly one space in OpenMetrics. NULL when
 * the line ends instead (*reason stays NULL) or the separator is wrong. */
static const char *next_token(const struct prom_parser *p, const char *at, const char **reason)
{
    const char *end = body_end(p);
    if (p->format == PROM_TEXT) {
        const char *token = skip_blanks(at, end);
        return token == end || *token == '\n' ? NULL : token;
    }
    if (at == end || *at == '\n')
        return NULL;
    if (*at != ' ' || at + 1 == end || is_blank(at[1]) || at[1] == '\n') {
        *reason = "expected exactly one space";
        return NULL;
    }
    return at + 1;
}

/* The end of the line; the next row starts behind it. */
static int finish_line(struct prom_parser *p, const char *at, struct err *err)
{
    const char *end = body_end(p);
    if (p->format == PROM_TEXT)
        at = skip_blanks(at, end);
    if (at == end && p->format == PROM_OPENMETRICS)
        return bad_row(p, at, "expected a line feed", err);
    if (at < end && *at != '\n')
        return bad_row(p, at, "expected the end of the line", err);
    p->at = at + (at < end);
    return 1;
}

/* The end of the series at the parser's place, or NULL with the reason. */
static const char *series_end(const struct prom_parser *p, const char **reason)
{
    const char *end = body_end(p);
    const char *name_end = prom_name_end(p->at, end);
    const char *at =
        p->format == PROM_TEXT && name_end > p->at ? skip_blanks(name_end, end) : name_end;
    if (at < end && *at == '{') {
        at = prom_braces_end(at + 1, end);
        *reason = "the label set is not closed";
        return at;
    }
    *reason = "expected a metric name";
    return name_end > p->at ? name_end : NULL;
}

/* True when the guessed text stands here and is a whole series: what follows is a blank and then no
 * brace (text 0.0.4 allows a blank between name and brace). */
static bool is_expected(const struct prom_parser *p, struct str expect)
{
    size_t left = (size_t)(body_end(p) - p->at);
    if (expect.n == 0 || left < expect.n + 2 || memcmp(p->at, expect.p, expect.n) != 0)
        return false;
    const char *after = p->at + expect.n;
    if (!is_blank(*after))
        return false;
    if (after[-1] == '}')
        return true;
    after = skip_blanks(after, body_end(p));
    return after < body_end(p) && *after != '{';
}

/* `# {labels} value timestamp` behind a sample; `at` is the '#'. */
static int exemplar_part(struct prom_parser *p, const char *at, struct prom_row *row,
                         const char **out_at, struct err *err)
{
    const char *end = body_end(p), *reason = NULL;
    const char *labels = end - at > 2 && at[1] == ' ' && at[2] == '{' ? at + 2 : NULL;
    const char *labels_end = labels ? prom_braces_end(labels + 1, end) : NULL;
    if (!labels_end)
        return bad_row(p, at, "expected an exemplar, # {labels} value", err);

    struct exemplar *e = arena_zalloc(p->arena, sizeof *e);
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for exemplars");
    int rc = prom_labels_parse((struct str){labels, (size_t)(labels_end - labels)}, p->format, true,
                               p->arena, &e->labels, err);
    if (rc != 0)
        return err_prefix(err, rc, "line %zu: exemplar", prom_parser_line(p));

    at = next_token(p, labels_end, &reason);
    if (!at)
        return bad_row(p, labels_end, "expected a value behind the exemplar's labels", err);
    const char *after = number(at, end, &e->value, &reason);
    const char *time = after ? next_token(p, after, &reason) : NULL;
    if (time)
        after = seconds(time, end, &e->t_unix_ms, &reason);
    if (reason)
        return bad_row(p, time ? time : at, reason, err);
    row->exemplar = e;
    row->n_exemplars = 1;
    *out_at = after;
    return 0;
}

/* What follows the value: a timestamp, an exemplar, the end of the line. */
static int series_tail(struct prom_parser *p, const char *at, struct prom_row *row, struct err *err)
{
    const char *end = body_end(p), *reason = NULL;
    const char *token = next_token(p, at, &reason);
    if (token && !(p->format == PROM_OPENMETRICS && *token == '#')) {
        at = p->format == PROM_TEXT ? milliseconds(token, end, &row->t_unix_ms, &reason)
                                    : seconds(token, end, &row->t_unix_ms, &reason);
        if (!at)
            return bad_row(p, token, reason, err);
        row->has_time = true;
        token = p->format == PROM_OPENMETRICS ? next_token(p, at, &reason) : NULL;
    }
    if (reason)
        return bad_row(p, at, reason, err);
    if (token && *token == '#') {
        int rc = exemplar_part(p, token, row, &at, err);
        if (rc != 0)
            return rc;
    } else if (token) {
        at = token;
    }
    return finish_line(p, at, err);
}

static int series_row(struct prom_parser *p, struct str expect, struct prom_row *row,
                      struct err *err)
{
    const char *reason = NULL;
    *row = (struct prom_row){.kind = PROM_ROW_SERIES, .expected = is_expected(p, expect)};
    const char *at = row->expected ? p->at + expect.n : series_end(p, &reason);
    if (!at)
        return bad_row(p, p->at, reason, err);
    row->series = (struct str){p->at, (size_t)(at - p->at)};

    reason = NULL;
    const char *value = next_token(p, at, &reason);
    if (!value)
        return bad_row(p, at, reason ? reason : "expected a value behind the series", err);
    if (value == at && at[-1] != '}') // a name and its value need something between them
        return bad_row(p, at, "expected a blank behind the metric name", err);
    at = number(value, body_end(p), &row->value, &reason);
    if (!at)
        return bad_row(p, value, reason, err);
    return series_tail(p, at, row, err);
}

int prom_parser_labels(const struct prom_parser *p, const struct prom_row *row, struct labels *out,
                       struct err *err)
{
    if (p->format == PROM_PROTOBUF)
        return prom_proto_labels(p, out, err);
    int rc = prom_labels_parse(row->series, p->format, false, p->arena, out, err);
    return rc != 0 ? err_prefix(err, rc, "line %zu", prom_parser_line(p)) : 0;
}

/* ---- Comment rows ---- */

static const struct type_name {
    struct str name;
    enum metric_type type;
    bool text, openmetrics; /* where it may be used */
} type_names[] = {
    {{"counter", 7}, METRIC_COUNTER, true, true},
    {{"gauge", 5}, METRIC_GAUGE, true, true},
    {{"histogram", 9}, METRIC_HISTOGRAM, true, true},
    {{"summary", 7}, METRIC_SUMMARY, true, true},
    {{"untyped", 7}, METRIC_UNKNOWN, true, false},
    {{"unknown", 7}, METRIC_UNKNOWN, false, true},
    {{"gaugehistogram", 14}, METRIC_GAUGE_HISTOGRAM, false, true},
    {{"info", 4}, METRIC_INFO, false, true},
    {{"stateset", 8}, METRIC_STATESET, false, true},
};

static int type_text(struct prom_parser *p, struct prom_row *row, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(type_names); i++) {
        const struct type_name *t = &type_names[i];
        bool allowed = p->format == PROM_TEXT ? t->text : t->openmetrics;
        if (allowed && str_eq(t->name, row->text)) {
            row->type = t->type;
            return 0;
        }
    }
    return bad_row(p, row->text.p,
                   p->format == PROM_TEXT
                       ? "expected the type counter, gauge, histogram, summary or untyped"
                       : "expected the type counter, gauge, histogram, gaugehistogram, summary, "
                         "info, stateset or unknown",
                   err);
}

static int help_text(struct prom_parser *p, struct prom_row *row, struct err *err)
{
    if (!str_is_utf8(row->text))
        return bad_row(p, row->text.p, "expected valid UTF-8 as the help text", err);
    row->text = prom_unescape(row->text, p->format == PROM_OPENMETRICS, p->arena);
    return 0;
}

static int unit_text(struct prom_parser *p, struct prom_row *row, struct err *err)
{
    struct str unit = row->text, family = row->family;
    bool suffix =
        str_ends(family, unit) && family.n > unit.n && family.p[family.n - unit.n - 1] == '_';
    if (unit.n && !suffix)
        return bad_row(p, unit.p, "expected a unit that ends the metric's name, as in name_unit",
                       err);
    return 0;
}

static const struct keyword {
    struct str word;
    enum prom_row_kind kind;
    int (*read_text)(struct prom_parser *p, struct prom_row *row, struct err *err);
    bool openmetrics_only;
} keywords[] = {
    {{"TYPE", 4}, PROM_ROW_TYPE, type_text, false},
    {{"HELP", 4}, PROM_ROW_HELP, help_text, false},
    {{"UNIT", 4}, PROM_ROW_UNIT, unit_text, true},
};

/* Which keyword stands at `at`, with a blank behind it; NULL for none. */
static const struct keyword *keyword_at(const struct prom_parser *p, const char *at)
{
    struct str rest = {at, (size_t)(body_end(p) - at)};
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct keyword *k = &keywords[i];
        if (str_starts(rest, k->word) && rest.n > k->word.n && is_blank(rest.p[k->word.n]) &&
            !(k->openmetrics_only && p->format == PROM_TEXT))
            return k;
    }
    return NULL;
}

/* The metric's name behind a keyword, plain or in quotes. Returns where it ends or NULL. */
static const char *family_name(const struct prom_parser *p, const char *at, struct str *out)
{
    const char *end = body_end(p);
    if (at < end && *at == '"') {
        const char *after = prom_quoted_end(at + 1, end);
        if (!after)
            return NULL;
        *out = (struct str){at + 1, (size_t)(after - at) - 2};
        if (out->n == 0 || memchr(out->p, '\n', out->n) || !str_is_utf8(*out))
            return NULL;
        *out = prom_unescape(*out, true, p->arena);
        return after;
    }
    const char *after = prom_name_end(at, end);
    *out = (struct str){at, (size_t)(after - at)};
    return out->n ? after : NULL;
}

/* The rest of the line is the text; a missing last line feed is forgiven in text 0.0.4. */
static int metadata_row(struct prom_parser *p, const struct keyword *k, const char *at,
                        struct prom_row *row, struct err *err)
{
    const char *end = body_end(p), *reason = NULL;
    *row = (struct prom_row){.kind = k->kind};
    const char *name = next_token(p, at + k->word.n, &reason);
    at = name ? family_name(p, name, &row->family) : NULL;
    if (!at)
        return bad_row(p, name ? name : p->started, "expected a metric name", err);

    if (at < end && *at != '\n' && !is_blank(*at))
        return bad_row(p, at, "expected a blank behind the metric name", err);
    at = p->format == PROM_TEXT ? skip_blanks(at, end) : at + (at < end && *at == ' ');
    const char *eol = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (!eol && p->format == PROM_OPENMETRICS)
        return bad_row(p, end, "expected a line feed", err);
    const char *text_end = eol ? eol : end;
    if (p->format == PROM_TEXT && k->kind == PROM_ROW_TYPE)
        while (text_end > at && is_blank(text_end[-1]))
            text_end--;
    row->text = (struct str){at, (size_t)(text_end - at)};
    int rc = k->read_text(p, row, err);
    if (rc != 0)
        return rc;
    p->at = eol ? eol + 1 : end;
    return 1;
}

/* The end mark of OpenMetrics; nothing may follow it but its line feed. */
static int end_mark(struct prom_parser *p, struct err *err)
{
    const char *at = p->at + 5;
    at += at < body_end(p) && *at == '\n';
    if (at != body_end(p))
        return bad_row(p, at, "expected nothing behind # EOF", err);
    p->ended = true;
    p->at = at;
    return 0;
}

static int comment_row(struct prom_parser *p, struct prom_row *row, struct err *err)
{
    const char *end = body_end(p);
    const char *at = skip_blanks(p->at + 1, end);
    const struct keyword *k = at > p->at + 1 ? keyword_at(p, at) : NULL;
    if (p->format == PROM_OPENMETRICS) {
        struct str rest = {p->at, (size_t)(end - p->at)};
        if (str_starts(rest, STR("# EOF")) && (rest.n == 5 || rest.p[5] == '\n'))
            return end_mark(p, err);
        if (!k || at != p->at + 2)
            return bad_row(p, p->at, "expected # HELP, # TYPE, # UNIT or # EOF", err);
    }
    if (k)
        return metadata_row(p, k, at, row, err);

    const char *eol = memchr(p->at, '\n', (size_t)(end - p->at));
    const char *text_end = eol ? eol : end;
    *row = (struct prom_row){.kind = PROM_ROW_COMMENT, .text = {at, (size_t)(text_end - at)}};
    p->at = eol ? eol + 1 : end;
    return 1;
}

int prom_parser_next(struct prom_parser *p, struct str expect, struct prom_row *row,
                     struct err *err)
{
    const char *end = body_end(p);
    if (p->format == PROM_PROTOBUF)
        return prom_proto_next(p, expect, row, err);
    if (p->format == PROM_TEXT)
        while (p->at < end && (is_blank(*p->at) || *p->at == '\n'))
            p->at++;
    p->started = p->at;
    if (p->at == end && p->format == PROM_OPENMETRICS && !p->ended)
        return bad_row(p, p->at, "expected # EOF at the end", err);
    if (p->at == end)
        return 0;
    return *p->at == '#' ? comment_row(p, row, err) : series_row(p, expect, row, err);
}
