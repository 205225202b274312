/* Old days go as a whole; what is left of the first day that stays is hidden by select.c, which
 * reads nothing before the retention. */
#include <stdlib.h>

#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/merge.h"
#include "store/embedded/partitions.h"

static struct self_metric dropped_total =
    SELF_COUNTER("telltale_store_days_dropped_total", "Days removed because of the retention.");

int retention_apply(struct store *s, struct err *err)
{
    int64_t *days = NULL;
    size_t n = 0;
    int rc = 0;
    int64_t min_ms = retention_min_ms(s);
    if (partition_days(s, &days, &n) != 0)
        return err_set(err, ERR_NOMEM, "retention: out of memory");
    for (size_t i = 0; rc == 0 && i < n && (days[i] + 1) * MS_PER_DAY <= min_ms; i++) {
        rc = partition_drop(s, days[i], err);
        self_add(&dropped_total, 1);
        log_info("store", "a day is older than the retention", LOG_INT("day", days[i]));
    }
    free(days);
    return rc;
}
