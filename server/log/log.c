#include "log/log.h"

#include <unistd.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "self/self.h"

enum { LINE_MAX_BYTES = 16 << 10, VALUE_MAX_BYTES = 2 << 10, WINDOW_S = 10, DEFAULT_BURST = 10 };

/* Each option is one atomic: a line written while they change may mix old and new, which harms
 * nobody. */
static atomic_int min_level = LOG_INFO;
static atomic_int line_format = LOG_LOGFMT;
static atomic_uint burst = DEFAULT_BURST;
static atomic_int out_fd = STDERR_FILENO;
static _Atomic uint64_t suppressed_total;

static struct self_metric lines =
    SELF_COUNTER("telltale_log_lines_total", "Log lines written, by level.", "level");
static struct self_metric left_out_lines =
    SELF_COUNTER("telltale_log_lines_suppressed_total",
                 "Log lines left out because their place in the source wrote too many.");

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(const struct log_options *options)
{
    atomic_set_relaxed(&min_level, (int)options->level);
    atomic_set_relaxed(&line_format, (int)options->format);
    atomic_set_relaxed(&burst, options->burst ? options->burst : DEFAULT_BURST);
    atomic_set_relaxed(&out_fd, options->fd ? options->fd : STDERR_FILENO);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_get_relaxed(&min_level);
}

uint64_t log_suppressed_count(void)
{
    return atomic_get_relaxed(&suppressed_total);
}

/* True when the line may go out; *out_left_out: how many before it did not. */
static bool within_rate(struct log_site *site, unsigned *out_left_out)
{
    int64_t now = time_now_mono_ns();
    long long window = atomic_get_relaxed(&site->window_mono_ns);
    if (window == 0 || now - window > WINDOW_S * NS_PER_S) {
        /* Only the thread that moves the window on starts a new count. */
        if (atomic_compare_exchange_strong_explicit(&site->window_mono_ns, &window, now,
                                                    memory_order_relaxed, memory_order_relaxed))
            atomic_set_relaxed(&site->n, 0);
    }
    if (atomic_add_relaxed(&site->n, 1) >= atomic_get_relaxed(&burst)) {
        atomic_add_relaxed(&site->suppressed, 1);
        atomic_add_relaxed(&suppressed_total, 1);
        return false;
    }
    *out_left_out = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed);
    return true;
}

static void put_escaped(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789abcdef";
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            buf_putc(out, '\\');
            buf_putc(out, (char)c);
        } else if (c == '\n') {
            buf_puts(out, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            buf_puts(out, "\\u00");
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        } else {
            buf_putc(out, (char)c);
        }
    }
    buf_putc(out, '"');
}

/* Bytes that are not UTF-8 would make a JSON line unreadable as a whole. */
static struct str printable(struct str s)
{
    s = str_sub(s, 0, VALUE_MAX_BYTES);
    while (s.n && ((unsigned char)s.p[s.n - 1] & 0x80) && !str_is_utf8(s))
        s.n--; // cut inside a character, or garbage: the front may be readable
    return str_is_utf8(s) ? s : STR("(not UTF-8)");
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    }
    return s.n == 0;
}

static void put_key(struct buf *out, bool json, const char *key)
{
    if (out->n > (json ? 1 : 0))
        buf_putc(out, json ? ',' : ' ');
    if (json) {
        put_escaped(out, str_c(key));
        buf_putc(out, ':');
    } else {
        buf_puts(out, key);
        buf_putc(out, '=');
    }
}

static void put_text(struct buf *out, bool json, const char *key, struct str value)
{
    value = printable(value);
    put_key(out, json, key);
    if (json || needs_quotes(value))
        put_escaped(out, value);
    else
        buf_put_str(out, value);
}

static void put_double(struct buf *out, bool json, double value)
{
    bool number = value - value == 0; // JSON has no word for NaN and infinities
    if (json && !number)
        buf_puts(out, "null");
    else
        buf_put_double(out, value);
}

static void put_field(struct buf *out, bool json, const struct log_field *f)
{
    switch (f->type) {
    case LOG_FIELD_STR: put_text(out, json, f->key, f->value.str); break;
    case LOG_FIELD_INT:
        put_key(out, json, f->key);
        buf_put_i64(out, f->value.i64);
        break;
    case LOG_FIELD_DOUBLE:
        put_key(out, json, f->key);
        put_double(out, json, f->value.f64);
        break;
    }
}

static void put_time(struct buf *out, bool json)
{
    char text[32];
    struct buf time = {.p = text, .cap = sizeof text, .max = sizeof text};
    time_format_rfc3339(&time, time_now_unix_ms());
    put_text(out, json, "time", buf_str(&time));
}

void log_write(struct log_site *site, enum log_level level, const char *area, const char *msg,
               const struct log_field *fields)
{
    unsigned left_out = 0;
    if (!within_rate(site, &left_out)) {
        self_add(&left_out_lines, 1);
        return;
    }
    self_add(&lines, 1, level_names[level]);

    char line[LINE_MAX_BYTES];
    const size_t room = sizeof line - 2; // "}\n" always fits
    struct buf out = {.p = line, .cap = room, .max = room};
    bool json = atomic_get_relaxed(&line_format) == LOG_JSON;
    if (json)
        buf_putc(&out, '{');
    put_time(&out, json);
    put_text(&out, json, "level", str_c(level_names[level]));
    put_text(&out, json, "area", str_c(area));
    put_text(&out, json, "msg", str_c(msg));
    for (const struct log_field *f = fields; f->key; f++) {
        size_t before = out.n;
        put_field(&out, json, f);
        if (buf_failed(&out)) { // the line is full: end it behind the last whole field
            out.n = before;
            break;
        }
    }
    if (left_out && !buf_failed(&out))
        put_field(&out, json, &LOG_INT("suppressed", left_out));
    if (json)
        line[out.n++] = '}';
    line[out.n++] = '\n';
    if (write(atomic_get_relaxed(&out_fd), line, out.n) < 0) {
        /* Nobody is left to tell; the count says that lines were lost. */
        atomic_add_relaxed(&suppressed_total, 1);
    }
}
