/* The exporter by its names in the configuration. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "telltale/component.h"
#include "telltale/otlp.h"

enum { HEADERS_BYTES_MAX = 16 << 10 };

/* --- the headers of a configuration file: a list of {name, value}, and headers_list --------------
 */

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

/* --- the exporter --------------------------------------------------------------------------------
 */

static int make_from(enum tt_signal signal, const tt_value *properties, tt_exporter *out)
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
        .url = url ? url : urls[signal],
        .headers = headers,
        .timeout_ms = tt_property_int(properties, "timeout", 10000),
        .ca_file = tt_property_text(tls, "ca_file"),
        .key_file = tt_property_text(tls, "key_file"),
        .certificate_file = tt_property_text(tls, "cert_file"),
    };
    int rc = tt_otlp_exporter_new(signal, &o, out);
    free(headers);
    return rc;
}

static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg;
    if (properties->type == TT_TYPE_MAP)
        return make_from(signal, properties, out);
    return tt_otlp_exporter_new(signal, NULL, out);
}

int tt_otlp_register(void)
{
    static const char *const names[] = {"otlp", "otlp_http"};
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = names[i]};
        c.make.exporter = make;
        rc = tt_component_register(&c);
    }
    return rc;
}

ON_LOAD static void on_load(void)
{
    (void)tt_otlp_register(); // there is room, or tt_init tells that the name is unknown
}
