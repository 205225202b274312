/* The record tables against a naive model: random batches of spans with values of every type, in
 * and out of order, flushes, merges, deletions, retention, restarts and deaths of the process; then
 * random predicates, which must find exactly the model's rows with all their values. Seeded;
 * TELLTALE_STORE_STEPS sets how many steps, TELLTALE_STORE_SEED which. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/regex.h"
#include "base/time.h"
#include "harness.h"
#include "store/embedded/records/any_bytes.h"
#include "store/embedded/records/predicate.h"
#include "store/embedded/records/source.h"
#include "store/records.h"

enum { REGEXES = 7, STEPS = 500, ROWS_MAX = 60000, SOURCES = 9, NAMES = 400 };

struct model {
    struct harness h;
    struct harness_rules rules;
    int64_t keep_ms[SOURCES];
    struct arena arena; /* of all rows */
    struct record *rows;
    uint32_t *row_sources;
    bool *gone;
    size_t n;
    struct record_source sources[SOURCES];
    struct str names[NAMES];
    struct regex *regexes[REGEXES];
    uint64_t random;
    int64_t now_ms;
};

static uint64_t below(struct model *m, uint64_t n)
{
    return check_random(&m->random) % n;
}

static struct str text(struct model *m, const char *before, uint64_t number)
{
    char buf[128];
    (void)snprintf(buf, sizeof buf, "%s%llu%s", before, (unsigned long long)number,
                   number % 3 ? "" : " Timed out");
    return arena_str(&m->arena, str_c(buf));
}

/* --- random values ---------------------------------------------------------------------------- */

static struct any random_flat(struct model *m)
{
    switch (below(m, 8)) {
    case 0: return any_int((int64_t)check_random(&m->random));
    case 1: return any_int((int64_t)below(m, 100));
    case 2: return any_double((double)below(m, 1000) / 8);
    case 3: return any_bool(below(m, 2));
    case 4: return any_bytes(text(m, "\x01\xff", check_random(&m->random)));
    case 5: return (struct any){.type = ANY_EMPTY};
    case 6: return any_string(text(m, "value ", below(m, 20)));
    default: return any_string(text(m, "The word", check_random(&m->random)));
    }
}

static struct any random_value(struct model *m, int depth)
{
    uint64_t dice = below(m, 20), n = below(m, 4);
    if (depth == 0 || dice > 1)
        return random_flat(m);
    struct attribute *pairs = arena_array(&m->arena, n, sizeof *pairs);
    struct any *items = arena_array(&m->arena, n, sizeof *items);
    for (uint64_t i = 0; i < n; i++) {
        items[i] = random_value(m, depth - 1);
        pairs[i] = (struct attribute){text(m, "k", i), items[i]};
    }
    return dice ? any_array(items, n) : any_map(pairs, n);
}

static int64_t random_time(struct model *m)
{
    int64_t now = m->now_ms * NS_PER_MS;
    switch (below(m, 10)) {
    case 0: return now - (int64_t)below(m, 3 * (uint64_t)DAY) * NS_PER_MS;
    case 1: return now - (int64_t)below(m, 100);
    default: return now + (int64_t)below(m, 5000000);
    }
}

static void random_record(struct model *m, struct record *r)
{
    static const char *const names[] = {"agent.run", "tool.call", "llm.chat", "db.query"};
    *r = (struct record){.t_unix_ns = random_time(m)};
    r->fields[SPAN_TRACE_ID] = any_bytes(text(m, "trace", below(m, 500)));
    r->fields[SPAN_SPAN_ID] = any_bytes(text(m, "s", below(m, 10000000)));
    r->fields[SPAN_NAME] = any_string(str_c(names[below(m, 4)]));
    r->fields[SPAN_KIND] = any_int((int64_t)below(m, 6));
    r->fields[SPAN_DURATION_NS] = any_int((int64_t)below(m, 1000000) - 10);
    if (below(m, 3) == 0)
        r->fields[SPAN_STATUS_CODE] = any_int(2);
    if (below(m, 5) == 0)
        r->fields[SPAN_EVENTS] = random_value(m, 3);
    size_t n = below(m, 6), used = 1;
    struct attribute *v = arena_array(&m->arena, n + 1, sizeof *v);
    v[0] = (struct attribute){STR("number"), any_int((int64_t)m->n)};
    for (size_t i = 0; i < n; i++) {
        uint64_t rare = below(m, 10) == 0 ? below(m, NAMES) : below(m, 12);
        bool twice = false;
        for (size_t k = 0; k < used; k++)
            twice |= str_eq(v[k].key, m->names[rare]);
        if (!twice)
            v[used++] = (struct attribute){m->names[rare], random_value(m, 2)};
    }
    r->attributes = v;
    r->n_attributes = (uint32_t)used;
}

