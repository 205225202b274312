/* A request becomes lines in memory, and they go out as one. */
#include "sinks/text.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "sinks/output.h"
#include "wire/otlp_json.h"

enum { HOUR_S = 3600, KEEP = 24, LINES_MAX = 1 << 30 };
static const uint64_t FILE_BYTES = UINT64_C(100) << 20;

struct text_exporter {
    struct output output;
    struct line_style style;
};

struct lines {
    struct buf *out;
    const struct line_style *style;
    enum tt_signal signal;
};

static bool put_item(void *arg, const struct wire_item *item)
{
    struct lines *l = arg;
    (l->signal == TT_SIGNAL_LOGS ? line_put_log : line_put_span)(l->out, l->style, item);
    return !buf_failed(l->out);
}

int text_put_request(struct buf *out, const struct line_style *s, enum tt_signal signal,
                     struct str request)
{
    static const enum otlp_kind kinds[] = {[TT_SIGNAL_TRACES] = OTLP_TRACES,
                                           [TT_SIGNAL_METRICS] = OTLP_METRICS,
                                           [TT_SIGNAL_LOGS] = OTLP_LOGS};
    struct lines l = {out, s, signal};
    bool ok;
    if (s->style == TT_STYLE_OTLP || signal == TT_SIGNAL_METRICS) {
        ok = otlp_json_put(out, kinds[signal], request);
        buf_putc(out, '\n');
    } else {
        ok = wire_walk(request, put_item, &l);
    }
    if (buf_failed(out))
        return TT_ERR_NOMEM;
    return ok ? TT_OK : TT_ERR_INVALID;
}

/* --- the exporter ---------------------------------------------------------------------------- */

static int send_text(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                     int64_t timeout_ms)
{
    (void)items;
    struct text_exporter *e = arg;
    struct timespec now;
    struct buf lines = BUF_MAX(LINES_MAX);
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail for this clock
    int rc = text_put_request(&lines, &e->style, signal, str_of(request, n));
    if (rc == TT_OK)
        rc = output_write(&e->output, buf_str(&lines), now.tv_sec, timeout_ms);
    buf_done(&lines);
    return rc;
}

static int flush(void *arg, int64_t timeout_ms)
{
    (void)timeout_ms;
    struct text_exporter *e = arg;
    return output_flush(&e->output);
}

static void cancel(void *arg)
{
    struct text_exporter *e = arg;
    stream_cancel(&e->output.stream);
}

static void close_text(void *arg)
{
    struct text_exporter *e = arg;
    output_close(&e->output);
    free(e);
}

static int give(struct text_exporter *made, tt_exporter *out)
{
    *out = (tt_exporter){
        .send = send_text, .flush = flush, .cancel = cancel, .close = close_text, .arg = made};
    return TT_OK;
}

static int refuse(enum tt_problem kind, int status, const char *text, const char *detail)
{
    tt_problem_tell(kind, text, detail);
    return status;
}

static bool style_is_known(enum tt_style style)
{
    return style >= TT_STYLE_PRETTY && style <= TT_STYLE_OTLP;
}

/* --- console --------------------------------------------------------------------------------- */

static bool wants_colours(int fd)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fd) && !(no && *no);
}

int tt_console_exporter_new(enum tt_signal signal, const tt_console_options *options,
                            tt_exporter *out)
{
    tt_console_options o = {0};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    o.style = o.style ? o.style : TT_STYLE_PRETTY;
    if (!out || (unsigned)signal > TT_SIGNAL_LOGS || !style_is_known(o.style))
        return refuse(TT_PROBLEM_MISUSE, TT_ERR_INVALID, "a console exporter of an unknown style",
                      NULL);
    struct text_exporter *e = calloc(1, sizeof *e);
    if (!e)
        return TT_ERR_NOMEM;
    e->output.fd = o.standard_error ? STDERR_FILENO : STDOUT_FILENO;
    e->style = (struct line_style){o.style, !o.plain && wants_colours(e->output.fd)};
    return give(e, out);
}

/* --- files ----------------------------------------------------------------------------------- */

static void choose_rotation(struct output *to, const tt_file_options *o)
{
    to->period_s = o->period_s ? MAX(o->period_s, 0) : HOUR_S;
    to->keep = o->keep ? MIN(MAX(o->keep, 0), 10000) : KEEP;
    to->bytes_max = o->bytes_max ? o->bytes_max : FILE_BYTES;
    to->sync = o->sync;
}

int tt_file_exporter_new(enum tt_signal signal, const tt_file_options *options, tt_exporter *out)
{
    tt_file_options o = {0};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    o.style = o.style ? o.style : TT_STYLE_OTLP;
    if (!out || (unsigned)signal > TT_SIGNAL_LOGS || !style_is_known(o.style) || !o.path ||
        !*o.path)
        return refuse(TT_PROBLEM_MISUSE, TT_ERR_INVALID,
                      "a file exporter without a path, or of an unknown style", NULL);
    struct text_exporter *e = calloc(1, sizeof *e);
    if (!e)
        return TT_ERR_NOMEM;
    e->style.style = o.style;
    choose_rotation(&e->output, &o);
    int rc = output_open(&e->output, o.path);
    if (rc == TT_OK)
        return give(e, out);
    close_text(e);
    return refuse(rc == TT_ERR_IO ? TT_PROBLEM_EXPORT : TT_PROBLEM_MEMORY, rc,
                  "a file of telemetry cannot be opened", o.path);
}
