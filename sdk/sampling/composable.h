/* What stands behind tt_composable. */
#ifndef TELLTALE_SDK_SAMPLING_COMPOSABLE_H
#define TELLTALE_SDK_SAMPLING_COMPOSABLE_H

#include "base/str.h"
#include "telltale/sampling.h"

struct tt_composable {
    tt_composable_function intend;
    void *arg;
    void (*done)(void *arg); /* may be NULL */
};

/* The value of OpenTelemetry's member of a tracestate, "th:8;rv:…"; empty when there is none. */
struct str ot_member(struct str tracestate);

/* The value of the pair with the key, which ends with a colon. */
struct str ot_value(struct str ot, struct str key);

/* Whether the rule, whose texts live, takes the span. */
bool rule_takes(const tt_sampling_rule *rule, const tt_sampling *sampling);

#endif
