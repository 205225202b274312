/* By OpenTelemetry's specification of compatibility with Prometheus: units become words at the end
 * of the name, characters that Prometheus did not know before version 3 become underscores. */
#include "text/names.h"

#include "base/num.h"
#include "base/str.h"

enum { NAME_MAX_BYTES = 4096 };

/* As text, which takes a third of a table of pointers. */
static const char units[] =
    "d=days h=hours min=minutes s=seconds ms=milliseconds us=microseconds ns=nanoseconds By=bytes "
    "KiBy=kibibytes MiBy=mebibytes GiBy=gibibytes TiBy=tebibytes KBy=kilobytes MBy=megabytes "
    "GBy=gigabytes TBy=terabytes m=meters V=volts A=amperes J=joules W=watts g=grams Cel=celsius "
    "Hz=hertz %=percent";

/* After "/": per … */
static const char per_units[] = "s=second m=minute h=hour d=day w=week mo=month y=year";

bool prometheus_has_suffixes(enum tt_prometheus_names names)
{
    return names == TT_NAMES_UNDERSCORE_SUFFIXES || names == TT_NAMES_UTF8_SUFFIXES;
}

bool prometheus_has_utf8(enum tt_prometheus_names names)
{
    return names == TT_NAMES_UTF8_SUFFIXES || names == TT_NAMES_UTF8;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void prometheus_sanitise(struct buf *out, struct str text, bool colon)
{
    if (text.n && is_digit(text.p[0]))
        buf_putc(out, '_');
    bool gap = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool known = is_letter(c) || is_digit(c) || (colon && c == ':');
        if (known && c != '_')
            buf_putc(out, c);
        else if (!gap)
            buf_putc(out, '_');
        gap = !known || c == '_';
    }
}

/* --- units ----------------------------------------------------------------------------------- */

/* "{request}" is a remark and no unit. */
static struct str without_remark(struct str unit)
{
    unit.n = str_index(unit, '{');
    return str_trim(unit);
}

/* The unit's word, or the unit itself without what no name may have. */
static void put_word(struct buf *out, const char *words, struct str unit)
{
    for (struct str rest = str_c(words); rest.p;) {
        struct str word = str_cut(&rest, ' ');
        if (str_eq(str_cut(&word, '='), unit)) {
            buf_put_str(out, word);
            return;
        }
    }
    prometheus_sanitise(out, unit, false);
}

void prometheus_unit(struct buf *out, const struct stream *s)
{
    struct str per = str_c(s->unit), unit = without_remark(str_cut(&per, '/'));
    per = without_remark(per);
    if (str_eq(unit, STR("1"))) {
        if (s->gauge && !per.n)
            buf_puts(out, "ratio");
        unit.n = 0;
    }
    if (unit.n)
        put_word(out, units, unit);
    if (per.n) {
        buf_puts(out, unit.n ? "_per_" : "per_");
        put_word(out, per_units, per);
    }
}

/* --- names ----------------------------------------------------------------------------------- */

/* Without the word and an underscore before it, when the name ends so. */
static struct str cut_suffix(struct str name, struct str word)
{
    if (word.n && str_ends(name, word) && name.n > word.n && name.p[name.n - word.n - 1] == '_')
        name.n -= word.n + 1;
    return name;
}

static void put_unit(struct buf *out, const struct stream *s)
{
    struct buf unit = BUF_MAX(256);
    prometheus_unit(&unit, s);
    struct str name = cut_suffix(buf_str(out), buf_str(&unit));
    if (unit.n && name.n == out->n) {
        buf_putc(out, '_');
        buf_put_str(out, buf_str(&unit));
    }
    buf_done(&unit);
}

/* As asked, before it is escaped. */
static void put_family(struct buf *out, const struct stream *s, enum tt_prometheus_names names)
{
    struct str name = str_c(s->name);
    if (prometheus_has_utf8(names))
        buf_put_str(out, name);
    else
        prometheus_sanitise(out, name, true);
    if (prometheus_has_suffixes(names)) {
        if (s->monotonic)
            out->n = cut_suffix(buf_str(out), STR("total")).n;
        put_unit(out, s);
    }
}

struct str prometheus_total(const struct stream *s, struct prometheus_form form)
{
    bool wanted = form.total || prometheus_has_suffixes(form.names);
    return s->monotonic && wanted ? STR("_total") : (struct str){0};
}

char *prometheus_family(const struct stream *s, struct prometheus_form form)
{
    struct buf plain = BUF_MAX(NAME_MAX_BYTES), out = BUF_MAX(8 * NAME_MAX_BYTES);
    struct str total = prometheus_total(s, form);
    put_family(&plain, s, form.names);
    prometheus_escape(&out, buf_str(&plain), true, form.escaping);
    // Escaping doubles the underscore of "_total", too.
    if (total.n && form.escaping > TT_ESCAPING_UNDERSCORES &&
        prometheus_escapes(buf_str(&plain), true, form.escaping))
        buf_putc(&out, '_');
    buf_put_str(&out, total);
    out.failed |= buf_failed(&plain);
    buf_done(&plain);
    size_t n;
    char *text = buf_take(&out, &n);
    buf_done(&out);
    return text;
}
