/* Parameters of questions about spans and log records, as Jaeger's clients and ours send them:
 * lines of "name=value". What is read is within its limits; what is refused says why. */

#include <stdlib.h>

#include "api/jaeger/search.h"
#include "api/records/params.h"
#include "api/records/summary.h"
#include "api/records/write.h"

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

static void demand(int rc, bool within, const struct err *err)
{
    if (rc == 0 ? !within : err->message[0] == '\0')
        abort();
}

static void read_ours(struct record_request *r)
{
    struct record_params p;
    struct trace_key key;
    struct err err = {0};
    int64_t end = 0;
    bool given;
    for (int table = 0; table < RECORD_TABLES; table++) {
        int rc = record_params_read(r, (enum record_table)table, 1000, 20, 500, &p, &err);
        demand(rc, p.limit > 0 && p.limit <= 500 && p.min_unix_ns <= p.max_unix_ns, &err);
        if (rc == 0)
            record_params_done(&p);
    }
    int rc = page_cursor_read(r, true, &end, &key, &given, &err);
    demand(rc, !given || key.id.n == 16, &err);
}

static void read_texts(const struct http_param *p, size_t n, struct arena *a)
{
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        struct log_id id;
        (void)parse_time_ns(p[i].value, &v); // for the sanitizers
        (void)parse_duration_ns(p[i].value, 1, &v);
        (void)log_id_parse(p[i].value, &id);
        struct str bytes = parse_id(a, p[i].value, 8);
        if (bytes.p && (bytes.n != 8 || p[i].value.n > 16))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_param params[PARAMS_MAX];
    struct http_request http = {.params = params};
    struct record_request r = {.http = &http};
    struct jaeger_search search;
    struct err err = {0};
    arena_init(&r.arena, 64 << 20);
    http.arena = &r.arena;
    http.n_params = read_lines(str_of((const char *)data, size), params);
    int rc = jaeger_read_search(&http, &r.arena, &search, &err);
    demand(rc, search.limit > 0 && search.min_unix_ns <= search.max_unix_ns, &err);
    rc = jaeger_read_search_v3(&http, &r.arena, &search, &err);
    demand(rc, search.limit > 0 && search.min_unix_ns <= search.max_unix_ns, &err);
    int64_t min = 0, max = 0;
    rc = jaeger_read_range(&http, &min, &max, &err);
    demand(rc, true, &err);
    read_ours(&r);
    read_texts(params, http.n_params, &r.arena);
    arena_done(&r.arena);
    return 0;
}