static void make_sources(struct model *m)
{
    for (uint64_t i = 0; i < NAMES; i++)
        m->names[i] = text(m, "attribute.", i);
    for (uint64_t i = 0; i < SOURCES; i++) {
        struct attribute *v = arena_array(&m->arena, 3, sizeof *v);
        v[0] = (struct attribute){STR("service.name"), any_string(text(m, "service-", i % 4))};
        v[1] = (struct attribute){STR("pid"), any_int((int64_t)i)};
        v[2] = (struct attribute){STR("tags"), any_array(&v[0].value, 1)};
        m->sources[i] = (struct record_source){.resource = v,
                                               .n_resource = i ? 3 : 0,
                                               .scope_name = i % 2 ? STR("lib") : (struct str){0},
                                               .resource_dropped = (uint32_t)i};
    }
}

static void make_regexes(struct model *m)
{
    static const char *const patterns[REGEXES] = {
        "value 1?7",  "[Ww]ord.*[05] ",    "^The", "a|out$|^.?7",
        "(?i)WORD 1", "[0-9]{3}|e[a-z] t", "\\d$"};
    for (size_t i = 0; i < REGEXES; i++)
        assert_int_equal(regex_new_search(str_c(patterns[i]), &m->regexes[i], NULL), 0);
}

/* --- retention -------------------------------------------------------------------------------- */

/* Of service-0 for a day and some hours, and so on; what no rule names for two days. */
static void make_rules(struct model *m)
{
    struct store_options *o = &m->h.options;
    struct store_retention_rules *rules = &o->retention_records_rules[RECORD_SPANS];
    o->retention_records_ms[RECORD_SPANS] = 2 * DAY;
    harness_keep(&m->rules, rules, "resource.service.name=~service-0.*", DAY + 5 * HOUR);
    harness_keep(&m->rules, rules, "resource.service.name=~.*[12] scope.name!=lib",
                 STORE_RETENTION_FOREVER);
    harness_keep(&m->rules, rules, "resource.pid!=1 scope.name=lib", 2 * HOUR); // pid is no text
    harness_keep(&m->rules, rules, "resource.none=", DAY);
    for (size_t i = 0; i < SOURCES; i++) {
        bool lib = m->sources[i].scope_name.n > 0;
        bool service_0 = i % 4 == 0 && i > 0;
        bool service_12 = i % 4 == 1 || i % 4 == 2;
        m->keep_ms[i] = service_0            ? DAY + 5 * HOUR
                        : service_12 && !lib ? STORE_RETENTION_FOREVER
                        : lib                ? 2 * HOUR
                                             : DAY;
    }
}

static bool is_over(const struct model *m, size_t row)
{
    int64_t keep_ms = m->keep_ms[m->row_sources[row]];
    return m->rules.n && keep_ms != STORE_RETENTION_FOREVER &&
           m->rows[row].t_unix_ns < (m->now_ms - keep_ms) * NS_PER_MS;
}

static void expire(struct model *m)
{
    for (size_t i = 0; i < m->n; i++)
        m->gone[i] |= is_over(m, i);
}

/* --- appending -------------------------------------------------------------------------------- */

