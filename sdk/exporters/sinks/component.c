/* The exporters by their names in the configuration. */

#include "telltale/component.h"
#include "base/compiler.h"
#include "base/str.h"
#include "telltale/sinks.h"

static int make_console(void *arg, enum tt_signal signal, const tt_value *properties,
                        tt_exporter *out)
{
    (void)arg, (void)properties; // which has nothing to say about it
    return tt_console_exporter_new(signal, NULL, out);
}

/* OTLP/JSON to standard output, or to the file that the configuration's `output_stream` names. */
static int make_otlp(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg;
    struct str stream = str_c(tt_property_text(properties, "output_stream"));
    tt_console_options console = {.size = sizeof console, .style = TT_STYLE_OTLP, .plain = true};
    tt_file_options file = {.size = sizeof file};
    if (!stream.n || str_eq(stream, STR("stdout")))
        return tt_console_exporter_new(signal, &console, out);
    if (!str_starts(stream, STR("file://"))) {
        tt_problem_tell(TT_PROBLEM_MISUSE, "output_stream is stdout or file:///…", stream.p);
        return TT_ERR_INVALID;
    }
    file.path = stream.p + 7;
    return tt_file_exporter_new(signal, &file, out);
}

int tt_sinks_register(void)
{
    static const char *const names[] = {"console", "otlp/stdout", "otlp_file/development"};
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = names[i]};
        c.make.exporter = i ? make_otlp : make_console;
        rc = tt_component_register(&c);
    }
    return rc;
}

ON_LOAD static void on_load(void)
{
    (void)tt_sinks_register(); // there is room, or tt_init tells that the name is unknown
}
