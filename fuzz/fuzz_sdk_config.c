/* Configuration files of the SDK: whatever one says, the set that is made of it records a span, and
 * all is freed. Exporters that it may name go nowhere. A file that was read once is read the same
 * way again. */
#include <stdlib.h>

#include "telltale/component.h"
#include "telltale/config.h"
#include "telltale/sampling.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal;
    if (properties->type != TT_TYPE_MAP)
        abort();
    *out = (tt_exporter){.send = drop};
    return TT_OK;
}

static int prepare(void)
{
    static const char *const names[] = {"console", "otlp_http", "otlp_grpc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = names[i]};
        c.make.exporter = make;
        if (tt_component_register(&c) != TT_OK)
            abort();
    }
    if (tt_sampling_register() != TT_OK)
        abort();
    return setenv("A", "value", 1) == 0 && setenv("B", "17", 1) == 0;
}

static bool same(const tt_value *a, const tt_value *b)
{
    if (a->type != b->type || a->n != b->n)
        return false;
    bool ok = true;
    for (uint32_t i = 0; ok && a->type == TT_TYPE_ARRAY && i < a->n; i++)
        ok = same(&a->as.items[i], &b->as.items[i]);
    for (uint32_t i = 0; ok && a->type == TT_TYPE_MAP && i < a->n && i < 8; i++)
        ok = strcmp(a->as.fields[i].key, b->as.fields[i].key) == 0;
    return ok && (a->type != TT_TYPE_STRING || memcmp(a->as.text, b->as.text, a->n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int prepared;
    if (!prepared)
        prepared = prepare();
    tt_config *one = NULL, *two = NULL;
    tt_config_error error;
    int rc = tt_config_parse((const char *)data, size, &one, &error);
    if (rc != TT_OK)
        return !error.text[0] ? abort(), 1 : 0;
    if (tt_config_parse((const char *)data, size, &two, NULL) != TT_OK ||
        !same(tt_config_model(one), tt_config_model(two)))
        abort();
    tt_sdk sdk;
    (void)tt_config_create(tt_config_model(one), &sdk); // what is wrong is left out
    tt_config_free(one);
    tt_config_free(two);
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL));
    tt_sdk_free(&sdk);
    return 0;
}