static void append_step(struct model *m)
{
    struct record_batch b;
    struct sink_result result;
    record_batch_init(&b, RECORD_SPANS, 64 << 20);
    m->now_ms += (int64_t)below(m, 3000);
    harness_set_now(m->now_ms);
    expire(m);
    size_t groups = 1 + below(m, 3), expected = 0, sent = 0;
    for (size_t g = 0; g < groups; g++) {
        uint32_t source = (uint32_t)below(m, SOURCES);
        struct record_group *group = record_batch_add_group(&b);
        group->source = m->sources[source];
        for (size_t n = below(m, 60); n > 0 && m->n < ROWS_MAX; n--) {
            random_record(m, &m->rows[m->n]);
            m->row_sources[m->n] = source;
            *record_batch_add(&b, group) = m->rows[m->n];
            m->gone[m->n] = is_over(m, m->n);
            expected += !m->gone[m->n];
            sent++;
            m->n++;
        }
    }
    assert_int_equal(store_append_records(m->h.store, &b, &result, NULL), 0);
    assert_int_equal(result.accepted, expected);
    assert_int_equal(result.rejected[REJECT_TOO_OLD], sent - expected);
    record_batch_done(&b);
}

/* --- what the model says ---------------------------------------------------------------------- */

static struct any model_value(const struct model *m, size_t row, const struct column_ref *c)
{
    const struct record *r = &m->rows[row];
    if (c->origin == COLUMN_TIME)
        return any_int(r->t_unix_ns);
    if (c->origin == COLUMN_FIELD)
        return r->fields[c->field];
    if (c->origin != COLUMN_ATTRIBUTE)
        return source_value(&m->sources[m->row_sources[row]], c);
    const struct any *v = attribute_get(r->attributes, r->n_attributes, c->name);
    return v ? *v : (struct any){0};
}

static bool model_matches(const struct model *m, size_t row, const struct predicate *p)
{
    bool any = false, all = true;
    if (!p)
        return true;
    if (p->op > PREDICATE_NOT) {
        struct any v = model_value(m, row, &p->column);
        return v.type != ANY_NONE && predicate_matches(p, &v) == 1;
    }
    for (size_t i = 0; i < p->n_children; i++) {
        bool one = model_matches(m, row, &p->children[i]);
        any |= one;
        all &= one;
    }
    return p->op == PREDICATE_NOT ? !any : p->op == PREDICATE_AND ? all : any;
}

/* --- random predicates ------------------------------------------------------------------------ */

static struct column_ref column(const char *name)
{
    struct column_ref ref;
    assert_true(column_parse(RECORD_SPANS, str_c(name), &ref));
    return ref;
}

static struct predicate random_leaf(struct model *m)
{
    struct predicate p = {.op = PREDICATE_EQ};
    switch (below(m, 12)) {
    case 0:
        p.column = column("trace_id");
        p.value = any_bytes(text(m, "trace", below(m, 520)));
        return p;
    case 1:
        p.column = column("name");
        p.value = any_string(below(m, 2) ? STR("llm.chat") : STR("none"));
        return p;
    case 2:
        p.column = column("duration_ns");
        p.op = (enum predicate_op)(PREDICATE_LT + below(m, 4));
        p.value = any_int((int64_t)below(m, 1000000));
        return p;
    case 3:
        p.column = column("resource.service.name");
        p.value = any_string(text(m, "service-", below(m, 6)));
        return p;
    case 4:
        p.column = column(below(m, 2) ? "scope.name" : "resource.tags");
        p.op = PREDICATE_EXISTS;
        return p;
    case 5:
        p.column = column("time");
        p.op = below(m, 2) ? PREDICATE_GE : PREDICATE_LT;
        p.value = any_int(m->now_ms * NS_PER_MS - (int64_t)below(m, (uint64_t)DAY) * NS_PER_MS);
        return p;
    case 6:
        p.column = column("status_code");
        p.value = any_double(2); // equal to the int
        return p;
    default: break;
    }
    p.column = (struct column_ref){.origin = COLUMN_ATTRIBUTE,
                                   .name = m->names[below(m, below(m, 3) ? 12 : NAMES)]};
    static const enum predicate_op ops[] = {
        PREDICATE_EXISTS, PREDICATE_EQ, PREDICATE_CONTAINS, PREDICATE_CONTAINS_NOCASE,
        PREDICATE_PHRASE, PREDICATE_GT, PREDICATE_REGEX};
    p.op = ops[below(m, sizeof ops / sizeof *ops)];
    if (p.op == PREDICATE_REGEX)
        p.regex = m->regexes[below(m, REGEXES)];
    p.scalars = below(m, 2);
    p.value = predicate_is_search(p.op) ? any_string(below(m, 2) ? STR("timed") : STR("e 1"))
              : below(m, 2)             ? any_int((int64_t)below(m, 100))
                                        : any_string(text(m, "value ", below(m, 20)));
    return p;
}

