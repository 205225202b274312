/* The component "self": what tt_init and configuration files ask for. */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "self/self.h"
#include "telltale/component.h"

enum { KINDS = 3 };

/* Those of libtelltale-otlp tell their type. */
static bool tells(const char *name)
{
    return strcmp(name, "otlp") == 0 || strcmp(name, "otlp_http") == 0 ||
           strcmp(name, "otlp_grpc") == 0;
}

static void watch_exporter(void *arg, enum tt_signal signal, const char *name, tt_exporter *inout)
{
    static const char *const kinds[KINDS] = {
        [TT_SIGNAL_TRACES] = "span", [TT_SIGNAL_METRICS] = "metric", [TT_SIGNAL_LOGS] = "log"};
    char type[TYPE_MAX];
    (void)snprintf(type, sizeof type, "%s_%s_exporter", name, kinds[signal]); // cut when too long
    tt_self_watch_exporter(arg, signal, tells(name) ? NULL : type, inout);
}

static int start(void *arg, tt_sdk *sdk)
{
    return tt_self_start(arg, sdk);
}

static int make(void *arg, tt_watch *out)
{
    (void)arg;
    tt_self *self = tt_self_new();
    if (!self)
        return TT_ERR_NOMEM;
    *out = (tt_watch){.exporter = watch_exporter, .start = start, .arg = self};
    return TT_OK;
}

int tt_self_register(void)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_WATCH, .name = "self"};
    c.make.watch = make;
    return tt_component_register(&c);
}

ON_LOAD static void on_load(void)
{
    (void)tt_self_register(); // there is room, or tt_init tells that there is none
}
