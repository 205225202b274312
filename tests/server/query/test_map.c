/* Who calls whom, held against a naive walk from each span to its ancestors: spans of a trace come
 * in several requests, lie in heads and parts, and have agents, models and tools in them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "harness.h"
#include "query/traces/traces.h"

enum { SPANS = 3000, TRACES = 150, SERVICES = 4, EDGES = 400, NAME = 32, REQUEST = 250 };

struct one {
    int trace, parent, service, status; /* parent: number of a span, or -1 */
    int64_t duration_ns;                /* < 0: none */
    char node[NAME];                    /* of its own; "": none */
};

struct model {
    struct harness h;
    struct arena arena;
    struct one spans[SPANS];
    uint64_t random;
};

struct edge {
    char caller[NAME], callee[NAME];
    uint64_t calls, errors;
    int64_t durations[SPANS];
    size_t n_durations;
};

static int below(struct model *m, int n)
{
    return (int)(check_random(&m->random) % (uint64_t)n);
}

/* --- spans ------------------------------------------------------------------------------------ */

static struct str id_of(struct arena *a, int number, size_t n)
{
    char *id = arena_zalloc(a, n);
    memcpy(id + n - sizeof number, &number, sizeof number);
    id[0] = 1;
    return str_of(id, n);
}

static void choose(struct model *m, int i)
{
    static const char *const kinds[] = {"agent", "tool", "model"};
    struct one *s = &m->spans[i];
    *s = (struct one){.parent = i >= TRACES && below(m, 20) ? below(m, i) : -1,
                      .trace = i < TRACES ? i : below(m, TRACES),
                      .service = below(m, SERVICES),
                      .status = below(m, 3),
                      .duration_ns = (int64_t)below(m, 1 << below(m, 30)) - !below(m, 9)};
    if (s->parent >= 0 && below(m, 10)) // else the parent is of another trace: none
        s->trace = m->spans[s->parent].trace;
    if (s->parent >= 0 && below(m, 2))
        s->service = m->spans[s->parent].service;
    if (below(m, 4) == 0)
        (void)snprintf(s->node, NAME, "%s %d", kinds[below(m, 3)], below(m, 3));
}

static void put_node(struct model *m, const char *node, struct record *r)
{
    static const char *const words[][3] = {
        {"agent", "invoke_agent", "gen_ai.agent.name"},
        {"tool", "execute_tool", "gen_ai.tool.name"},
        {"model", "chat", "gen_ai.request.model"},
    };
    struct str name = str_c(node), kind = str_cut(&name, ' ');
    struct attribute *v = arena_array(&m->arena, 2, sizeof *v);
    for (size_t i = 0; i < 3; i++) {
        if (!str_eq(kind, str_c(words[i][0])))
            continue;
        v[0] = (struct attribute){STR("gen_ai.operation.name"), any_string(str_c(words[i][1]))};
        v[1] = (struct attribute){str_c(words[i][2]), any_string(name)};
        r->attributes = v;
        r->n_attributes = 2;
    }
}

static void put_span(struct model *m, int i, struct record *r)
{
    const struct one *s = &m->spans[i];
    struct arena *a = &m->arena;
    *r = (struct record){.t_unix_ns = (NOON - i % 977) * NS_PER_MS};
    r->fields[SPAN_TRACE_ID] = any_bytes(id_of(a, s->trace, 16));
    r->fields[SPAN_SPAN_ID] = any_bytes(id_of(a, i, 8));
    if (s->parent >= 0)
        r->fields[SPAN_PARENT_ID] = any_bytes(id_of(a, s->parent, 8));
    if (s->duration_ns >= 0)
        r->fields[SPAN_DURATION_NS] = any_int(s->duration_ns);
    if (s->status)
        r->fields[SPAN_STATUS_CODE] = any_int(s->status);
    put_node(m, s->node, r);
}

/* Spans first, first + step, … in one request. */
static void append(struct model *m, int first, int step)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, RECORD_SPANS, 16 << 20);
    for (int service = 0; service < SERVICES; service++) {
        char *name = arena_zalloc(&m->arena, 2);
        name[0] = (char)('a' + service);
        struct attribute *v = arena_array(&m->arena, 1, sizeof *v);
        v[0] = (struct attribute){STR("service.name"), any_string(str_c(name))};
        struct record_group *g = record_batch_add_group(&b);
        g->source = (struct record_source){.resource = v, .n_resource = 1};
        for (int i = first; i < SPANS; i += step)
            if (m->spans[i].service == service)
                put_span(m, i, record_batch_add(&b, g));
    }
    assert_int_equal(store_append_records(m->h.store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

/* --- what is expected ------------------------------------------------------------------------- */

static int parent_of(const struct model *m, int i)
{
    int parent = m->spans[i].parent;
    return parent >= 0 && m->spans[parent].trace == m->spans[i].trace ? parent : -1;
}

static void node_of(const struct model *m, int i, bool services_only, char out[NAME])
{
    int at = i;
    while (at >= 0 && m->spans[at].service == m->spans[i].service &&
           (services_only || !m->spans[at].node[0]))
        at = parent_of(m, at);
    if (at >= 0 && m->spans[at].service == m->spans[i].service)
        (void)snprintf(out, NAME, "%s", m->spans[at].node);
    else
        (void)snprintf(out, NAME, "service %c", 'a' + m->spans[i].service);
}

static struct edge *edge_of(struct edge *v, size_t *n, const char *caller, const char *callee)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(v[i].caller, caller) == 0 && strcmp(v[i].callee, callee) == 0)
            return &v[i];
    assert_true(*n < EDGES);
    struct edge *e = &v[(*n)++];
    (void)snprintf(e->caller, NAME, "%s", caller);
    (void)snprintf(e->callee, NAME, "%s", callee);
    return e;
}

