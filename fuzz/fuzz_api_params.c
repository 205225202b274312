/* Parameters of Prometheus's API: lines of "name=value". What is read is within its bounds; what is
 * refused is answered as bad data with a reason. */

#include <stdlib.h>

#include "api/prometheus/label_name.h"
#include "api/prometheus/params.h"
#include "model/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS_MAX = 64 };

static size_t read_lines(struct str text, struct http_param *out)
{
    size_t n = 0;
    while (text.p && n < PARAMS_MAX) {
        struct str value = str_cut(&text, '\n');
        out[n].name = str_cut(&value, '=');
        out[n++].value = value;
    }
    return n;
}

/* Either it was read and is `within` its bounds, or the answer says why not. */
static void demand(bool read, bool within, struct http_response *r)
{
    static const struct str shape =
        STR("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"");
    if (read ? !within || r->body.n : r->status != 400 || !str_starts(buf_str(&r->body), shape))
        abort();
    buf_reset(&r->body);
    r->status = 200;
}

static void read_numbers(const struct http_request *q, struct http_response *r)
{
    int64_t ms = 0;
    size_t n = 0;
    bool ok = param_time(q, r, "time", 7, &ms);
    demand(ok, ms >= TIME_MIN_MS && ms <= TIME_MAX_MS, r);
    ok = param_duration(q, r, "timeout", &ms);
    demand(ok, ms <= TIME_MAX_MS, r);
    ok = param_step(q, r, &ms);
    demand(ok, ms > 0, r);
    ok = param_limit(q, r, &n);
    demand(ok, true, r);
    ok = param_at_most(q, r, "most", &n);
    demand(ok, true, r);
}

static void read_selectors(const struct http_request *q, struct http_response *r)
{
    struct selectors s;
    bool ok = param_selectors(q, r, &s);
    bool whole = true;
    for (size_t i = 0; ok && i < s.n; i++)
        whole = whole && s.v[i].n > 0;
    demand(ok, whole, r);
    if (ok)
        selectors_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_param params[PARAMS_MAX];
    struct arena arena;
    arena_init(&arena, 64 << 20);
    struct http_request q = {.params = params, .arena = &arena};
    struct http_response r = {.status = 200, .body = BUF_MAX(16 << 20)};
    q.n_params = read_lines(str_of((const char *)data, size), params);
    read_numbers(&q, &r);
    read_selectors(&q, &r);
    uint64_t likeness = params_likeness(&q);
    if (likeness == 0 || likeness != params_likeness(&q))
        abort();
    for (size_t i = 0; i < q.n_params; i++)
        (void)label_name_unescape(&arena, params[i].value); // for the sanitizers
    buf_done(&r.body);
    arena_done(&arena);
    return 0;
}
