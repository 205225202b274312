/* Searches of spans and log records against a naive evaluator: random rows, flushed, merged and
 * reopened meanwhile; random filters as text; pages of random length, which together must be what
 * going through all rows one by one finds. Seeded. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/time.h"
#include "harness.h"
#include "query/logs/logs.h"
#include "query/records/facets.h"
#include "query/traces/sessions.h"
#include "store/records.h"

enum {
    ROWS_MAX = 4000,
    TRACES = 150,
    SERVICES = 4,
    PID = 70, /* of the first service */
    NAMES = 4,
    SESSIONS = 6,
    ROUNDS = 60,
    DEPTH = 3
};

static const char *const names[NAMES] = {"alpha run", "Beta call", "gamma", "delta call"};

/* A span and a log record have the same fields here. */
struct row {
    int64_t t_unix_ns, duration_ns, number;
    int trace, service, name, level, session; /* level: status or severity; session < 0: none */
    int64_t n;                                /* attribute; < 0: absent */
};

struct model {
    struct harness h;
    struct arena arena;
    struct row rows[RECORD_TABLES][ROWS_MAX];
    size_t n[RECORD_TABLES];
    uint64_t random;
    int64_t now_ms;
};

static uint64_t below(struct model *m, uint64_t n)
{
    return check_random(&m->random) % n;
}

/* --- rows ------------------------------------------------------------------------------------- */

static struct str text(struct arena *a, const char *before, int64_t number)
{
    char buf[64];
    (void)snprintf(buf, sizeof buf, "%s%" PRId64, before, number);
    return arena_str(a, str_c(buf));
}

static struct str trace_id(struct arena *a, int trace)
{
    char *id = arena_zalloc(a, 16);
    id[15] = (char)trace;
    id[14] = 1;
    return str_of(id, 16);
}

/* "v" is an integer, a double or a text, or is not there: as text it looks like this. */
static bool mixed_text(int64_t number, char out[32])
{
    static const char *const ends[] = {"", ".5", "x"};
    if (number % 4 == 3)
        return false;
    (void)snprintf(out, 32, "%" PRId64 "%s", number / 4 % 12, ends[number % 4]);
    return true;
}

static struct any mixed_value(struct arena *a, int64_t number)
{
    char shown[32];
    (void)mixed_text(number, shown);
    if (number % 4 == 0)
        return any_int(number / 4 % 12);
    return number % 4 == 1 ? any_double((double)(number / 4 % 12) + 0.5)
                           : any_string(arena_str(a, str_c(shown)));
}

static struct row random_row(struct model *m)
{
    return (struct row){
        .t_unix_ns =
            m->now_ms * NS_PER_MS - (int64_t)below(m, 200) * NS_PER_MS * (below(m, 9) ? 1 : 100000),
        .duration_ns = below(m, 2) ? 0 : (int64_t)below(m, 52) - 2,
        .trace = (int)below(m, TRACES),
        .service = (int)below(m, SERVICES),
        .name = (int)below(m, NAMES),
        .level = (int)below(m, 3),
        .session = (int)below(m, SESSIONS + 6) - 6,
        .n = (int64_t)below(m, 12) - 3,
    };
}

static void fill_record(struct model *m, enum record_table table, const struct row *row,
                        struct record *r)
{
    struct arena *a = &m->arena;
    struct attribute *v = arena_array(a, 4, sizeof *v);
    uint32_t n = 0;
    if (row->number % 4 != 3)
        v[n++] = (struct attribute){STR("v"), mixed_value(a, row->number)};
    v[n++] = (struct attribute){STR("row"), any_int(row->number)};
    if (row->n >= 0)
        v[n++] = (struct attribute){STR("n"), any_int(row->n)};
    if (row->session >= 0)
        v[n++] =
            (struct attribute){STR("session.id"), any_string(text(a, "session ", row->session))};
    *r = (struct record){.t_unix_ns = row->t_unix_ns, .attributes = v, .n_attributes = n};
    struct any id = any_bytes(trace_id(a, row->trace)), name = any_string(str_c(names[row->name]));
    if (table == RECORD_SPANS) {
        r->fields[SPAN_TRACE_ID] = id;
        r->fields[SPAN_SPAN_ID] = any_bytes(text(a, "", 10000000 + row->number));
        r->fields[SPAN_NAME] = name;
        if (row->duration_ns || row->number % 2) // else without an end, which is as if it were 0
            r->fields[SPAN_DURATION_NS] = any_int(row->duration_ns);
        r->fields[SPAN_STATUS_CODE] = any_int(row->level);
    } else {
        r->fields[LOG_TRACE_ID] = id;
        r->fields[LOG_BODY] = name;
        if (row->level > 0)
            r->fields[LOG_SEVERITY] = any_int(row->level * 4 + 9);
    }
}

