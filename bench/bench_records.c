/* The questions of a trace and log store, asked of a directory of spans and log records through
 * store_scan: what a query costs without a query language and HTTP.
 *
 *   bench_records DIR [--repeat N]
 *
 * DIR was filled by the load generator (bench/README.md says how) and is not open elsewhere. Prints
 * a line a question: median and least milliseconds of CPU, rows and bytes read, the answer.
 * Questions and answers are those of the comparison with ClickHouse, so that the answers can be
 * held against each other. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/regex.h"
#include "base/time.h"
#include "store/records.h"
#include "store/store.h"

enum { REPEAT_MAX = 100, KEYS = 1 << 16 };

static struct store *store;
static struct record_scan_stats stats; /* of the last scan */

static void die(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "bench_records: %s: %s\n", what, err ? err->message : "failed");
    exit(1);
}

/* --- scanning --------------------------------------------------------------------------------- */

static struct column_ref column(enum record_table table, const char *name)
{
    struct column_ref ref;
    if (!column_parse(table, str_c(name), &ref))
        die(name, NULL);
    return ref;
}

struct question {
    enum record_table table;
    const struct predicate *where;
    const char *columns[4];
    enum scan_order order;
    int64_t min_unix_ns, max_unix_ns; /* 0: all */
    int (*each)(void *arg, const struct record_block *b);
    void *arg;
    int64_t *floor, *ceiling;
};

static void ask(const struct question *q)
{
    struct column_ref columns[4];
    size_t n = 0;
    for (; n < 4 && q->columns[n]; n++)
        columns[n] = strcmp(q->columns[n], "*") == 0
                         ? (struct column_ref){.origin = COLUMN_ALL_ATTRIBUTES}
                         : column(q->table, q->columns[n]);
    const struct record_scan scan = {.table = q->table,
                                     .min_unix_ns = q->min_unix_ns ? q->min_unix_ns : INT64_MIN,
                                     .max_unix_ns = q->max_unix_ns ? q->max_unix_ns : INT64_MAX,
                                     .where = q->where,
                                     .columns = columns,
                                     .n_columns = n,
                                     .order = q->order,
                                     .each = q->each,
                                     .arg = q->arg,
                                     .floor_unix_ns = q->floor,
                                     .ceiling_unix_ns = q->ceiling};
    struct err err = {0};
    if (store_scan(store, &scan, &stats, &err) != 0)
        die("scan", &err);
}

static struct predicate equals(enum record_table table, const char *name, struct any value)
{
    return (struct predicate){.op = PREDICATE_EQ, .column = column(table, name), .value = value};
}

static struct predicate body(enum predicate_op op, const char *text)
{
    return (struct predicate){
        .op = op, .column = column(RECORD_LOGS, "body"), .value = any_string(str_c(text))};
}

/* --- counting --------------------------------------------------------------------------------- */

struct answer {
    double rows, sum;
    char text[96];
};

static int count(void *arg, const struct record_block *b)
{
    ((struct answer *)arg)->rows += (double)b->n;
    return 0;
}

/* Counts by key; keys are texts or numbers made into one. */
struct groups {
    struct group {
        uint64_t key;
        double n, sums[2];
        struct str name;
    } * v;
    size_t n;
    struct arena names;
};

static struct groups groups;

static void groups_begin(void)
{
    groups.v = calloc(KEYS, sizeof *groups.v);
    groups.n = 0;
    arena_init(&groups.names, 64 << 20);
    if (!groups.v)
        die("memory", NULL);
}

static void groups_end(struct answer *a)
{
    a->rows = (double)groups.n;
    for (size_t i = 0; i < KEYS; i++)
        a->sum += groups.v[i].n;
    free(groups.v);
    arena_done(&groups.names);
}

static struct group *group(uint64_t key)
{
    key += key == 0;
    size_t at = hash_u64(key) & (KEYS - 1);
    while (groups.v[at].key && groups.v[at].key != key)
        at = (at + 1) & (KEYS - 1);
    if (!groups.v[at].key) {
        groups.v[at].key = key;
        if (++groups.n > KEYS / 2)
            die("too many groups", NULL);
    }
    return &groups.v[at];
}

static uint64_t hash_of(struct any v)
{
    return v.type == ANY_STRING ? hash_str(any_text(&v)) : (uint64_t)v.as.integer;
}

/* Of every value of a vector its hash, once a distinct value. */
static const uint64_t *hashes_of(const struct vector *v, const struct record_block *b)
{
    uint64_t *out = arena_array(b->arena, v->n_values + b->n, sizeof *out);
    for (size_t i = 0; out && i < v->n_values; i++)
        out[i] = v->values[i].type == ANY_NONE ? 0 : hash_of(v->values[i]);
    return out;
}

