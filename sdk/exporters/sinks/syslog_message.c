#include "sinks/syslog_message.h"

#include "base/compiler.h"
#include "base/time.h"
#include "wire/otlp_json.h"

enum { TEXT_MAX = 1 << 20, FIELD_NAME_MAX = 64, NAME_SHOWN = 48 };

/* Of syslog.h: debug, info, warning, error, critical. */
static int priority_of(uint64_t severity)
{
    static const char priorities[] = {6, 7, 7, 6, 4, 3, 2}; // not told, trace, …, fatal
    return priorities[MIN((severity + 3) / 4, 6)];
}

static struct str name_of(const struct syslog_names *n, const struct log_parts *p)
{
    return n->name.n ? n->name : p->service.n ? p->service : STR("telltale");
}

static void put_message(struct buf *out, const struct log_parts *p, size_t max)
{
    struct buf text = BUF_MAX(8 * TEXT_MAX);
    wire_put_plain(&text, p->body, false);
    struct str shown = p->body.n ? buf_str(&text) : p->event;
    size_t n = MIN(shown.n, max);
    while (n && n < shown.n && ((unsigned char)shown.p[n] & 0xc0) == 0x80)
        n--; // not amid a character
    buf_put(out, shown.p, n);
    buf_done(&text);
}

/* --- syslog ---------------------------------------------------------------------------------- */

/* Printable ASCII without spaces, as the header's fields are. */
static void put_header_word(struct buf *out, struct str text)
{
    for (size_t i = 0; i < MIN(text.n, NAME_SHOWN); i++)
        buf_putc(out, text.p[i] > ' ' && text.p[i] < 0x7f ? text.p[i] : '_');
}

static void put_logfmt_attr(void *arg, const struct wire_attr *a)
{
    struct buf *out = arg, text = BUF_MAX(8 * TEXT_MAX);
    wire_put_plain(&text, a->value, false);
    buf_putc(out, ' ');
    line_put_logfmt(out, a->key, buf_str(&text));
    buf_done(&text);
}

/* Whatever ends a line or speaks to a terminal becomes a space. */
static void make_plain(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->n; i++) {
        if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7f)
            out->p[i] = ' ';
    }
}

static void put_hex_attr(struct buf *out, const char *key, struct str bytes)
{
    if (!bytes.n)
        return;
    buf_printf(out, " %s=", key);
    json_put_hex(out, str_sub(bytes, 0, 16));
}

void syslog_put(struct buf *out, const struct syslog_names *n, const struct wire_item *record)
{
    struct log_parts p;
    size_t begin = out->n;
    log_parts(&p, record);
    buf_printf(out, "<%d>1 ", n->facility | priority_of(p.severity));
    time_format_rfc3339(out, (int64_t)(p.time_unix_ns / 1000000));
    buf_puts(out, " - ");
    put_header_word(out, name_of(n, &p));
    buf_printf(out, " %d - - ", n->pid);
    size_t text = out->n;
    put_message(out, &p, SYSLOG_BYTES_MAX);
    put_hex_attr(out, "trace_id", p.trace_id);
    log_each_attr(record->item, put_logfmt_attr, out);
    make_plain(out, text);
    size_t end = MIN(out->n, begin + SYSLOG_BYTES_MAX);
    while (end < out->n && ((unsigned char)out->p[end] & 0xc0) == 0x80)
        end--;
    out->n = end;
}

/* --- journald -------------------------------------------------------------------------------- */

/* A value with a line end in it is preceded by its length. */
static void put_field(struct buf *out, struct str name, struct str value)
{
    buf_put_str(out, name);
    if (str_index(value, '\n') == value.n) {
        buf_putc(out, '=');
    } else {
        buf_putc(out, '\n');
        for (int i = 0; i < 8; i++)
            buf_putc(out, (char)(value.n >> (8 * i) & 0xff));
    }
    buf_put_str(out, value);
    buf_putc(out, '\n');
}

/* Upper case letters, digits, underscores; one at the beginning is journald's own. */
static struct str field_name(char out[FIELD_NAME_MAX], struct str key)
{
    size_t n = 0;
    for (size_t i = 0; i < key.n && n < FIELD_NAME_MAX; i++) {
        char c = key.p[i];
        bool lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        bool upper = c >= 'A' && c <= 'Z';
        if (!n && !lower && !upper)
            continue;
        out[n++] = (char)(lower ? c - 32 : upper || digit ? c : '_');
    }
    return str_of(out, n);
}

static void put_journal_attr(void *arg, const struct wire_attr *a)
{
    struct buf *out = arg, text = BUF_MAX(8 * TEXT_MAX);
    char name[FIELD_NAME_MAX];
    struct str field = field_name(name, a->key);
    wire_put_plain(&text, a->value, false);
    if (field.n && out->n + text.n < JOURNAL_BYTES_MAX + TEXT_MAX)
        put_field(out, field, str_sub(buf_str(&text), 0, JOURNAL_BYTES_MAX));
    buf_done(&text);
}

static void put_text_field(struct buf *out, const char *name, struct str value)
{
    if (value.n)
        put_field(out, str_c(name), value);
}

static void put_hex_field(struct buf *out, const char *name, struct str bytes)
{
    struct buf hex = BUF_MAX(64);
    json_put_hex(&hex, str_sub(bytes, 0, 16));
    put_text_field(out, name, buf_str(&hex));
    buf_done(&hex);
}

void journal_put(struct buf *out, const struct syslog_names *n, const struct wire_item *record)
{
    struct log_parts p;
    struct buf message = BUF_MAX(JOURNAL_BYTES_MAX + 1);
    log_parts(&p, record);
    put_message(&message, &p, JOURNAL_BYTES_MAX);
    put_field(out, STR("MESSAGE"), buf_str(&message));
    buf_done(&message);
    buf_printf(out, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n", priority_of(p.severity), n->facility >> 3);
    put_text_field(out, "SYSLOG_IDENTIFIER", name_of(n, &p));
    put_text_field(out, "LOGGER", p.logger);
    put_text_field(out, "EVENT_NAME", p.event);
    put_hex_field(out, "TRACE_ID", p.trace_id);
    put_hex_field(out, "SPAN_ID", p.span_id);
    log_each_attr(record->item, put_journal_attr, out);
}
