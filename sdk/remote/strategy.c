/* Jaeger's SamplingStrategyResponse in JSON:
 *
 *     {"strategyType": "PROBABILISTIC",
 *      "probabilisticSampling": {"samplingRate": 0.5},
 *      "rateLimitingSampling": {"maxTracesPerSecond": 10},
 *      "operationSampling": {
 *        "defaultSamplingProbability": 0.1, "defaultLowerBoundTracesPerSecond": 0.5,
 *        "perOperationStrategies": [
 *          {"operation": "GET /cart", "probabilisticSampling": {"samplingRate": 1}}]}}
 *
 * What is there decides rather than the type, which older services write as a number: operations
 * before all else, and of the other two the one that the type names. */
#include "remote/strategy.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/num.h"
#include "codec/json_read.h"

enum { DEPTH_MAX = 16, OPERATIONS_MAX = 2000, TEXT_BYTES_MAX = 1 << 20, NAME_BYTES_MAX = 4096 };

/* --- what is said ---------------------------------------------------------------------------- */

struct told {
    bool has_rate, has_limit, has_operations, limited; /* limited: the type is RATE_LIMITING */
    double rate, limit, at_least;
    size_t n;
    struct {
        struct str name;
        double rate;
    } operations[OPERATIONS_MAX];
};

static double read_number(struct json_reader *r, double max)
{
    double v = 0;
    struct str text = json_read_number(r);
    if (!json_failed(r) && (num_parse_double(text, &v) != 0 || !(v >= 0 && v <= max)))
        json_unexpected(r, max == 1 ? "a number from 0 to 1" : "a number of 0 or more", text);
    return v;
}

/* The one number of an object; what else it has is passed over. */
static bool read_inner(struct json_reader *r, struct str name, double max, double *out)
{
    struct str key;
    bool found = false;
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, name)) {
            *out = read_number(r, max);
            found = true;
        } else {
            json_skip(r);
        }
    }
    return found;
}

static bool read_rate(struct json_reader *r, double *out)
{
    return read_inner(r, STR("samplingRate"), 1, out);
}

static void read_operation(struct json_reader *r, struct told *t)
{
    struct str key, name = {0};
    double rate = 0;
    bool has_rate = false;
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, STR("operation")))
            name = json_read_string(r);
        else if (str_eq(key, STR("probabilisticSampling")))
            has_rate = read_rate(r, &rate);
        else
            json_skip(r);
    }
    if (json_failed(r) || !has_rate || name.n > NAME_BYTES_MAX || t->n == OPERATIONS_MAX)
        return; // those beyond are as all others
    t->operations[t->n].name = name;
    t->operations[t->n++].rate = rate;
}

static void read_operations(struct json_reader *r, struct told *t)
{
    struct str key;
    t->has_operations = true;
    t->n = 0;
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (str_eq(key, STR("defaultSamplingProbability"))) {
            t->rate = read_number(r, 1);
        } else if (str_eq(key, STR("defaultLowerBoundTracesPerSecond"))) {
            t->at_least = read_number(r, 1e9);
        } else if (str_eq(key, STR("perOperationStrategies")) && json_peek(r) == JSON_KIND_ARRAY) {
            json_enter_array(r);
            while (json_next_element(r))
                read_operation(r, t);
        } else {
            json_skip(r);
        }
    }
}

static void read_type(struct json_reader *r, struct told *t)
{
    if (json_peek(r) == JSON_KIND_NUMBER)
        t->limited = str_eq(json_read_number(r), STR("1"));
    else
        t->limited = str_eq(json_read_string(r), STR("RATE_LIMITING"));
}

static void read_answer(struct json_reader *r, struct told *t)
{
    struct str key;
    double rate = 0;
    json_enter_object(r);
    while (json_next_member(r, &key)) {
        if (json_peek(r) == JSON_KIND_NULL)
            json_skip(r);
        else if (str_eq(key, STR("strategyType")))
            read_type(r, t);
        else if (str_eq(key, STR("probabilisticSampling")))
            t->has_rate = read_rate(r, &rate);
        else if (str_eq(key, STR("rateLimitingSampling")))
            t->has_limit = read_inner(r, STR("maxTracesPerSecond"), 1e9, &t->limit);
        else if (str_eq(key, STR("operationSampling")))
            read_operations(r, t);
        else
            json_skip(r);
    }
    json_finish(r);
    if (!t->has_operations)
        t->rate = rate;
    if (!t->has_rate && !t->has_limit && !t->has_operations)
        json_damage(r, "no strategy");
}

/* --- what is made of it ---------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct strategy_part *)a)->name, ((const struct strategy_part *)b)->name);
}

static void free_part(struct strategy_part *p)
{
    free(p->name);
    tt_sampler_free(p->sampled);
    tt_sampler_free(p->at_least);
}

void strategy_free(struct strategy *s)
{
    if (!s)
        return;
    free_part(&s->rest);
    for (size_t i = 0; i < s->n; i++)
        free_part(&s->operations[i]);
    free(s->operations);
    free(s);
}

static bool make_part(struct strategy_part *p, double rate, double at_least)
{
    p->sampled = tt_sampler_ratio(rate);
    p->at_least = at_least > 0 ? tt_sampler_rate(at_least) : NULL;
    return p->sampled && (p->at_least || !(at_least > 0));
}

static bool make_operations(struct strategy *s, const struct told *t)
{
    s->operations = calloc(MAX(t->n, 1), sizeof *s->operations);
    if (!s->operations)
        return false;
    for (size_t i = 0; i < t->n; i++) {
        struct strategy_part *p = &s->operations[s->n++];
        p->name = str_dup(t->operations[i].name);
        if (!p->name || !make_part(p, t->operations[i].rate, t->at_least))
            return false;
    }
    qsort(s->operations, s->n, sizeof *s->operations, by_name);
    return true;
}

static bool make(struct strategy *s, const struct told *t)
{
    if (t->has_operations)
        return make_part(&s->rest, t->rate, t->at_least) && make_operations(s, t);
    if (t->has_limit && (t->limited || !t->has_rate))
        return (s->rest.sampled = tt_sampler_rate(t->limit)) != NULL;
    return make_part(&s->rest, t->rate, 0);
}

int strategy_parse(struct str json, struct strategy **out, struct err *err)
{
    struct arena arena;
    arena_init(&arena, TEXT_BYTES_MAX + json.n);
    struct json_reader r = json_reader_of(json, &arena, DEPTH_MAX);
    struct told *t = calloc(1, sizeof *t);
    struct strategy *s = calloc(1, sizeof *s);
    int rc = t && s ? 0 : ERR_NOMEM;
    if (rc == 0) {
        read_answer(&r, t);
        rc = json_failed(&r) ? json_error(&r, "strategy", err) : make(s, t) ? 0 : ERR_NOMEM;
    }
    if (rc == 0)
        *out = s;
    else
        strategy_free(s);
    free(t);
    arena_done(&arena);
    return rc;
}

/* --- deciding -------------------------------------------------------------------------------- */

enum tt_decision strategy_decide(const struct strategy *s, const tt_sampling *sampling,
                                 tt_sampled *out)
{
    struct strategy_part key;
    memcpy(&key.name, &sampling->name, sizeof key.name); // it is only compared
    const struct strategy_part *p =
        s->n ? bsearch(&key, s->operations, s->n, sizeof key, by_name) : NULL;
    if (!p)
        p = &s->rest;
    enum tt_decision decision = tt_sampler_ask(p->sampled, sampling, out);
    return decision != TT_DROP || !p->at_least ? decision
                                               : tt_sampler_ask(p->at_least, sampling, out);
}