/* Some of the texts that a column has, and others. */
static struct predicate random_set(struct model *m, struct arena *a)
{
    size_t n = below(m, 30);
    bool ids = below(m, 2);
    struct any *v = arena_array(a, n, sizeof *v);
    for (size_t i = 0; i < n; i++) {
        struct str s = ids ? text(m, "trace", below(m, 520)) : text(m, "value ", below(m, 20));
        v[i] = ids ? any_bytes(arena_str(a, s)) : any_string(arena_str(a, s));
    }
    struct predicate p = {.op = PREDICATE_IN, .set = text_set_make(a, v, n)};
    p.column =
        ids ? column("trace_id")
            : (struct column_ref){.origin = COLUMN_ATTRIBUTE, .name = m->names[below(m, 12)]};
    return p;
}

static struct predicate random_predicate(struct model *m, struct arena *a, int depth)
{
    if (depth == 0 || below(m, 3) == 0)
        return below(m, 6) ? random_leaf(m) : random_set(m, a);
    struct predicate p = {.op = (enum predicate_op)(PREDICATE_AND + below(m, 3))};
    p.n_children = p.op == PREDICATE_NOT ? 1 : below(m, 4);
    struct predicate *v = arena_array(a, p.n_children, sizeof *v);
    for (size_t i = 0; i < p.n_children; i++)
        v[i] = random_predicate(m, a, depth - 1);
    p.children = v;
    return p;
}

/* --- comparing -------------------------------------------------------------------------------- */

enum { WANTED = 32 };

struct finding {
    struct model *m;
    const struct predicate *where;
    struct column_ref columns[WANTED];
    bool *seen;
    size_t n;
    int64_t min_ns, max_ns;
};

static bool encoded_eq(const struct any *a, const struct any *b)
{
    struct buf x = BUF_MAX(1 << 20), y = BUF_MAX(1 << 20);
    any_put(&x, a);
    any_put(&y, b);
    bool eq = str_eq(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
    return eq;
}

static void check_source(const struct record_source *found, const struct record_source *expected)
{
    struct buf x = BUF_MAX(1 << 20), y = BUF_MAX(1 << 20);
    assert_non_null(found);
    source_put(&x, found);
    source_put(&y, expected);
    assert_true(str_eq(buf_str(&x), buf_str(&y)));
    buf_done(&x);
    buf_done(&y);
}

static void check_attributes(const struct record *expected, struct any found)
{
    assert_int_equal(found.type, ANY_MAP);
    assert_int_equal(found.n, expected->n_attributes);
    for (size_t i = 0; i < expected->n_attributes; i++) {
        const struct attribute *a = &expected->attributes[i];
        const struct any *v = attribute_get(found.as.pairs, found.n, a->key);
        assert_non_null(v);
        assert_true(encoded_eq(&a->value, v));
    }
}

static int check_block(void *arg, const struct record_block *b)
{
    struct finding *f = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct any number = vector_at(&b->columns[0], i);
        assert_int_equal(number.type, ANY_INT);
        size_t row = (size_t)number.as.integer;
        assert_true(row < f->m->n);
        assert_false(f->seen[row]);
        f->seen[row] = true;
        f->n++;
        assert_false(f->m->gone[row]);
        assert_true(b->t_unix_ns[i] == f->m->rows[row].t_unix_ns);
        assert_true(b->t_unix_ns[i] >= f->min_ns && b->t_unix_ns[i] <= f->max_ns);
        assert_true(model_matches(f->m, row, f->where));
        check_source(record_block_source(b, i), &f->m->sources[f->m->row_sources[row]]);
        for (size_t k = 0; k < WANTED - 1; k++) {
            struct any expected = model_value(f->m, row, &f->columns[k]);
            struct any found = vector_at(&b->columns[k], i);
            assert_true(encoded_eq(&expected, &found));
        }
        check_attributes(&f->m->rows[row], vector_at(&b->columns[WANTED - 1], i));
    }
    return 0;
}

