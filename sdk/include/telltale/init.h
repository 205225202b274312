/* The whole SDK by one call.
 *
 *     int main(void)
 *     {
 *         tt_init(NULL);
 *         tt_counter *jobs = tt_counter_new(tt_meter_global("shop", "1.0"), "jobs", NULL);
 *         tt_tracer *tracer = tt_tracer_global("shop", "1.0");
 *         …
 *     }                                      what waits is sent at exit
 *
 * tt_init reads OpenTelemetry's variables of the environment: metrics are served for Prometheus at
 * http://localhost:9464/metrics, spans and log records are sent by OTLP to http://localhost:4318,
 * unless OTEL_METRICS_EXPORTER, OTEL_TRACES_EXPORTER and OTEL_LOGS_EXPORTER name others ("none", or
 * a list: "otlp,console"). OTEL_CONFIG_FILE names a file that says all of it instead
 * (config.h). docs/sdk/environment.md has all variables. */
#ifndef TELLTALE_INIT_H
#define TELLTALE_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/component.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/metrics.h"
#include "telltale/propagation.h"
#include "telltale/resource.h"
#include "telltale/trace.h"

TT_BEGIN

/* --- a set of providers with what reads them, for programs that want to hold it themselves --- */

enum { TT_SDK_READERS_MAX = 8 };

/* Whatever is NULL or empty is not there. */
typedef struct tt_sdk {
    tt_tracer_provider *tracers;
    tt_meter_provider *meters;
    tt_logger_provider *loggers;
    unsigned propagators; /* of enum tt_propagator */
    size_t readers_n, pulls_n;
    tt_metric_reader *readers[TT_SDK_READERS_MAX];
    tt_pull pulls[TT_SDK_READERS_MAX];
    int64_t process; /* that made it: after fork(), pulls and readers are the parent's */
} tt_sdk;

/* All texts are borrowed during the call. What is NULL or 0 is taken from the environment, or else
 * is the default. */
typedef struct tt_init_options {
    size_t size;                 /* sizeof(tt_init_options) */
    const char *service_name;    /* OTEL_SERVICE_NAME; unknown_service:PROGRAM */
    const char *service_version; /* not told */
    const char *environment; /* deployment.environment.name; decides the level of logs (log.h) */
    const tt_resource *resource;  /* attributes that hold against all others; borrowed */
    unsigned detectors;           /* of enum tt_detector: all; TT_DETECT_NONE: none */
    const char *config_file;      /* OTEL_CONFIG_FILE */
    const char *traces_exporter;  /* OTEL_TRACES_EXPORTER; otlp */
    const char *metrics_exporter; /* OTEL_METRICS_EXPORTER; prometheus */
    const char *logs_exporter;    /* OTEL_LOGS_EXPORTER; otlp */
    unsigned log_masks;           /* of enum tt_mask; beside those of a configuration file */
    int64_t exit_timeout_ms;      /* how long exit() may be held up: 2000; below 0: not at all */
    bool quiet;                   /* tt_init does not have problems written to stderr, see there */
    bool self_metrics; /* metrics of the SDK itself (self.h). OTEL_C_SELF_METRICS; false */
} tt_init_options;

/* Makes what the environment says. It is the caller's, to be shut down and freed. A negative status
 * is that of what could not be made and was left out; the rest works. `out_sdk` is always written.
 * With OTEL_SDK_DISABLED=true there are propagators and nothing else. */
TT_API int tt_sdk_new(const tt_init_options *options, tt_sdk *out_sdk);

/* Each waits for at most so long for all of it together, and returns the first failure: that some
 * of it was lost, too. Traces, logs and each reader of metrics, as far as they have an exporter,
 * get equal shares of the time, and what one leaves over goes to those after it. A shutdown may
 * take half a second longer for each whose exporter does not return (exporter.h). After a shutdown
 * everything that is recorded goes nowhere; handles stay valid until tt_sdk_free. */
