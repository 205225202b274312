/* The escaping schemes of Prometheus, for names that are not plain identifiers: what a scraper asks
 * for by "escaping=" in its Accept header. They lose nothing but for the underscores. */
#include "text/names.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_plain(char c, bool first, bool metric)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (metric && c == ':') ||
           (!first && is_digit(c));
}

bool prometheus_is_plain(struct str name, bool metric)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_plain(name.p[i], i == 0, metric))
            return false;
    }
    return name.n > 0;
}

/* The bytes of the character that the text begins with, and which it is; a byte that begins none
 * stands alone. */
static size_t character(struct str rest, unsigned *out)
{
    unsigned c = (unsigned char)rest.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    *out = c;
    if (n == 1)
        return 1;
    if (n > rest.n || !str_is_utf8(str_sub(rest, 0, n))) {
        *out = 0xfffd;
        return 1;
    }
    c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)rest.p[i] & 0x3f);
    *out = c;
    return n;
}

void prometheus_put_utf8(struct buf *out, struct str text)
{
    for (size_t i = 0, n; i < text.n; i += n) {
        unsigned c;
        n = character(str_sub(text, i, text.n), &c);
        buf_put_str(out, c == 0xfffd ? STR("\xef\xbf\xbd") : str_sub(text, i, n));
    }
}

static void put_strange(struct buf *out, unsigned c, enum tt_prometheus_escaping escaping)
{
    if (escaping == TT_ESCAPING_VALUES)
        buf_printf(out, c == 0xfffd ? "_FFFD_" : "_%x_", c);
    else if (escaping == TT_ESCAPING_DOTS)
        buf_puts(out, c == '.' ? "_dot_" : "__");
    else
        buf_putc(out, '_');
}

bool prometheus_escapes(struct str name, bool metric, enum tt_prometheus_escaping escaping)
{
    return escaping == TT_ESCAPING_DOTS ||
           (escaping != TT_ESCAPING_NONE && !prometheus_is_plain(name, metric));
}

void prometheus_escape(struct buf *out, struct str name, bool metric,
                       enum tt_prometheus_escaping escaping)
{
    if (!prometheus_escapes(name, metric, escaping)) {
        buf_put_str(out, name);
        return;
    }
    if (escaping == TT_ESCAPING_VALUES)
        buf_puts(out, "U__");
    for (size_t i = 0, n; i < name.n; i += n) {
        unsigned c;
        n = character(str_sub(name, i, name.n), &c);
        if (name.p[i] == '_' && escaping != TT_ESCAPING_UNDERSCORES)
            buf_puts(out, "__");
        else if (n == 1 && is_plain(name.p[i], i == 0, metric))
            buf_putc(out, name.p[i]);
        else
            put_strange(out, c, escaping);
    }
}
