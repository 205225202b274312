/* How many records when, by severity. */
#include "base/compiler.h"
#include "query/logs/logs.h"

struct counting {
    struct log_histogram *h;
    int64_t last_start; /* of the bucket of the last row: rows of a source lie by time */
    uint64_t *last;
};

/* None, or the level of numbers in fours; numbers beyond the known ones count as the nearest. */
static size_t level_of(int64_t severity)
{
    return severity <= 0 ? 0 : (size_t)(MIN(severity, (LOG_LEVELS - 1) * 4) + 3) / 4;
}

static uint64_t *find_bucket(struct counting *c, int64_t t_unix_ns)
{
    struct log_histogram *h = c->h;
    int64_t i = (t_unix_ns - h->start_unix_ns) / h->step_ns;
    c->last_start = h->start_unix_ns + i * h->step_ns;
    c->last = h->counts[i];
    return c->last;
}

static inline uint64_t *bucket_of(struct counting *c, int64_t t_unix_ns)
{
    if (c->last && (uint64_t)t_unix_ns - (uint64_t)c->last_start < (uint64_t)c->h->step_ns)
        return c->last;
    return find_bucket(c, t_unix_ns);
}

static int each_block(void *arg, const struct record_block *b)
{
    struct counting c = *(struct counting *)arg; // a copy, which the compiler keeps in registers
    const struct vector *v = &b->columns[0];
    for (size_t i = 0; v->ints && i < b->n; i++)
        bucket_of(&c, b->t_unix_ns[i])[level_of(v->ints[i])]++;
    for (size_t i = 0; !v->ints && i < b->n; i++) {
        struct any severity = vector_at(v, i);
        int64_t number = severity.type == ANY_INT ? severity.as.integer : 0;
        bucket_of(&c, b->t_unix_ns[i])[level_of(number)]++;
    }
    *(struct counting *)arg = c;
    return 0;
}

static int64_t multiple_below(int64_t t, int64_t step)
{
    int64_t rest = t % step;
    return t - rest - (rest < 0 ? step : 0);
}

int logs_histogram(struct record_query *q, const struct predicate *where, int64_t min_unix_ns,
                   int64_t max_unix_ns, int64_t step_ns, struct log_histogram *out, struct err *err)
{
    struct counting c = {.h = out};
    const struct column_ref severity = field_column(LOG_SEVERITY);
    if (step_ns <= 0 || min_unix_ns > max_unix_ns || min_unix_ns < 0)
        return err_set(err, ERR_INVALID,
                       "a histogram needs a start from 1970 on, not behind its end, and a step");
    *out = (struct log_histogram){.start_unix_ns = multiple_below(min_unix_ns, step_ns),
                                  .step_ns = step_ns};
    uint64_t n = (uint64_t)(max_unix_ns - out->start_unix_ns) / (uint64_t)step_ns + 1;
    if (n > LOG_BUCKETS_MAX)
        return err_set(err, ERR_INVALID, "%llu steps; expected at most %d", (unsigned long long)n,
                       LOG_BUCKETS_MAX);
    out->n = n;
    out->counts = arena_array(q->arena, n, sizeof *out->counts);
    if (!out->counts)
        return record_query_no_memory(q, err);
    const struct record_scan scan = {.table = RECORD_LOGS,
                                     .min_unix_ns = min_unix_ns,
                                     .max_unix_ns = max_unix_ns,
                                     .where = where,
                                     .columns = &severity,
                                     .n_columns = 1,
                                     .without_sources = true,
                                     .each = each_block,
                                     .arg = &c};
    return record_query_scan(q, &scan, err);
}
