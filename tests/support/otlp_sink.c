#include "support/otlp_sink.h"

#include <stdlib.h>

#include "base/arena.h"
#include "codec/otlp_records.h"
#include "support/check.h"
#include "support/otlp_tree.h"

static void append(struct buf *out, enum tt_signal signal, struct str request)
{
    struct arena arena;
    struct err err = {0};
    struct otlp_request metrics;
    struct otlp_records records;
    int rc;
    arena_init(&arena, 256 << 20);
    if (signal == TT_SIGNAL_METRICS)
        rc = otlp_decode(request, NULL, &arena, &metrics, &err);
    else if (signal == TT_SIGNAL_TRACES)
        rc = otlp_traces_decode(request, NULL, &arena, &records, &err);
    else
        rc = otlp_logs_decode(request, NULL, &arena, &records, &err);
    if (rc != 0) {
        print_error("request: %s\n", err.message);
        abort();
    }
    if (signal == TT_SIGNAL_METRICS)
        otlp_tree_encode_json(out, &otlp_request_message, &metrics);
    else if (signal == TT_SIGNAL_TRACES)
        otlp_tree_encode_json(out, &otlp_traces_message, &records);
    else
        otlp_tree_encode_json(out, &otlp_logs_message, &records);
    buf_putc(out, '\n');
    buf_putc(out, '\0'); // so that it can be searched as a C string; not counted
    out->n -= !buf_failed(out);
    arena_done(&arena);
}

static int send(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)timeout_ms;
    struct otlp_sink *s = arg;
    mutex_lock(&s->lock);
    if (s->outcome == TT_OK)
        append(&s->json, signal, str_of(request, n));
    s->requests++;
    s->items += items;
    mutex_unlock(&s->lock);
    return s->outcome;
}

static void close_sink(void *arg)
{
    struct otlp_sink *s = arg;
    s->closed = true;
}

void otlp_sink_init(struct otlp_sink *s)
{
    *s = (struct otlp_sink){.json = BUF_MAX(512 << 20)};
    mutex_init(&s->lock);
}

void otlp_sink_done(struct otlp_sink *s)
{
    buf_done(&s->json);
    mutex_done(&s->lock);
}

tt_exporter otlp_sink_exporter(struct otlp_sink *s)
{
    return (tt_exporter){.send = send, .close = close_sink, .arg = s};
}

static bool contains(struct otlp_sink *s, const char *text)
{
    mutex_lock(&s->lock);
    bool found = str_find(buf_str(&s->json), str_c(text)) < s->json.n;
    mutex_unlock(&s->lock);
    return found;
}

void otlp_sink_has(struct otlp_sink *s, const char *text)
{
    if (contains(s, text))
        return;
    print_error("no '%s' in:\n%.*s\n", text, STR_ARG(buf_str(&s->json)));
    fail();
}

void otlp_sink_lacks(struct otlp_sink *s, const char *text)
{
    assert_false(contains(s, text));
}
