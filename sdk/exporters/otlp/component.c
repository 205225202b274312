/* The exporter by its names in the configuration. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "remote/component.h"
#include "telltale/component.h"
#include "telltale/otlp.h"

enum { HEADERS_BYTES_MAX = 16 << 10 };

/* --- headers: a list of {name, value}, and headers_list -------------------------------------- */

static void put_encoded(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("%,=", *text) || (unsigned char)*text <= ' ')
            buf_printf(out, "%%%02X", (unsigned char)*text);
        else
            buf_putc(out, *text);
    }
}

static void put_pair(struct buf *out, const tt_value *pair)
{
    const char *name = tt_property_text(pair, "name"), *value = tt_property_text(pair, "value");
    if (!name || !value)
        return;
    buf_puts(out, name);
    buf_putc(out, '=');
    put_encoded(out, value);
    buf_putc(out, ',');
}

/* Those of the list hold against those of headers_list, which stand before them. */
static char *join_headers(const tt_value *properties)
{
    struct buf out = BUF_MAX(HEADERS_BYTES_MAX);
    const char *list = tt_property_text(properties, "headers_list");
    if (list) {
        buf_puts(&out, list);
        buf_putc(&out, ',');
    }
    const tt_value *headers = tt_property(properties, "headers");
    for (size_t i = 0; headers && headers->type == TT_TYPE_ARRAY && i < headers->n; i++)
        put_pair(&out, &headers->as.items[i]);
    return buf_take(&out, NULL);
}

/* --- the exporter ---------------------------------------------------------------------------- */

static bool is_text(const char *text, const char *expected)
{
    return text && strcmp(text, expected) == 0;
}

/* Unknown ones are for tt_otlp_exporter_new to refuse. */
static enum tt_otlp_compression compression_of(const char *name)
{
    if (!name || is_text(name, "none"))
        return TT_OTLP_PLAIN;
    if (is_text(name, "gzip"))
        return TT_OTLP_GZIP;
    return is_text(name, "zstd") ? TT_OTLP_ZSTD : (enum tt_otlp_compression) - 1;
}

static enum tt_otlp_protocol protocol_of(const char *encoding)
{
    if (!encoding || is_text(encoding, "protobuf"))
        return TT_OTLP_HTTP_PROTOBUF;
    return is_text(encoding, "json") ? TT_OTLP_HTTP_JSON : (enum tt_otlp_protocol) - 1;
}

static int make_from(enum tt_signal signal, const tt_value *properties, bool grpc, tt_exporter *out)
{
    static const char *const urls[] = {
        [TT_SIGNAL_TRACES] = "http://localhost:4318/v1/traces",
        [TT_SIGNAL_METRICS] = "http://localhost:4318/v1/metrics",
        [TT_SIGNAL_LOGS] = "http://localhost:4318/v1/logs",
    };
    const tt_value *tls = tt_property(properties, "tls");
    char *headers = join_headers(properties);
    if (!headers)
        return TT_ERR_NOMEM;
    const char *url = tt_property_text(properties, "endpoint");
    tt_otlp_options o = {
        .size = sizeof o,
        .url = url    ? url
               : grpc ? "http://localhost:4317"
                      : urls[signal],
        .headers = headers,
        .timeout_ms = tt_property_int(properties, "timeout", 10000),
        .ca_file = tt_property_text(tls, "ca_file"),
        .key_file = tt_property_text(tls, "key_file"),
        .certificate_file = tt_property_text(tls, "cert_file"),
        .protocol = grpc ? TT_OTLP_GRPC : protocol_of(tt_property_text(properties, "encoding")),
        .compression = compression_of(tt_property_text(properties, "compression")),
        .insecure = tt_property_bool(tls, "insecure", false),
    };
    int rc = tt_otlp_exporter_new(signal, &o, out);
    free(headers);
    return rc;
}

/* `arg` is not NULL for gRPC. */
static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    tt_otlp_options o = {.size = sizeof o, .protocol = arg ? TT_OTLP_GRPC : 0};
    if (properties->type == TT_TYPE_MAP)
        return make_from(signal, properties, arg, out);
    return tt_otlp_exporter_new(signal, &o, out);
}

int tt_otlp_register(void)
{
    static char grpc;
    static const char *const names[] = {"otlp", "otlp_http", "otlp_grpc"};
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = names[i]};
        c.make.exporter = make;
        c.arg = is_text(names[i], "otlp_grpc") ? &grpc : NULL;
        rc = tt_component_register(&c);
    }
    return rc == TT_OK ? remote_register() : rc;
}

ON_LOAD static void on_load(void)
{
    (void)tt_otlp_register(); // there is room, or tt_init tells that the name is unknown
}
