/* The calls in the manner of Application Insights. */
#include "telltale/track.h"

#include <stdio.h>

#include "base/compiler.h"
#include "base/time.h"
#include "catalog/runtime.h"

/* Not beyond some 290 years; NaN and what is below 0 count as 0. */
static int64_t ns_of_ms(double ms)
{
    return ms > 0 ? (int64_t)MIN(ms * 1e6, 9.2e18) : 0;
}

static void track_span(tt_catalog *c, enum tt_span_kind kind, const char *name, double duration_ms,
                       const struct attrs *a, bool failed, const tt_attr *properties, size_t n)
{
    int64_t now = time_now_unix_ns();
    tt_span_options o = {.size = sizeof o, .kind = kind, .attrs = a->list, .attrs_n = a->n};
    o.start_unix_ns = MAX(1, now - MIN(now, ns_of_ms(duration_ms)));
    tt_span span = tt_span_start(c->track_tracer, name ? name : "", &o);
    if (n > 0 && properties)
        tt_span_set(span, properties, n);
    if (failed)
        tt_span_set_status(span, TT_STATUS_ERROR, NULL);
    tt_span_end_at(span, now);
}

void tt_track_request(tt_catalog *catalog, const char *name, double duration_ms, int status,
                      const tt_attr *properties, size_t n)
{
    if (!catalog)
        return;
    struct attrs a = {.n = 0};
    char code[16];
    (void)snprintf(code, sizeof code, "%d", status);
    if (status != 0)
        put_int(&a, KEY("http.response.status_code"), status);
    if (status >= 500)
        put_string(&a, KEY("error.type"), code);
    track_span(catalog, TT_SPAN_SERVER, name, duration_ms, &a, status >= 500, properties, n);
}

void tt_track_dependency(tt_catalog *catalog, const char *name, const char *type,
                         double duration_ms, bool success, const tt_attr *properties, size_t n)
{
    if (!catalog)
        return;
    struct attrs a = {.n = 0};
    put_string(&a, KEY("dependency.type"), type);
    track_span(catalog, TT_SPAN_CLIENT, name, duration_ms, &a, !success, properties, n);
}

/* A record, or without a logger an event of the current span. */
static void track_record(tt_catalog *c, const char *name, enum tt_severity severity,
                         const char *body, const struct attrs *a)
{
    if (!c->logger) {
        tt_span_add_event(tt_span_current(), name, 0, a->list, a->n);
        return;
    }
    tt_log_record r = {.size = sizeof r, .severity = severity, .event_name = name};
    r.body = tt_value_str(body);
    r.attrs = a->list;
    r.attrs_n = a->n;
    tt_log_emit(c->logger, &r);
}

static void put_properties(struct attrs *a, const tt_attr *properties, size_t n)
{
    for (size_t i = 0; properties && i < n; i++) {
        if (a->n == ATTRS_MAX) {
            tt_problem_tell(TT_PROBLEM_LIMIT, "properties of an event were dropped", NULL);
            return;
        }
        a->list[a->n++] = properties[i];
    }
}

void tt_track_exception(tt_catalog *catalog, const char *type, const char *message,
                        const tt_attr *properties, size_t n)
{
    if (!catalog)
        return;
    struct attrs a = {.n = 0};
    put_string(&a, KEY("exception.type"), type);
    put_string(&a, KEY("exception.message"), message);
    put_properties(&a, properties, n);
    const char *body = message ? message : type;
    track_record(catalog, "exception", TT_SEVERITY_ERROR, body ? body : "exception", &a);
}

static void track_event(tt_catalog *c, const char *name, struct attrs *a, const tt_attr *properties,
                        size_t n)
{
    if (!c || !name)
        return;
    put_properties(a, properties, n);
    track_record(c, name, TT_SEVERITY_INFO, name, a);
}

void tt_track_event(tt_catalog *catalog, const char *name, const tt_attr *properties, size_t n)
{
    struct attrs a = {.n = 0};
    track_event(catalog, name, &a, properties, n);
}

void tt_track_agent_event(tt_catalog *catalog, const char *agent_id, const char *event,
                          const tt_attr *properties, size_t n)
{
    struct attrs a = {.n = 0};
    put_string(&a, KEY("agent.id"), agent_id);
    put_string(&a, KEY("event"), event);
    track_event(catalog, event, &a, properties, n);
}

void tt_track_mission_event(tt_catalog *catalog, const char *mission_id, const char *event,
                            const tt_attr *properties, size_t n)
{
    struct attrs a = {.n = 0};
    put_string(&a, KEY("mission.id"), mission_id);
    put_string(&a, KEY("event"), event);
    track_event(catalog, event, &a, properties, n);
}
