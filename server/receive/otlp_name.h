/* OTLP's names and units as Prometheus names, by the rules of Prometheus 3's OTLP endpoint.
 *
 *   http.server.duration, unit ms, histogram  ─▶  http_server_duration_milliseconds
 *   requests, unit 1/s, monotonic sum         ─▶  requests_per_second_total
 *   cpu.utilisation, unit 1, gauge            ─▶  cpu_utilisation_ratio
 *
 * Names given out are borrowed from the input where nothing had to change, else of the arena. When
 * memory is short they are empty and the arena is marked as failed. */
#ifndef TELLTALE_RECEIVE_OTLP_NAME_H
#define TELLTALE_RECEIVE_OTLP_NAME_H

#include "base/arena.h"
#include "base/str.h"
#include "receive/receive.h"

/* Of names and units that are sent. */
enum { OTLP_NAME_MAX_BYTES = 16 << 10 };

enum otlp_name_kind { OTLP_NAME_COUNTER, OTLP_NAME_GAUGE, OTLP_NAME_OTHER };

/* The name of a metric family, or empty when nothing of it is left, or it is too long. */
struct str otlp_metric_name(enum otlp_translation t, struct str name, struct str unit,
                            enum otlp_name_kind kind, struct arena *arena);

/* "s" -> "seconds", "By/s" -> "bytes_per_second", "1" and "{things}" -> "". */
struct str otlp_unit_name(enum otlp_translation t, struct str unit, struct arena *arena);

/* The name of a label, or empty when there is none. */
struct str otlp_label_name(enum otlp_translation t, struct str key, struct arena *arena);

#endif