static uint64_t hash_at(const struct vector *v, const uint64_t *hashes, size_t i)
{
    return v->ints ? (uint64_t)v->ints[i] : hashes[v->codes ? v->codes[i] : i];
}

static int by_minute_and_severity(void *arg, const struct record_block *b)
{
    const uint64_t *severity = hashes_of(&b->columns[0], b);
    (void)arg;
    for (size_t i = 0; i < b->n; i++) {
        uint64_t minute = (uint64_t)(b->t_unix_ns[i] / (60 * NS_PER_S));
        group(minute * 1000003 + hash_at(&b->columns[0], severity, i))->n++;
    }
    return 0;
}

static int by_value(void *arg, const struct record_block *b)
{
    const struct vector *v = &b->columns[0];
    const uint64_t *hashes = hashes_of(v, b);
    (void)arg;
    for (size_t i = 0; i < b->n; i++)
        group(hash_at(v, hashes, i))->n++;
    return 0;
}

static int by_model(void *arg, const struct record_block *b)
{
    const uint64_t *models = hashes_of(&b->columns[0], b);
    struct answer *a = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct group *g = group(hash_at(&b->columns[0], models, i));
        for (int k = 0; k < 2; k++) {
            struct any v = vector_at(&b->columns[1 + k], i);
            g->sums[k] += v.type == ANY_INT ? (double)v.as.integer : 0;
            a->sum += v.type == ANY_INT ? (double)v.as.integer : 0;
        }
    }
    return 0;
}

/* --- questions about spans -------------------------------------------------------------------- */

static char trace_id[16];

/* What a page of a trace shows: every field and attribute. */
static void ask_trace(struct answer *a)
{
    const struct predicate where =
        equals(RECORD_SPANS, "trace_id", any_bytes(str_of(trace_id, sizeof trace_id)));
    ask(&(struct question){.table = RECORD_SPANS,
                           .where = &where,
                           .columns = {"name", "*", "events", "links"},
                           .each = count,
                           .arg = a});
}

/* The newest rows so far, as whoever shows a list keeps them. */
struct newest {
    size_t wanted, n;
    int64_t t[4096], floor;
};

static int falling(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static int keep_newest(void *arg, const struct record_block *b)
{
    struct newest *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        if (b->t_unix_ns[i] < s->floor)
            continue;
        s->t[s->n++] = b->t_unix_ns[i];
        if (s->n == 4096) {
            qsort(s->t, s->n, sizeof *s->t, falling);
            s->n = s->wanted;
        }
    }
    qsort(s->t, s->n, sizeof *s->t, falling);
    if (s->n >= s->wanted) {
        s->n = s->wanted;
        s->floor = s->t[s->n - 1];
    }
    return 0;
}

static void ask_newest(struct answer *a, struct question q, size_t wanted)
{
    struct newest newest = {.wanted = wanted, .floor = INT64_MIN};
    q.order = SCAN_NEWEST_FIRST;
    q.each = keep_newest;
    q.arg = &newest;
    q.floor = &newest.floor;
    ask(&q);
    a->rows = (double)newest.n;
    if (newest.n)
        (void)snprintf(a->text, sizeof a->text, "%lld … %lld", (long long)newest.t[0],
                       (long long)newest.t[newest.n - 1]);
}

static void ask_root_errors(struct answer *a)
{
    const struct predicate parent = {.op = PREDICATE_EXISTS,
                                     .column = column(RECORD_SPANS, "parent_span_id")};
    const struct predicate all[] = {
        equals(RECORD_SPANS, "resource.service.name", any_string(STR("planner-agent"))),
        equals(RECORD_SPANS, "status_code", any_int(2)),
        {.op = PREDICATE_GT,
         .column = column(RECORD_SPANS, "duration_ns"),
         .value = any_int(NS_PER_S)},
        {.op = PREDICATE_NOT, .children = &parent, .n_children = 1}};
    const struct predicate where = {.op = PREDICATE_AND, .children = all, .n_children = 4};
    ask_newest(a,
               (struct question){.table = RECORD_SPANS,
                                 .where = &where,
                                 .columns = {"trace_id", "name", "duration_ns"}},
               20);
}

static void ask_attribute_count(struct answer *a)
{
    const struct predicate where =
        equals(RECORD_SPANS, "attributes.gen_ai.request.model", any_string(STR("gpt-4o")));
    ask(&(struct question){.table = RECORD_SPANS, .where = &where, .each = count, .arg = a});
}

static void ask_tokens(struct answer *a)
{
    const struct predicate where = {
        .op = PREDICATE_EXISTS, .column = column(RECORD_SPANS, "attributes.gen_ai.request.model")};
    groups_begin();
    ask(&(struct question){.table = RECORD_SPANS,
                           .where = &where,
                           .columns = {"attributes.gen_ai.request.model",
                                       "attributes.gen_ai.usage.input_tokens",
                                       "attributes.gen_ai.usage.output_tokens"},
                           .each = by_model,
                           .arg = a});
    groups_end(a);
}

