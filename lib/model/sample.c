#include "model/sample.h"

#include "base/compiler.h"

static const char *const type_names[] = {
    [METRIC_UNKNOWN] = "unknown",
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
    [METRIC_GAUGE_HISTOGRAM] = "gaugehistogram",
    [METRIC_SUMMARY] = "summary",
    [METRIC_INFO] = "info",
    [METRIC_STATESET] = "stateset",
};

const char *metric_type_name(enum metric_type t)
{
    return (size_t)t < ARRAY_LEN(type_names) ? type_names[t] : type_names[METRIC_UNKNOWN];
}
