/* These are off unless the configuration allows them, as in Prometheus: who may ask for a reload
 * need not be able to destroy data. A selector that is wrong stops the request before the first
 * deletion.
 */
#include "api/prometheus/delete.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "log/log.h"
#include "store/store.h"

bool api_admin_allowed(const struct api_context *api, struct http_response *r)
{
    struct err err;
    if (api->admin_api)
        return true;
    err_set(&err, ERR_BUSY, "admin APIs disabled");
    answer_error(r, &err);
    return false;
}

/* A failure that is not the caller's fault is Prometheus's "internal". */
static void answer_failed(struct http_response *r, struct err *err)
{
    if (err->code == ERR_TOO_BIG || err->code == ERR_NOMEM)
        err->code = ERR_INTERNAL;
    answer_error(r, err);
}

struct range {
    int64_t min_ms, max_ms;
};

static int delete_selected(struct store *store, const struct selectors *which,
                           const struct range *range, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < which->n; i++)
        rc = store_delete(store, which->v[i].v, which->v[i].n, range->min_ms, range->max_ms, err);
    return rc;
}

void api_delete_series(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct selectors which;
    struct range range;
    struct err err = {0};
    if (!api_admin_allowed(api, r) || !param_selectors(q, r, &which))
        return;
    if (which.n == 0) {
        err_set(&err, ERR_INVALID, "no match[] parameter provided");
        answer_error(r, &err);
    } else if (param_range(q, r, &range.min_ms, &range.max_ms)) {
        r->status = 204;
        if (delete_selected(api->store, &which, &range, &err) != 0)
            answer_failed(r, &err);
        else
            log_info("api", "series were deleted", LOG_INT("selectors", (int64_t)which.n));
    }
    selectors_done(&which);
}

void api_clean_tombstones(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct err err = {0};
    (void)q;
    if (!api_admin_allowed(api, r))
        return;
    r->status = 204;
    if (store_clean_tombstones(api->store, &err) != 0)
        answer_failed(r, &err);
}
