/* What the providers of tracers and of loggers have alike. */
#ifndef TELLTALE_SDK_DECLARE_CREATE_RECORDS_H
#define TELLTALE_SDK_DECLARE_CREATE_RECORDS_H

#include "declare/create.h"

struct processing {
    tt_exporter exporter; /* of all processors */
    bool simple;          /* all are */
    size_t queue_records;
    int64_t batch_items, delay_ms, timeout_ms;
};

/* All processors of a provider share the settings of the first batch processor; each has its
 * exporter. */
struct processing create_processors(struct create *c, enum tt_signal signal,
                                    const tt_value *provider);

/* Of the provider's limits, or else of those of all attributes. */
size_t create_limit(struct create *c, const tt_value *limits, const char *name);
size_t create_length_limit(struct create *c, const tt_value *limits);

#endif