static size_t expect(const struct model *m, bool services_only, bool errors_only, struct edge *v)
{
    size_t n = 0;
    for (int i = 0; i < SPANS; i++) {
        char caller[NAME], callee[NAME];
        if (parent_of(m, i) < 0 || (errors_only && m->spans[i].status != 2))
            continue;
        node_of(m, parent_of(m, i), services_only, caller);
        node_of(m, i, services_only, callee);
        if (strcmp(caller, callee) == 0)
            continue;
        struct edge *e = edge_of(v, &n, caller, callee);
        e->calls++;
        e->errors += m->spans[i].status == 2;
        if (m->spans[i].duration_ns >= 0)
            e->durations[e->n_durations++] = m->spans[i].duration_ns;
    }
    return n;
}

/* --- checking --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void check_quantile(const struct edge *e, double q, int64_t found)
{
    int64_t exact = e->n_durations ? e->durations[(size_t)(q * (double)e->n_durations)] : 0;
    int64_t off = found > exact ? found - exact : exact - found;
    assert_true(off <= exact / 14 + 1); // 7 %
}

static void name_node(const struct map_node *node, char out[NAME])
{
    (void)snprintf(out, NAME, "%s %.*s", map_node_kind_name(node->kind), STR_ARG(node->name));
}

/* errors_only: of the calls that failed, whatever their callers say. */
static void check_map(struct model *m, bool services_only, bool errors_only)
{
    struct arena arena;
    struct map_edge *found;
    struct err err = {0};
    size_t n_found;
    struct edge *v = calloc(EDGES, sizeof *v);
    arena_init(&arena, 256 << 20);
    struct record_query q = {.store = m->h.store, .arena = &arena};
    size_t n = expect(m, services_only, errors_only, v);
    const struct predicate failed = where_field(PREDICATE_EQ, SPAN_STATUS_CODE, any_int(2));
    const struct predicate *where = errors_only ? &failed : NULL;
    int rc = traces_map(&q, where, INT64_MIN, INT64_MAX, services_only, &found, &n_found, &err);
    assert_int_equal(rc, 0);
    assert_int_equal(n_found, n);
    for (size_t i = 0; i < n_found; i++) {
        char caller[NAME], callee[NAME];
        name_node(found[i].caller, caller);
        name_node(found[i].callee, callee);
        struct edge *e = edge_of(v, &n, caller, callee);
        assert_int_equal(found[i].calls, e->calls);
        assert_int_equal(found[i].errors, e->errors);
        qsort(e->durations, e->n_durations, sizeof *e->durations, by_size);
        check_quantile(e, 0.5, found[i].p50_ns);
        check_quantile(e, 0.95, found[i].p95_ns);
        assert_true(i == 0 || found[i].calls <= found[i - 1].calls);
    }
    assert_int_equal(n_found, n); // none that was not expected
    arena_done(&arena);
    free(v);
}

static void test_calls_are_those_of_a_naive_walk(void **state)
{
    static struct model m;
    (void)state;
    m = (struct model){.random = 7};
    harness_init(&m.h);
    harness_set_now(NOON);
    (void)harness_open(&m.h);
    arena_init(&m.arena, 64 << 20);
    for (int i = 0; i < SPANS; i++)
        choose(&m, i);
    for (int first = 0, step = SPANS / REQUEST; first < step; first++) {
        append(&m, first, step);
        if (first == step / 2)
            assert_int_equal(store_flush(m.h.store, NULL), 0); // the other half stays in the head
    }
    for (int kind = 0; kind < 4; kind++)
        check_map(&m, kind & 1, kind & 2);
    assert_int_equal(store_flush(m.h.store, NULL), 0);
    check_map(&m, false, false);
    check_map(&m, false, true);
    arena_done(&m.arena);
    harness_done(&m.h);
}

/* A span that is its own parent, two that are each other's, and a long chain of them. */
static void test_circles_of_parents_end(void **state)
{
    static struct model m;
    (void)state;
    m = (struct model){0};
    harness_init(&m.h);
    harness_set_now(NOON);
    (void)harness_open(&m.h);
    arena_init(&m.arena, 64 << 20);
    for (int i = 0; i < SPANS; i++)
        m.spans[i] = (struct one){.parent = (i + 1) % SPANS, .service = i == 5};
    m.spans[0].parent = 0;
    append(&m, 0, 1);
    struct record_query q = {.store = m.h.store, .arena = &m.arena};
    struct map_edge *found;
    size_t n;
    int rc = traces_map(&q, NULL, INT64_MIN, INT64_MAX, false, &found, &n, NULL);
    assert_int_equal(rc, 0);
    assert_int_equal(n, 2); // into the other service and out of it
    assert_int_equal(found[0].calls + found[1].calls, 2);
    arena_done(&m.arena);
    harness_done(&m.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_those_of_a_naive_walk),
        cmocka_unit_test(test_circles_of_parents_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
