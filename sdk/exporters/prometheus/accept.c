#include "prometheus/accept.h"

#include <stdio.h>

#include "base/compiler.h"
#include "base/str.h"

enum { Q_ONE = 1000 };

/* "0.8" as 800; 1000 for what is malformed. */
static int parse_q(struct str text)
{
    if (text.n < 1 || text.n > 5 || text.p[0] < '0' || text.p[0] > '1')
        return Q_ONE;
    int q = (text.p[0] - '0') * Q_ONE, unit = Q_ONE / 10;
    for (size_t i = 2; i < text.n; i++, unit /= 10) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return Q_ONE;
        q += (text.p[i] - '0') * unit;
    }
    return q < Q_ONE ? q : Q_ONE;
}

/* A range of an Accept header, in its parts. */
struct range {
    struct str type, version, proto, encoding, escaping;
    int q;
};

static struct str without_quotes(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_sub(s, 1, s.n - 2) : s;
}

static struct range read_range(struct str text)
{
    struct range r = {.type = str_trim(str_cut(&text, ';')), .q = Q_ONE};
    while (text.p) {
        struct str value = str_trim(str_cut(&text, ';'));
        struct str key = str_trim(str_cut(&value, '='));
        value = without_quotes(str_trim(value));
        if (str_eq_nocase(key, STR("q")))
            r.q = parse_q(value);
        else if (str_eq_nocase(key, STR("version")))
            r.version = value;
        else if (str_eq_nocase(key, STR("proto")))
            r.proto = value;
        else if (str_eq_nocase(key, STR("encoding")))
            r.encoding = value;
        else if (str_eq_nocase(key, STR("escaping")))
            r.escaping = value;
    }
    return r;
}

/* --- formats --------------------------------------------------------------------------------- */

static const char *const escapings[] = {
    [TT_ESCAPING_NONE] = "allow-utf-8",
    [TT_ESCAPING_UNDERSCORES] = "underscores",
    [TT_ESCAPING_DOTS] = "dots",
    [TT_ESCAPING_VALUES] = "values",
};

static bool is_version(const struct range *r, const char *version)
{
    return r->version.n == 0 || str_eq(r->version, str_c(version));
}

/* False for what we do not write. */
static bool format_of(const struct range *r, enum tt_prometheus_format *out)
{
    if (str_eq_nocase(r->type, STR("application/vnd.google.protobuf"))) {
        *out = TT_PROMETHEUS_PROTOBUF;
        return str_eq(r->proto, STR("io.prometheus.client.MetricFamily")) &&
               str_eq_nocase(r->encoding, STR("delimited"));
    }
    if (str_eq_nocase(r->type, STR("application/openmetrics-text"))) {
        *out = TT_PROMETHEUS_OPENMETRICS;
        return is_version(r, "1.0.0");
    }
    *out = TT_PROMETHEUS_TEXT;
    return str_eq_nocase(r->type, STR("text/plain")) &&
           (is_version(r, "0.0.4") || is_version(r, "1.0.0"));
}

static struct accepted accepted_of(const struct range *r, enum tt_prometheus_format format)
{
    struct accepted a = {.format = format, .escaping = TT_ESCAPING_UNDERSCORES};
    for (size_t i = 0; i < ARRAY_LEN(escapings); i++) {
        if (str_eq_nocase(r->escaping, str_c(escapings[i]))) {
            a.escaping = (enum tt_prometheus_escaping)i;
            a.escaping_asked = true;
        }
    }
    a.text_1_0_0 = format == TT_PROMETHEUS_TEXT && str_eq(r->version, STR("1.0.0"));
    return a;
}

struct accepted accept_choose(const char *accept)
{
    struct accepted best = {.format = TT_PROMETHEUS_TEXT, .escaping = TT_ESCAPING_UNDERSCORES};
    struct str rest = str_c(accept);
    int best_q = 0;
    bool by_name = true;
    while (rest.p) {
        enum tt_prometheus_format format = TT_PROMETHEUS_TEXT;
        struct range r = read_range(str_cut(&rest, ','));
        bool any = str_eq(r.type, STR("*/*")) || str_eq_nocase(r.type, STR("text/*"));
        if (!any && !format_of(&r, &format))
            continue;
        if (r.q < best_q || (r.q == best_q && (by_name || any)))
            continue;
        best = accepted_of(&r, format);
        best_q = r.q;
        by_name = !any;
    }
    return best;
}

const char *accepted_content_type(const struct accepted *a, char out[CONTENT_TYPE_MAX])
{
    const char *type = a->text_1_0_0 ? "text/plain; version=1.0.0; charset=utf-8"
                                     : tt_prometheus_content_type(a->format);
    (void)snprintf(out, CONTENT_TYPE_MAX, "%s%s%s", type, a->escaping_asked ? "; escaping=" : "",
                   a->escaping_asked ? escapings[a->escaping] : ""); // there is room
    return out;
}

/* --- encodings ------------------------------------------------------------------------------- */

bool accept_gzip(const char *accept)
{
    struct str rest = str_c(accept);
    int named = -1, any = -1;
    while (rest.p) {
        struct range r = read_range(str_cut(&rest, ','));
        if (str_eq_nocase(r.type, STR("gzip")) || str_eq_nocase(r.type, STR("x-gzip")))
            named = r.q;
        else if (str_eq(r.type, STR("*")))
            any = r.q;
    }
    return named >= 0 ? named > 0 : any > 0;
}
