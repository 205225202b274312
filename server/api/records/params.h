/* Parameters that all questions about records share. */
#ifndef TELLTALE_API_RECORDS_PARAMS_H
#define TELLTALE_API_RECORDS_PARAMS_H

#include "api/records/request.h"
#include "query/records/filter.h"

struct record_params {
    struct record_filter filter; /* of `where` */
    int64_t min_unix_ns, max_unix_ns;
    size_t limit;
};

/* `where`, `start`, `end`, `limit` (at least 1; not read when `max_limit` is 0). `lookback_ns`: how
 * far the start is before the end when none is given; 0: since ever. ERR_INVALID names the
 * parameter. record_params_done. */
int record_params_read(struct record_request *r, enum record_table table, int64_t lookback_ns,
                       size_t limit, size_t max_limit, struct record_params *out, struct err *err);
void record_params_done(struct record_params *p);

/* From `min` to `max`; `otherwise` when the parameter is absent. */
int record_param_count(struct record_request *r, const char *name, size_t otherwise, size_t min,
                       size_t max, size_t *out, struct err *err);
int record_param_time(struct record_request *r, const char *name, int64_t *out_unix_ns,
                      struct err *err);

/* false when the parameter is absent; ERR_INVALID for what is neither true nor false. */
int record_param_bool(struct record_request *r, const char *name, bool *out, struct err *err);

/* ERR_INVALID for a parameter. */
int record_param_bad(const char *name, struct str value, const char *expected, struct err *err);

#endif