static void append(struct model *m, enum record_table table)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, table, 16 << 20);
    for (uint64_t service = 0; service < SERVICES; service++) {
        struct attribute *v = arena_array(&m->arena, 2, sizeof *v);
        v[0] = (struct attribute){STR("service.name"),
                                  any_string(text(&m->arena, "s", (int64_t)service))};
        v[1] = (struct attribute){STR("pid"), any_int(PID + (int64_t)service)};
        struct record_group *g = record_batch_add_group(&b);
        g->source = (struct record_source){.resource = v, .n_resource = 2};
        for (uint64_t k = below(m, 15); k > 0 && m->n[table] < ROWS_MAX; k--) {
            struct row *row = &m->rows[table][m->n[table]];
            *row = random_row(m);
            row->service = (int)service;
            row->number = (int64_t)m->n[table]++;
            fill_record(m, table, row, record_batch_add(&b, g));
        }
    }
    assert_int_equal(store_append_records(m->h.store, &b, &result, NULL), 0);
    record_batch_done(&b);
}

/* --- random filters, and what they say -------------------------------------------------------- */

struct filter {
    enum {
        BOTH,
        EITHER,
        NOT,
        SERVICE,
        NAME,
        HAS,
        MATCHES,
        LEVEL,
        DURATION,
        N,
        HAS_N,
        SESSION,
        V_HAS,
        V_MATCHES,
        V_MATCHES_NOT,
        PID_HAS
    } kind;
    int64_t number;
    const struct filter *a, *b;
};

/* Of log records level 0 is without a severity, 1 is "warn" and 2 is "error". */
enum { SEVERITIES = 6 };

static const char *const severities[SEVERITIES] = {"severity >= warn",  "severity < error",
                                                   "severity <= debug", "severity != 0",
                                                   "severity < 14",     "severity >= 0"};

static bool severity_says(int64_t which, int level)
{
    switch (which) {
    case 0:
    case 3: return level >= 1;
    case 1:
    case 4: return level <= 1;
    case 2: return level == 0;
    default: return true;
    }
}

static const struct filter *random_filter(struct model *m, struct arena *a, int depth)
{
    struct filter *f = arena_zalloc(a, sizeof *f);
    f->kind = (unsigned)(depth > 0 && below(m, 3) ? below(m, 3)
                                                  : SERVICE + below(m, PID_HAS - SERVICE + 1));
    f->number = (int64_t)below(m, 12);
    if (f->kind <= NOT) {
        f->a = random_filter(m, a, depth - 1);
        f->b = random_filter(m, a, depth - 1);
    }
    return f;
}

static void put_leaf(struct buf *out, enum record_table table, const struct filter *f)
{
    const char *name = table == RECORD_SPANS ? "name" : "body";
    int64_t i = f->number;
    switch (f->kind) {
    case SERVICE: buf_printf(out, "service = s%" PRId64, i % 6); break;
    case NAME: buf_printf(out, "%s != \"%s\"", name, names[i % NAMES]); break;
    case HAS: buf_printf(out, "%s : %s", name, i % 2 ? "CALL" : "am"); break;
    case MATCHES: buf_printf(out, "%s =~ \"%s\"", name, i % 2 ? "^[ab]" : "(call|mma)$"); break;
    case LEVEL:
        buf_puts(out, table == RECORD_LOGS ? severities[i % SEVERITIES]
                      : i % 2              ? "status = error"
                                           : "status != error");
        break;
    case DURATION:
        buf_printf(out, table == RECORD_SPANS ? "duration > %" PRId64 "ns" : "n > %" PRId64, i);
        break;
    case N: buf_printf(out, "n %s %" PRId64, i % 2 ? "=" : "<=", i); break;
    case HAS_N: buf_puts(out, "exists attributes.n"); break;
    case V_HAS: buf_printf(out, "v : %" PRId64, i); break;
    case V_MATCHES: buf_printf(out, "v =~ \"^%" PRId64 "(x|$)\"", i); break;
    case V_MATCHES_NOT: buf_puts(out, "v !~ \"5$\""); break;
    case PID_HAS: buf_printf(out, "pid : %" PRId64, i); break;
    default: buf_printf(out, "session = \"session %" PRId64 "\"", i % 8); break;
    }
}