static void choose_columns(struct finding *f)
{
    size_t n = 0;
    f->columns[n++] = column("attributes.number");
    f->columns[n++] = column("time");
    for (int i = 0; i < SPAN_FIELDS; i++)
        f->columns[n++] = (struct column_ref){.origin = COLUMN_FIELD, .field = i};
    f->columns[n++] = column("resource.pid");
    f->columns[n++] = column("scope.name");
    while (n < WANTED - 1)
        f->columns[n++] = (struct column_ref){
            .origin = COLUMN_ATTRIBUTE,
            .name = f->m->names[below(f->m, 2) ? below(f->m, 12) : below(f->m, NAMES)]};
    f->columns[n] = (struct column_ref){.origin = COLUMN_ALL_ATTRIBUTES};
}

static void check_scan(struct model *m, const struct predicate *where, int64_t min_ns,
                       int64_t max_ns)
{
    struct finding f = {.m = m, .where = where, .min_ns = min_ns, .max_ns = max_ns};
    f.seen = calloc(m->n + 1, sizeof *f.seen);
    choose_columns(&f);
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = min_ns,
                                     .max_unix_ns = max_ns,
                                     .where = where,
                                     .columns = f.columns,
                                     .n_columns = WANTED,
                                     .order = (enum scan_order)below(m, 3),
                                     .each = check_block,
                                     .arg = &f};
    struct err err = {0};
    assert_int_equal(store_scan(m->h.store, &scan, NULL, &err), 0);
    size_t expected = 0;
    for (size_t i = 0; i < m->n; i++)
        expected += !m->gone[i] && m->rows[i].t_unix_ns >= min_ns &&
                    m->rows[i].t_unix_ns <= max_ns && model_matches(m, i, where);
    assert_int_equal(f.n, expected);
    free(f.seen);
}

struct listed {
    struct model *m;
    bool names[NAMES], sources[SOURCES];
};

static int note_name(void *arg, struct str name)
{
    struct listed *l = arg;
    for (size_t i = 0; i < NAMES; i++)
        l->names[i] |= str_eq(name, l->m->names[i]);
    return 0;
}

static int note_source(void *arg, const struct record_source *s)
{
    struct listed *l = arg;
    assert_true(s->resource_dropped < SOURCES);
    check_source(s, &l->m->sources[s->resource_dropped]);
    l->sources[s->resource_dropped] = true;
    return 0;
}

/* What is listed may be more than what the rows have, not less. */
static void check_lists(struct model *m, int64_t min_ns, int64_t max_ns)
{
    struct listed l = {.m = m};
    assert_int_equal(
        store_list_attributes(m->h.store, RECORD_SPANS, min_ns, max_ns, note_name, &l, NULL), 0);
    assert_int_equal(
        store_list_sources(m->h.store, RECORD_SPANS, min_ns, max_ns, note_source, &l, NULL), 0);
    for (size_t i = 0; i < m->n; i++) {
        const struct record *r = &m->rows[i];
        if (m->gone[i] || r->t_unix_ns < min_ns || r->t_unix_ns > max_ns)
            continue;
        assert_true(l.sources[m->row_sources[i]]);
        for (size_t k = 1; k < r->n_attributes; k++)
            for (size_t n = 0; n < NAMES; n++)
                assert_true(!str_eq(r->attributes[k].key, m->names[n]) || l.names[n]);
    }
}

