#include "api/records/request.h"

#include "base/memory.h"
#include "base/time.h"
#include "query/query.h"
#include "store/store.h"

static bool has_gone(void *self)
{
    return http_client_gone(self);
}

void record_request_begin(struct record_request *r, struct api_context *api,
                          const struct http_request *http)
{
    struct query_options options = query_engine_options(api->engine);
    *r = (struct record_request){.api = api, .http = http};
    query_engine_budget(api->engine, &r->memory);
    arena_init_shared(&r->arena, options.max_memory_bytes, &r->memory);
    r->q = (struct record_query){.store = api->store,
                                 .arena = &r->arena,
                                 .deadline_mono_ns =
                                     http->received_mono_ns + options.timeout_ms * NS_PER_MS,
                                 .has_gone = has_gone,
                                 .self = (void *)(uintptr_t)http};
}

void record_request_warn(const struct record_request *r, struct http_response *response)
{
    if (r->q.stats.damaged)
        http_set_header(response, "Warning", STR("299 telltale \"" STORE_DAMAGED_WARNING "\""));
    else if (r->q.stats.undecided)
        http_set_header(response, "Warning", STR("299 telltale \"" STORE_UNDECIDED_WARNING "\""));
}

void record_request_end(struct record_request *r)
{
    arena_done(&r->arena);
    memory_freed(r->memory.peak);
}