static void ask_attribute_values(struct answer *a)
{
    const struct predicate where = {.op = PREDICATE_EXISTS,
                                    .column = column(RECORD_SPANS, "attributes.gen_ai.tool.name")};
    groups_begin();
    ask(&(struct question){.table = RECORD_SPANS,
                           .where = &where,
                           .columns = {"attributes.gen_ai.tool.name"},
                           .each = by_value,
                           .arg = a});
    groups_end(a);
}

static int count_name(void *arg, struct str name)
{
    (void)arg;
    group(hash_str(name))->n++;
    return 0;
}

static void ask_attribute_names(struct answer *a)
{
    struct err err = {0};
    groups_begin();
    stats = (struct record_scan_stats){0};
    if (store_list_attributes(store, RECORD_SPANS, INT64_MIN, INT64_MAX, count_name, NULL, &err))
        die("names", &err);
    groups_end(a);
}

/* --- questions about logs --------------------------------------------------------------------- */

static char rare_word[16], request_id[64], log_trace_id[16];

static const char *const line[] = {"severity", "trace_id", "body"};

static void ask_newest_lines(struct answer *a, const struct predicate *where)
{
    ask_newest(a,
               (struct question){
                   .table = RECORD_LOGS, .where = where, .columns = {line[0], line[1], line[2]}},
               100);
}

static void ask_common_word(struct answer *a)
{
    const struct predicate where = body(PREDICATE_PHRASE, "cache");
    ask_newest_lines(a, &where);
}

static void ask_rare_word(struct answer *a)
{
    const struct predicate where = body(PREDICATE_PHRASE, rare_word);
    ask_newest_lines(a, &where);
}

static void ask_common_word_count(struct answer *a)
{
    const struct predicate where = body(PREDICATE_PHRASE, "cache");
    ask(&(struct question){.table = RECORD_LOGS, .where = &where, .each = count, .arg = a});
}

static void ask_substring_count(struct answer *a)
{
    const struct predicate where = body(PREDICATE_CONTAINS, "ache mi");
    ask(&(struct question){.table = RECORD_LOGS, .where = &where, .each = count, .arg = a});
}

static void ask_request_id(struct answer *a)
{
    const struct predicate where =
        equals(RECORD_LOGS, "attributes.request.id", any_string(str_c(request_id)));
    ask(&(struct question){.table = RECORD_LOGS,
                           .where = &where,
                           .columns = {line[0], line[1], line[2]},
                           .each = count,
                           .arg = a});
}

static void ask_regex(struct answer *a, const char *pattern)
{
    struct regex *regex = NULL;
    struct err err = {0};
    if (regex_new_search(str_c(pattern), &regex, &err) != 0)
        die(pattern, &err);
    struct predicate where = body(PREDICATE_REGEX, "");
    where.regex = regex;
    ask(&(struct question){.table = RECORD_LOGS, .where = &where, .each = count, .arg = a});
    regex_free(regex);
}

static void ask_regex_with_literal(struct answer *a)
{
    ask_regex(a, "took [0-9]{2} us");
}

static void ask_regex_without_literal(struct answer *a)
{
    ask_regex(a, "[a-z]=[a-z][0-9]{4,}( |$)");
}

static void ask_severity(struct answer *a)
{
    groups_begin();
    ask(&(struct question){.table = RECORD_LOGS,
                           .columns = {"severity_text"},
                           .each = by_minute_and_severity,
                           .arg = a});
    groups_end(a);
}

static void ask_top_values(struct answer *a)
{
    const struct predicate where = {.op = PREDICATE_EXISTS,
                                    .column = column(RECORD_LOGS, "attributes.http.route")};
    groups_begin();
    ask(&(struct question){.table = RECORD_LOGS,
                           .where = &where,
                           .columns = {"attributes.http.route"},
                           .each = by_value,
                           .arg = a});
    groups_end(a);
}

static void ask_log_trace(struct answer *a)
{
    const struct predicate where =
        equals(RECORD_LOGS, "trace_id", any_bytes(str_of(log_trace_id, sizeof log_trace_id)));
    ask(&(struct question){.table = RECORD_LOGS,
                           .where = &where,
                           .columns = {line[0], line[1], line[2]},
                           .each = count,
                           .arg = a});
}

/* --- the values asked for ----------------------------------------------------------------------
 */

