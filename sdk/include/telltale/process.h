/* Metrics of the program's own process, by the names of OpenTelemetry's semantic conventions. In
 * the library libtelltale-host, which needs nothing else. */
#ifndef TELLTALE_PROCESS_H
#define TELLTALE_PROCESS_H

#include "telltale/api.h"
#include "telltale/metrics.h"

TT_BEGIN

/* From now on each collection of the provider reports, with the meter "telltale.process":
 *
 *     process.cpu.time                  s, by cpu.mode: user, system
 *     process.memory.usage, .virtual    By
 *     process.thread.count
 *     process.unix.file_descriptor.count
 *     process.context_switches          by process.context_switch.type: voluntary, involuntary
 *     process.paging.faults             by system.paging.fault.type: minor, major
 *     process.disk.io                   By, by disk.io.direction: read, write
 *     process.uptime                    s
 *
 * What the system does not tell is left out. A collection costs some 50 us, most of it for counting
 * file descriptors. Once for each provider: again it costs its
 * time again. TT_OK without a provider; TT_ERR_NOMEM. */
TT_API int tt_process_metrics_start(tt_meter_provider *provider);

TT_END

#endif
