/* Private to the OTLP receiver: what the configuration says, with its defaults filled in. Made once
 * per (re)configuration, immutable after, shared by the requests that run. */
#ifndef TELLTALE_RECEIVE_OTLP_RULES_H
#define TELLTALE_RECEIVE_OTLP_RULES_H

#include "base/map.h"
#include "receive/otlp_told.h"
#include "receive/receive.h"

struct otlp_rules {
    unsigned number;        /* no other rules of this process have it */
    struct otlp_told *told; /* owned; the one thing that changes */
    enum otlp_translation translation;
    bool promote_all, promote_scope, keep_identifying, nhcb;
    bool exact_zero_threshold;    /* 0 is 0, not "use a small one"; for imports */
    struct map named;             /* resource attributes: to promote, or with promote_all not to */
    struct receive_limits limits; /* none is 0 */
    int64_t info_interval_ms;     /* between the samples of target_info */
};

/* Copies what it needs. ERR_NOMEM. */
int otlp_rules_init(struct otlp_rules *r, const struct receiver_options *options);
void otlp_rules_done(struct otlp_rules *r);

/* Whether a resource attribute becomes a label of every series. */
static inline bool otlp_rules_promote(const struct otlp_rules *r, struct str key)
{
    return (map_get(&r->named, key) != NULL) != r->promote_all;
}

#endif