static void put_filter(struct buf *out, enum record_table table, const struct filter *f)
{
    if (f->kind > NOT) {
        put_leaf(out, table, f);
        return;
    }
    buf_puts(out, f->kind == NOT ? "not (" : "(");
    put_filter(out, table, f->a);
    if (f->kind != NOT) {
        buf_puts(out, f->kind == BOTH ? (f->number % 2 ? " and " : " ") : " or ");
        put_filter(out, table, f->b);
    }
    buf_putc(out, ')');
}

static bool mixed_says(const struct filter *f, const struct row *r)
{
    char shown[32] = "", wanted[32];
    bool there = mixed_text(r->number, shown);
    size_t n = (size_t)snprintf(wanted, sizeof wanted, "%" PRId64, f->number);
    switch (f->kind) {
    case V_HAS: return there && strstr(shown, wanted);
    case V_MATCHES: return there && strncmp(shown, wanted, n) == 0 && strchr("x", shown[n]);
    default: return !there || shown[strlen(shown) - 1] != '5';
    }
}

static bool says(const struct filter *f, enum record_table table, const struct row *r)
{
    int64_t i = f->number;
    const char *name = names[r->name];
    switch (f->kind) {
    case BOTH: return says(f->a, table, r) && says(f->b, table, r);
    case EITHER: return says(f->a, table, r) || says(f->b, table, r);
    case NOT: return !says(f->a, table, r);
    case SERVICE: return r->service == i % 6;
    case NAME: return r->name != i % NAMES;
    case HAS: return strstr(name, i % 2 ? "call" : "am") != NULL;
    case MATCHES: // of the names, "Beta call" has a large B
        return i % 2 ? r->name == 0 : r->name != 0;
    case LEVEL:
        return table == RECORD_LOGS ? severity_says(i % SEVERITIES, r->level)
                                    : (r->level == 2) == (i % 2);
    case DURATION: return table == RECORD_SPANS ? r->duration_ns > i : r->n > i;
    case N: return r->n >= 0 && (i % 2 ? r->n == i : r->n <= i);
    case HAS_N: return r->n >= 0;
    case V_HAS:
    case V_MATCHES:
    case V_MATCHES_NOT: return mixed_says(f, r);
    case PID_HAS: return i == PID / 10 || i == r->service; // 70, 71, …
    default: return r->session >= 0 && r->session == i % 8;
    }
}

/* --- one round -------------------------------------------------------------------------------- */

struct round {
    struct model *m;
    struct arena arena;
    struct record_query q;
    const struct filter *filter;
    struct record_filter where;
    int64_t min_ns, max_ns;
    char words[8192];
};

static void begin(struct round *r, struct model *m, enum record_table table)
{
    struct err err = {0};
    struct buf out = BUF_MAX(sizeof r->words);
    *r = (struct round){.m = m, .min_ns = INT64_MIN, .max_ns = INT64_MAX};
    arena_init(&r->arena, (size_t)1 << 30);
    r->q = (struct record_query){.store = m->h.store, .arena = &r->arena};
    r->filter = random_filter(m, &r->arena, DEPTH);
    put_filter(&out, table, r->filter);
    memcpy(r->words, out.p, out.n);
    buf_done(&out);
    if (record_filter_parse(table, str_c(r->words), &r->arena, &r->where, &err) != 0)
        fail_msg("%s: %s", r->words, err.message);
    if (below(m, 2)) {
        r->min_ns = m->now_ms * NS_PER_MS - (int64_t)below(m, 100) * NS_PER_MS;
        r->max_ns = r->min_ns + (int64_t)below(m, 100) * NS_PER_MS;
    }
}

static void end(struct round *r)
{
    record_filter_done(&r->where);
    arena_done(&r->arena);
}

static bool matches(const struct round *r, enum record_table table, const struct row *row)
{
    return row->t_unix_ns >= r->min_ns && row->t_unix_ns <= r->max_ns &&
           says(r->filter, table, row);
}