TT_API int tt_sdk_flush(tt_sdk *sdk, int64_t timeout_ms);
TT_API int tt_sdk_shutdown(tt_sdk *sdk, int64_t timeout_ms);

/* Shuts down if that was not done. Frees all providers with their handles, none of which may be in
 * use. */
TT_API void tt_sdk_free(tt_sdk *sdk);

/* Several exporters in the place of one, which hands each request to all of them, one after the
 * other within the time, and succeeds when all do. Takes them, also on failure, which is
 * TT_ERR_NOMEM. Of one it makes that one, of none one without `send`. */
TT_API int tt_exporter_tee(const tt_exporter *exporters, size_t n, tt_exporter *out_exporter);

/* --- the set of the process --- */

/* Makes the global set and, once, has exit() flush and shut it down. When there is one already
 * nothing happens but TT_OK. Otherwise as tt_sdk_new.
 *
 * What is made before it, by tt_meter_global and its like, is NULL for good and does nothing.
 *
 * Unless a handler of problems is set, or OTEL_LOG_LEVEL is "none", the first of each problem is
 * written to stderr; with "error", only of those that lose data.
 *
 * fork(): in a child traces and logs go on, from threads of its own; metrics are the parent's
 * alone, whoever wants them of the child calls tt_shutdown(0) and tt_init again in it. Signals: a
 * process that is killed loses what waits. Call tt_shutdown where you leave your loop, or
 * tt_shutdown_on_signal at the start; no function here may be called from a signal handler. exit()
 * in one comes to an end, but may send nothing, when what was interrupted has a lock. */
TT_API int tt_init(const tt_init_options *options);

/* As those of tt_sdk, of the global set. TT_OK without one. After tt_shutdown handles stay valid
 * and do nothing, and tt_init may be called again. */
TT_API int tt_flush(int64_t timeout_ms);
TT_API int tt_shutdown(int64_t timeout_ms);

/* From now on the signal, SIGTERM for instance, shuts the global set down before it does what it
 * does by default, which mostly ends the process: by a thread that waits for it, so it does not
 * matter which code it interrupts; the program goes on meanwhile, and a second one ends it at once.
 * Replaces a handler, but a signal that is ignored stays so. In a child after fork() the signal
 * does what it does by default, until this is called again. TT_ERR_INVALID: not a signal that can
 * be handled; TT_ERR_NOMEM: no thread. Call it from one thread at a time. */
TT_API int tt_shutdown_on_signal(int sig, int64_t timeout_ms);

/* Shuts down, and frees all sets that there have been: no thread may use a handle any more. For
 * programs that account for every byte at exit. */
TT_API void tt_cleanup(void);

/* The global providers; NULL, which records nothing, before tt_init and after tt_shutdown. */
TT_API tt_tracer_provider *tt_tracer_provider_global(void);
TT_API tt_meter_provider *tt_meter_provider_global(void);
TT_API tt_logger_provider *tt_logger_provider_global(void);
TT_API unsigned tt_propagators_global(void); /* W3C and baggage without tt_init */

/* Makes a set of your own the global one, which takes it; TT_ERR_INVALID when there is one. */
TT_API int tt_sdk_set_global(const tt_sdk *sdk);

/* Short for tt_tracer_get(tt_tracer_provider_global(), …) and its like. */
TT_API tt_tracer *tt_tracer_global(const char *name, const char *version);
TT_API tt_meter *tt_meter_global(const char *name, const char *version);
TT_API tt_logger *tt_logger_global(const char *name, const char *version);

/* Which problems are written to stderr from now on: "none", "off" or "fatal": none of them;
 * "error": those by which data is lost; anything else, and NULL: all. tt_init sets it by
 * OTEL_LOG_LEVEL, a configuration file by its log_level. A handler (tt_problem_set_handler) is told
 * of all. */
TT_API void tt_problem_set_level(const char *level);

TT_END

#endif
