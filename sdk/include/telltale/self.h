/* Metrics of the SDK itself, by OpenTelemetry's semantic conventions (otel.sdk.…): spans started
 * and alive, log records, queues and what they lost, what exporters have under way, delivered and
 * lost, and how long collections and exports take. In the library libtelltale-self, which needs
 * nothing else.
 *
 * Those conventions are in development, so the metrics are there for those who ask: by
 * tt_init_options.self_metrics, OTEL_C_SELF_METRICS=true, `distribution: telltale: self_metrics:
 * true` of a configuration file, or, with a tt_sdk of your own,
 *
 *     tt_self *self = tt_self_new();
 *     tt_self_watch_exporter(self, TT_SIGNAL_TRACES, "mine", &options.exporter);
 *     sdk.tracers = tt_tracer_provider_new(&options);
 *     …
 *     tt_self_start(self, &sdk);
 *
 * They come from the meter "telltale.self" of that SDK's provider of meters. Nothing is slower for
 * it but a collection, by some microseconds. */
#ifndef TELLTALE_SELF_H
#define TELLTALE_SELF_H

#include "telltale/api.h"
#include "telltale/exporter.h"
#include "telltale/init.h"

TT_BEGIN

typedef struct tt_self tt_self;

/* NULL when out of memory. */
TT_API tt_self *tt_self_new(void);

/* Puts an exporter around the given one that counts what goes through it, before a provider, a
 * reader or a tee gets it. `type`, copied, is its otel.component.type if it does not tell one
 * itself (watch.h). Without memory, without `self` or `send`, and beyond 64 the exporter stays as
 * it is. */
TT_API void tt_self_watch_exporter(tt_self *self, enum tt_signal signal, const char *type,
                                   tt_exporter *inout_exporter);

/* Takes `self`, also on failure, and from now on has sdk->meters report of all that there is in
 * `sdk`, which is borrowed during the call. A tt_pull that is added to it ends that:
 * tt_sdk_shutdown sees to it, or whoever has such a set for this call alone. TT_ERR_NOMEM;
 * TT_ERR_LIMIT when there are no more places for pulls; TT_OK without meters, and then nothing is
 * reported. One for each provider of meters: of two, the later is told of collections. */
TT_API int tt_self_start(tt_self *self, tt_sdk *sdk);

/* Registers the component "self" (component.h): done by itself when the shared library is loaded,
 * and to be called once before tt_init() in a program that links the archive. */
TT_API int tt_self_register(void);

TT_END

#endif