/* --- traces and sessions ---------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct trace_key *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return str_cmp(x->id, y->id);
}

static size_t expected_keys(struct round *r, enum trace_order order, bool sessions,
                            struct trace_key *out)
{
    size_t n = 0, groups = sessions ? SESSIONS : TRACES;
    for (int g = 0; g < (int)groups; g++) {
        int64_t best = INT64_MIN;
        for (size_t i = 0; i < r->m->n[RECORD_SPANS]; i++) {
            const struct row *row = &r->m->rows[RECORD_SPANS][i];
            int64_t key = order == TRACES_NEWEST ? row->t_unix_ns : row->duration_ns;
            if ((sessions ? row->session : row->trace) == g && matches(r, RECORD_SPANS, row) &&
                key > best)
                best = key;
        }
        if (best != INT64_MIN)
            out[n++] = (struct trace_key){best, sessions ? text(&r->arena, "session ", g)
                                                         : trace_id(&r->arena, g)};
    }
    qsort(out, n, sizeof *out, by_key);
    return n;
}

static void check_traces(struct round *r)
{
    struct trace_key expected[TRACES], after, *page;
    struct column_ref by[SESSION_COLUMNS];
    struct err err = {0};
    bool sessions = below(r->m, 3) == 0;
    session_columns(by);
    struct trace_search search = {.where = &r->where.where,
                                  .min_unix_ns = r->min_ns,
                                  .max_unix_ns = r->max_ns,
                                  .order = (enum trace_order)below(r->m, 2),
                                  .limit = 1 + below(r->m, 40),
                                  .by = sessions ? by : NULL,
                                  .n_by = sessions ? SESSION_COLUMNS : 0};
    size_t n = expected_keys(r, search.order, sessions, expected), seen = 0, got;
    do {
        if (traces_find(&r->q, &search, &page, &got, &err) != 0)
            fail_msg("%s: %s", r->words, err.message);
        for (size_t i = 0; i < got; i++, seen++)
            if (seen >= n || page[i].key != expected[seen].key ||
                !str_eq(page[i].id, expected[seen].id))
                fail_msg("%s: trace %zu of %zu differs", r->words, seen, n);
        if (got)
            after = page[got - 1];
        search.after = &after;
    } while (got == search.limit);
    assert_int_equal(seen, n);
}

static void check_load(struct round *r)
{
    int traces[3] = {(int)below(r->m, TRACES), (int)below(r->m, TRACES), TRACES};
    struct str ids[3];
    struct trace *loaded;
    if (traces[0] == traces[1])
        return; // asked for twice, it is found once
    for (int i = 0; i < 3; i++)
        ids[i] = trace_id(&r->arena, traces[i]);
    const struct trace_load wanted = {.ids = ids,
                                      .n = 3,
                                      .min_unix_ns = INT64_MIN,
                                      .max_unix_ns = INT64_MAX,
                                      .brief = below(r->m, 2)};
    assert_int_equal(traces_load(&r->q, &wanted, &loaded, NULL), 0);
    for (int t = 0; t < 3; t++) {
        size_t n = 0;
        for (size_t i = 0; i < r->m->n[RECORD_SPANS]; i++)
            n += r->m->rows[RECORD_SPANS][i].trace == traces[t];
        assert_int_equal(loaded[t].n, n);
        for (size_t i = 1; i < n; i++)
            assert_true(loaded[t].spans[i - 1].start_unix_ns <= loaded[t].spans[i].start_unix_ns);
    }
}

/* --- log records ------------------------------------------------------------------------------ */

static int64_t row_number(const struct log_row *row)
{
    const struct any *v = attribute_get(row->attributes, row->n_attributes, STR("row"));
    assert_non_null(v);
    return v->as.integer;
}

