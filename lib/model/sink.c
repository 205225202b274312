#include "model/sink.h"

#include "base/compiler.h"

static const char *const reason_names[] = {
    [REJECT_TOO_OLD] = "too_old",         [REJECT_TOO_NEW] = "too_new",
    [REJECT_LABELS] = "labels",           [REJECT_HISTOGRAM] = "histogram",
    [REJECT_CARDINALITY] = "cardinality",
};
_Static_assert(ARRAY_LEN(reason_names) == REJECT_REASONS, "a name for each reason");

const char *reject_reason_name(enum reject_reason r)
{
    return (size_t)r < REJECT_REASONS ? reason_names[r] : "unknown";
}

size_t sink_result_rejected(const struct sink_result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < REJECT_REASONS; i++)
        n += r->rejected[i];
    return n;
}
