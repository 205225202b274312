#include "prometheus/accept.h"

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

/* The weight of one media range; `*out_type` is the type alone. */
static int weigh(struct str range, struct str *out_type, bool *out_known_version)
{
    *out_type = str_trim(str_cut(&range, ';'));
    *out_known_version = true;
    int q = Q_ONE;
    while (range.p) {
        struct str value = str_trim(str_cut(&range, ';'));
        struct str key = str_trim(str_cut(&value, '='));
        if (str_eq_nocase(key, STR("q")))
            q = parse_q(str_trim(value));
        else if (str_eq_nocase(key, STR("version")))
            *out_known_version = !str_eq(str_trim(value), STR("0.0.1"));
    }
    return q;
}

enum tt_prometheus_format accept_format(const char *accept)
{
    struct str rest = str_c(accept);
    int open = 0, text = 0;
    while (rest.p) {
        struct str type;
        bool known;
        int q = weigh(str_cut(&rest, ','), &type, &known);
        if (known && str_eq_nocase(type, STR("application/openmetrics-text")) && q > open)
            open = q;
        if (str_eq_nocase(type, STR("text/plain")) && q > text)
            text = q;
    }
    return open > 0 && open >= text ? TT_PROMETHEUS_OPENMETRICS : TT_PROMETHEUS_TEXT;
}

bool accept_gzip(const char *accept)
{
    struct str rest = str_c(accept);
    int named = -1, any = -1;
    while (rest.p) {
        struct str coding;
        bool known;
        int q = weigh(str_cut(&rest, ','), &coding, &known);
        if (str_eq_nocase(coding, STR("gzip")) || str_eq_nocase(coding, STR("x-gzip")))
            named = q;
        else if (str_eq(coding, STR("*")))
            any = q;
    }
    return named >= 0 ? named > 0 : any > 0;
}