static void check_logs(struct round *r)
{
    static bool seen[ROWS_MAX];
    struct log_row *page;
    struct err err = {0};
    struct log_search search = {.where = &r->where.where,
                                .min_unix_ns = r->min_ns,
                                .max_unix_ns = r->max_ns,
                                .oldest_first = below(r->m, 2),
                                .limit = 1 + below(r->m, 300)};
    size_t got, n = 0, expected = 0;
    int64_t last = search.oldest_first ? INT64_MIN : INT64_MAX;
    memset(seen, 0, sizeof seen);
    do {
        if (logs_search(&r->q, &search, &page, &got, &err) != 0)
            fail_msg("%s: %s", r->words, err.message);
        for (size_t i = 0; i < got; i++, n++) {
            int64_t number = row_number(&page[i]), t = page[i].id.t_unix_ns;
            assert_false(seen[number]);
            seen[number] = true;
            assert_true(matches(r, RECORD_LOGS, &r->m->rows[RECORD_LOGS][number]));
            assert_true(search.oldest_first ? t >= last : t <= last);
            last = t;
        }
        if (got)
            search.after = &page[got - 1].id;
    } while (got == search.limit);
    for (size_t i = 0; i < r->m->n[RECORD_LOGS]; i++)
        expected += matches(r, RECORD_LOGS, &r->m->rows[RECORD_LOGS][i]);
    if (n != expected)
        fail_msg("%s: %zu records, expected %zu", r->words, n, expected);
}

static void check_histogram(struct round *r)
{
    struct log_histogram h;
    int64_t min = r->m->now_ms * NS_PER_MS - 150 * NS_PER_MS,
            max = r->m->now_ms * NS_PER_MS + NS_PER_MS, step = 7 * NS_PER_MS;
    r->min_ns = min;
    r->max_ns = max;
    assert_int_equal(logs_histogram(&r->q, &r->where.where, min, max, step, &h, NULL), 0);
    for (size_t i = 0; i < r->m->n[RECORD_LOGS]; i++) {
        const struct row *row = &r->m->rows[RECORD_LOGS][i];
        if (matches(r, RECORD_LOGS, row))
            h.counts[(row->t_unix_ns - h.start_unix_ns) / step][row->level ? row->level + 3 : 0]--;
    }
    for (size_t i = 0; i < h.n; i++)
        for (size_t k = 0; k < LOG_LEVELS; k++)
            assert_int_equal(h.counts[i][k], 0);
}

static void check_facet(struct round *r, enum record_table table, const char *field)
{
    struct facet f;
    const struct facet_search wanted = {.table = table,
                                        .field = str_c(field),
                                        .where = &r->where.where,
                                        .min_unix_ns = r->min_ns,
                                        .max_unix_ns = r->max_ns,
                                        .limit = 100};
    assert_int_equal(record_facet(&r->q, &wanted, &f, NULL), 0);
    uint64_t rows = 0;
    for (size_t i = 0; i < r->m->n[table]; i++)
        rows += matches(r, table, &r->m->rows[table][i]) && r->m->rows[table][i].n >= 0;
    assert_int_equal(f.rows, rows);
    for (size_t v = 0; v < f.n; v++) {
        uint64_t count = 0;
        for (size_t i = 0; i < r->m->n[table]; i++)
            count += matches(r, table, &r->m->rows[table][i]) &&
                     r->m->rows[table][i].n == f.v[v]->value.as.integer;
        assert_int_equal(f.v[v]->count, count);
        assert_true(v == 0 || f.v[v - 1]->count >= f.v[v]->count);
    }
}

static void round_of(struct model *m, enum record_table table)
{
    struct round r;
    begin(&r, m, table);
    if (table == RECORD_SPANS) {
        check_traces(&r);
        check_load(&r);
    } else {
        check_logs(&r);
        check_histogram(&r);
    }
    check_facet(&r, table, below(m, 2) ? "n" : "attributes.n");
    end(&r);
}

/* --- together --------------------------------------------------------------------------------- */

static void disturb(struct model *m)
{
    switch (below(m, 12)) {
    case 0: assert_int_equal(store_flush(m->h.store, NULL), 0); break;
    case 1: assert_int_equal(store_maintain(m->h.store, below(m, 2), NULL), 0); break;
    case 2: harness_reopen(&m->h); break;
    default: break;
    }
}

static void run(uint64_t seed)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random = seed;
    m->now_ms = NOON;
    arena_init(&m->arena, (size_t)1 << 30);
    harness_init(&m->h);
    (void)harness_open(&m->h);
    for (int i = 0; i < ROUNDS; i++) {
        m->now_ms += (int64_t)below(m, 30);
        harness_set_now(m->now_ms);
        append(m, RECORD_SPANS);
        append(m, RECORD_LOGS);
        disturb(m);
        round_of(m, RECORD_SPANS);
        round_of(m, RECORD_LOGS);
    }
    harness_done(&m->h);
    arena_done(&m->arena);
    free(m);
}

static void test_searches_agree_with_a_naive_evaluator(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_searches_agree_with_a_naive_evaluator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