static void random_times(struct model *m, int64_t *out_min, int64_t *out_max)
{
    *out_min = INT64_MIN;
    *out_max = INT64_MAX;
    if (below(m, 2)) {
        *out_min = m->now_ms * NS_PER_MS - (int64_t)below(m, 3 * (uint64_t)DAY) * NS_PER_MS;
        *out_max = *out_min + (int64_t)below(m, 2 * (uint64_t)DAY) * NS_PER_MS;
    }
}

static void scan_step(struct model *m)
{
    struct arena a;
    int64_t min_ns, max_ns;
    arena_init(&a, 1 << 20);
    struct predicate where = random_predicate(m, &a, 3);
    random_times(m, &min_ns, &max_ns);
    check_scan(m, &where, min_ns, max_ns);
    if (below(m, 20) == 0)
        check_lists(m, min_ns, max_ns);
    arena_done(&a);
}

static void delete_step(struct model *m)
{
    struct arena a;
    int64_t min_ns, max_ns;
    uint64_t rows = 0, expected = 0;
    arena_init(&a, 1 << 20);
    const struct predicate parts[2] = {random_leaf(m), random_leaf(m)};
    const struct predicate where = {.op = PREDICATE_AND, .children = parts, .n_children = 2};
    random_times(m, &min_ns, &max_ns);
    for (size_t i = 0; i < m->n; i++) {
        if (m->gone[i] || m->rows[i].t_unix_ns < min_ns || m->rows[i].t_unix_ns > max_ns ||
            !model_matches(m, i, &where))
            continue;
        m->gone[i] = true;
        expected++;
    }
    assert_int_equal(
        store_delete_records(m->h.store, RECORD_SPANS, &where, min_ns, max_ns, &rows, NULL), 0);
    assert_int_equal(rows, expected);
    arena_done(&a);
}

static void later(struct model *m)
{
    m->now_ms += (int64_t)below(m, 8 * (uint64_t)HOUR);
    harness_set_now(m->now_ms);
    expire(m);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void step(struct model *m)
{
    uint64_t dice = below(m, 1000);
    if (dice < 600)
        append_step(m);
    else if (dice < 920)
        scan_step(m);
    else if (dice < 950)
        assert_int_equal(store_flush(m->h.store, NULL), 0);
    else if (dice < 960)
        assert_int_equal(store_maintain(m->h.store, below(m, 3) == 0, NULL), 0);
    else if (dice < 970)
        delete_step(m);
    else if (dice < 980)
        harness_reopen(&m->h);
    else if (dice < 990 || !m->rules.n)
        harness_kill(&m->h);
    else
        later(m);
}

static void run(uint64_t seed, bool rules)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->random = seed + harness_setting("TELLTALE_STORE_SEED", 0);
    m->now_ms = NOON;
    m->rows = calloc(ROWS_MAX, sizeof *m->rows);
    m->row_sources = calloc(ROWS_MAX, sizeof *m->row_sources);
    m->gone = calloc(ROWS_MAX, sizeof *m->gone);
    arena_init(&m->arena, (size_t)1 << 30);
    harness_init(&m->h);
    m->h.options.retention_records_ms[RECORD_SPANS] = STORE_RETENTION_FOREVER;
    make_sources(m);
    make_regexes(m);
    if (rules)
        make_rules(m);
    (void)harness_open(&m->h);
    for (size_t i = 0; i < harness_setting("TELLTALE_STORE_STEPS", STEPS); i++)
        step(m);
    check_scan(m, NULL, INT64_MIN, INT64_MAX);
    assert_int_equal(store_maintain(m->h.store, true, NULL), 0);
    check_scan(m, NULL, INT64_MIN, INT64_MAX);
    harness_done(&m->h);
    harness_rules_done(&m->rules);
    free(m->rows);
    free(m->row_sources);
    free(m->gone);
    for (size_t i = 0; i < REGEXES; i++)
        regex_free(m->regexes[i]);
    arena_done(&m->arena);
    free(m);
}

static void test_record_tables_agree_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed, false);
}

static void test_retention_by_source_agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 11; seed <= 13; seed++)
        run(seed, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_tables_agree_with_a_naive_model),
        cmocka_unit_test(test_retention_by_source_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
