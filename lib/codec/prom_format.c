#include "codec/prom_format.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "model/labels.h"

static const struct {
    struct str name;
    enum prom_escaping escaping;
} escapings[] = {
    {{"allow-utf-8", 11}, PROM_ALLOW_UTF8},
    {{"underscores", 11}, PROM_ESCAPE_UNDERSCORES},
    {{"dots", 4}, PROM_ESCAPE_DOTS},
    {{"values", 6}, PROM_ESCAPE_VALUES},
};

/* The value of parameter `name` in "; a=b; c=d", without quotes; empty when absent. */
static struct str media_parameter(struct str parameters, struct str name)
{
    while (parameters.p) {
        struct str value = str_cut(&parameters, ';');
        struct str key = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        if (!str_eq_nocase(key, name))
            continue;
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = str_sub(value, 1, value.n - 2);
        return value;
    }
    return (struct str){0};
}

static bool text_format(struct str media, enum prom_format *out)
{
    if (str_eq_nocase(media, STR("application/openmetrics-text")))
        *out = PROM_OPENMETRICS;
    else if (str_eq_nocase(media, STR("text/plain")))
        *out = PROM_TEXT;
    else
        return false;
    return true;
}

/* Protobuf has more than one form; this is the one that targets speak. */
static bool any_format(struct str media, struct str parameters, enum prom_format *out)
{
    if (text_format(media, out))
        return true;
    *out = PROM_PROTOBUF;
    return str_eq_nocase(media, STR("application/vnd.google.protobuf")) &&
           str_eq(media_parameter(parameters, STR("proto")),
                  STR("io.prometheus.client.MetricFamily")) &&
           str_eq(media_parameter(parameters, STR("encoding")), STR("delimited"));
}

bool prom_format_of(struct str content_type, enum prom_format *out)
{
    struct str media = str_trim(str_cut(&content_type, ';'));
    return any_format(media, content_type, out);
}

/* True when we write this version of the format. */
static bool version_known(enum prom_format format, struct str version)
{
    return version.n == 0 || format == PROM_PROTOBUF || str_eq(version, STR("1.0.0")) ||
           str_eq(version, format == PROM_TEXT ? STR("0.0.4") : STR("0.0.1"));
}

/* One of the comma-separated offers; false when we cannot write it. */
static bool read_offer(struct str offer, struct prom_content *out, double *out_q)
{
    struct str parameters = offer;
    struct str media = str_trim(str_cut(&parameters, ';'));
    struct prom_content content = {PROM_TEXT, PROM_ESCAPE_UNDERSCORES};
    bool wildcard = str_eq(media, STR("*/*")) || str_eq(media, STR("text/*"));
    if (!wildcard && !any_format(media, parameters, &content.format))
        return false;
    if (!version_known(content.format, media_parameter(parameters, STR("version"))))
        return false;

    struct str escaping = media_parameter(parameters, STR("escaping"));
    for (size_t i = 0; i < ARRAY_LEN(escapings); i++)
        if (str_eq(escaping, escapings[i].name))
            content.escaping = escapings[i].escaping;
    struct str q = media_parameter(parameters, STR("q"));
    *out_q = 1;
    if (q.n && num_parse_double(q, out_q) != 0)
        return false;
    *out = content;
    return true;
}

struct prom_content prom_negotiate(struct str accept, unsigned others)
{
    unsigned known = others | 1u << PROM_TEXT;
    struct prom_content best = {PROM_TEXT, PROM_ESCAPE_UNDERSCORES};
    double best_q = 0;
    while (accept.p) {
        struct prom_content offer;
        double q;
        if (!read_offer(str_cut(&accept, ','), &offer, &q))
            continue;
        if (q > best_q && known >> offer.format & 1) {
            best = offer;
            best_q = q;
        }
    }
    return best;
}

const char *prom_content_type(struct prom_content content)
{
#define PROTOBUF                                                                                   \
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "                   \
    "encoding=delimited; escaping="
    static const char *const types[3][4] = {
        [PROM_PROTOBUF] =
            {
                [PROM_ESCAPE_UNDERSCORES] = PROTOBUF "underscores",
                [PROM_ESCAPE_DOTS] = PROTOBUF "dots",
                [PROM_ESCAPE_VALUES] = PROTOBUF "values",
                [PROM_ALLOW_UTF8] = PROTOBUF "allow-utf-8",
            },
        [PROM_TEXT] =
            {
                [PROM_ESCAPE_UNDERSCORES] =
                    "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
                [PROM_ESCAPE_DOTS] = "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
                [PROM_ESCAPE_VALUES] = "text/plain; version=0.0.4; charset=utf-8; escaping=values",
                [PROM_ALLOW_UTF8] =
                    "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            },
        [PROM_OPENMETRICS] =
            {
                [PROM_ESCAPE_UNDERSCORES] = "application/openmetrics-text; version=1.0.0; "
                                            "charset=utf-8; escaping=underscores",
                [PROM_ESCAPE_DOTS] =
                    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
                [PROM_ESCAPE_VALUES] =
                    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values",
                [PROM_ALLOW_UTF8] = "application/openmetrics-text; version=1.0.0; "
                                    "charset=utf-8; escaping=allow-utf-8",
            },
    };
    return types[content.format][content.escaping];
}

/* The code point at `p` of valid UTF-8, and its length; a bad byte counts as U+FFFD. */
static unsigned long code_point(const char *p, size_t left, size_t *out_len)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t len = u[0] < 0x80 ? 1 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;
    *out_len = 1;
    if (len == 1)
        return u[0];
    if (len > left || !str_is_utf8((struct str){p, len}))
        return 0xFFFD;
    unsigned long c = u[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (u[i] & 0x3Fu);
    *out_len = len;
    return c;
}

static void escape_one(struct buf *out, unsigned long c, bool plain, enum prom_escaping escaping)
{
    if (escaping == PROM_ESCAPE_UNDERSCORES)
        buf_putc(out, plain ? (char)c : '_');
    else if (c == '_')
        buf_puts(out, "__");
    else if (escaping == PROM_ESCAPE_DOTS && c == '.')
        buf_puts(out, "_dot_");
    else if (plain)
        buf_putc(out, (char)c);
    else if (escaping == PROM_ESCAPE_DOTS)
        buf_puts(out, "__");
    else if (c == 0xFFFD)
        buf_puts(out, "_FFFD_");
    else
        buf_printf(out, "_%lx_", c);
}

void prom_escape_name(struct buf *out, struct str name, bool metric, enum prom_escaping escaping)
{
    bool plain_name = metric ? metric_name_is_plain(name) : label_name_is_plain(name);
    bool keeps_plain = escaping != PROM_ESCAPE_DOTS && plain_name;
    if (escaping == PROM_ALLOW_UTF8 || keeps_plain || name.n == 0) {
        buf_put_str(out, name);
        return;
    }
    if (escaping == PROM_ESCAPE_VALUES)
        buf_puts(out, "U__");
    for (size_t i = 0; i < name.n;) {
        size_t len;
        unsigned long c = code_point(name.p + i, name.n - i, &len);
        bool digit = c >= '0' && c <= '9' && i > 0;
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (metric && c == ':');
        escape_one(out, c, digit || letter, escaping);
        i += len;
    }
}