/* Takes the first row that has all four. */
static int take_values(void *arg, const struct record_block *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct any id = vector_at(&b->columns[0], i), request = vector_at(&b->columns[1], i);
        struct any text = vector_at(&b->columns[2], i);
        struct str s = any_text(&text);
        size_t at = str_find(s, STR(" id="));
        if (id.n != sizeof log_trace_id || request.type != ANY_STRING || at + 12 > s.n)
            continue;
        memcpy(log_trace_id, id.as.text, sizeof log_trace_id);
        (void)snprintf(request_id, sizeof request_id, "%.*s", STR_ARG(any_text(&request)));
        (void)snprintf(rare_word, sizeof rare_word, "%.*s", 8, s.p + at + 4);
        *(bool *)arg = true;
        return 1;
    }
    return 0;
}

static int take_trace(void *arg, const struct record_block *b)
{
    struct any id = vector_at(&b->columns[0], b->n / 2);
    memcpy(trace_id, id.as.text, sizeof trace_id);
    *(bool *)arg = true;
    return 1;
}

static void scan_for(enum record_table table, const char *const *names, size_t n,
                     int (*each)(void *arg, const struct record_block *b))
{
    struct column_ref columns[3];
    bool found = false;
    for (size_t i = 0; i < n; i++)
        columns[i] = column(table, names[i]);
    const struct record_scan scan = {.table = table,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .columns = columns,
                                     .n_columns = n,
                                     .order = SCAN_OLDEST_FIRST,
                                     .each = each,
                                     .arg = &found};
    (void)store_scan(store, &scan, NULL, NULL);
    if (!found)
        die("no row with the values to ask for", NULL);
}

/* --- running ---------------------------------------------------------------------------------- */

static const struct {
    const char *words;
    void (*run)(struct answer *a);
} questions[] = {
    {"spans: all of one trace", ask_trace},
    {"spans: newest 20 failed roots of a service over 1 s", ask_root_errors},
    {"spans: count with one value of an attribute", ask_attribute_count},
    {"spans: sums of tokens by model", ask_tokens},
    {"spans: distinct values of an attribute", ask_attribute_values},
    {"spans: names of attributes", ask_attribute_names},
    {"logs: newest 100 with a common word", ask_common_word},
    {"logs: newest 100 with a rare word", ask_rare_word},
    {"logs: count with a common word", ask_common_word_count},
    {"logs: count with a substring", ask_substring_count},
    {"logs: one value of a unique attribute", ask_request_id},
    {"logs: count of a regex with a literal", ask_regex_with_literal},
    {"logs: count of a regex without one", ask_regex_without_literal},
    {"logs: count by minute and severity", ask_severity},
    {"logs: values of an attribute with counts", ask_top_values},
    {"logs: all of one trace", ask_log_trace},
};

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of this thread: what else the machine does is left out. */
static double cpu_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void run(size_t which, int repeat)
{
    double ms[REPEAT_MAX];
    struct answer a;
    for (int i = -1; i < repeat; i++) { // the first one warms up
        a = (struct answer){0};
        double begin = cpu_ms();
        questions[which].run(&a);
        if (i >= 0)
            ms[i] = cpu_ms() - begin;
    }
    qsort(ms, (size_t)repeat, sizeof *ms, rising);
    (void)printf("%-52s %9.2f ms  least %9.2f  read %9llu rows %7.1f MB  answer: %.0f rows, sum "
                 "%.0f %s\n",
                 questions[which].words, ms[repeat / 2], ms[0], (unsigned long long)stats.rows_read,
                 (double)stats.bytes_read / 1e6, a.rows, a.sum, a.text);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"repeat", required_argument, NULL, 'r'}, {"only", required_argument, NULL, 'o'}, {0}};
    const char *only = "";
    uint64_t repeat = 7;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'o') {
            only = optarg;
            continue;
        }
        if (c != 'r' || num_parse_u64(str_c(optarg), &repeat) != 0 || repeat < 1 ||
            repeat > REPEAT_MAX)
            die("usage", &(struct err){.message = "bench_records DIR [--repeat N] [--only TEXT]"});
    }
    struct err err = {0};
    const struct store_options o = {
        .dir = optind < argc ? argv[optind] : "telltale-data",
        .retention_ms = STORE_RETENTION_FOREVER,
        .retention_records_ms = {STORE_RETENTION_FOREVER, STORE_RETENTION_FOREVER}};
    if (store_open(&o, &store, &err) != 0 || store_replay(store, NULL, &err) != 0)
        die(o.dir, &err);
    scan_for(RECORD_SPANS, (const char *const[]){"trace_id"}, 1, take_trace);
    scan_for(RECORD_LOGS, (const char *const[]){"trace_id", "attributes.request.id", "body"}, 3,
             take_values);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        if (strstr(questions[i].words, only))
            run(i, (int)repeat);
    if (store_close(store, &err) != 0)
        die("close", &err);
    return 0;
}
