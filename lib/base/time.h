/* Clocks, durations and dates. Time inside is int64_t nanoseconds; metrics' rows and PromQL are in
 * milliseconds, the resolution of their language and wire formats. */
#ifndef TELLTALE_BASE_TIME_H
#define TELLTALE_BASE_TIME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define MS_PER_S INT64_C(1000)
#define MS_PER_DAY INT64_C(86400000)

int64_t time_now_unix_ns(void);
int64_t time_now_unix_ms(void);
int64_t time_now_mono_ns(void);

/* "1h30m", "250ms", "30d", "0": units y (365d) w d h m s ms, in that order, each at most once, as
 * Prometheus writes durations. Result in milliseconds. ERR_INVALID with the reason; ERR_TOO_BIG
 * when it does not fit. */
int duration_parse(struct str text, int64_t *out_ms, struct err *err);

/* The shortest exact form: 5400000 -> "1h30m", 0 -> "0s". */
void duration_format(struct buf *out, int64_t ms);

/* Days since 1970-01-01 (may be negative) and the proleptic Gregorian calendar. Source: Howard
 * Hinnant, "chrono-Compatible Low-Level Date Algorithms". `month`, `day` count from 1. */
int64_t date_to_days(int64_t year, int month, int day);
void date_from_days(int64_t days, int64_t *out_year, int *out_month, int *out_day);

/* RFC 3339, e.g. "2026-11-21T04:26:32.5Z" or "+02:00" offsets; fractions beyond ms are cut. */
int time_parse_rfc3339(struct str text, int64_t *out_unix_ms, struct err *err);

/* "2026-11-21T04:26:32.500Z", always with three decimals. */
void time_format_rfc3339(struct buf *out, int64_t unix_ms);

#endif
