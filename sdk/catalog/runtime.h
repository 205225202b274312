/* What the generated operations and calls are made of.
 *
 *     catalog/ *.yml  --generate.py-->  telltale/catalog.h    structs and prototypes
 *                                       catalog_metrics.c     tables of metrics and prices
 *                                       catalog_operations.c  the functions, one step a line
 *
 * A generated function collects the attributes of a metric in a struct attrs on its stack and gives
 * them to the instrument, which the catalog made when it was made. Instruments of sets that were
 * not chosen are NULL, and do nothing. */
#ifndef TELLTALE_SDK_CATALOG_RUNTIME_H
#define TELLTALE_SDK_CATALOG_RUNTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "telltale/catalog_base.h"

/* --- tables, generated --- */

enum metric_kind {
    METRIC_COUNTER,
    METRIC_DOUBLE_COUNTER,
    METRIC_UPDOWNCOUNTER,
    METRIC_GAUGE,
    METRIC_DOUBLE_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_OBSERVABLE_GAUGE,
    METRIC_PERCENT,
    METRIC_RATIO,
    METRIC_PER_SECOND
};

enum { SETS_MAX = 32 };

struct metric {
    const char *name, *unit, *description;
    const double *bounds;
    size_t bounds_n;
    enum metric_kind kind;
    unsigned set; /* its number */
    /* Attributes without end, that are labels only when the program asks for it. */
    const char *const *ids;
    size_t ids_n;
};

extern const struct metric catalog_metrics[];
extern const size_t catalog_metrics_n;
/* Of each set; without a name where a number has none. */
extern const tt_scope catalog_meters[SETS_MAX], catalog_tracers[SETS_MAX];
extern const tt_price catalog_prices[];
extern const size_t catalog_prices_n;

/* --- the catalog --- */

struct tally;

/* An observable gauge: the value that was set last. */
struct observed {
    tt_observable *instrument;
    _Atomic(int64_t) value;
    atomic_bool set;
};

union instrument {
    void *any;
    tt_counter *counter;
    tt_double_counter *double_counter;
    tt_updowncounter *updowncounter;
    tt_gauge *gauge;
    tt_double_gauge *double_gauge;
    tt_histogram *histogram;
    struct observed *observed; /* owned */
    struct tally *tally;       /* owned */
};

struct tt_catalog {
    uint64_t sets;
    bool keep_ids;
    struct tt_catalog *before; /* of global.c */
    /* Borrowed. */
    tt_meter_provider *meters;
    tt_tracer_provider *tracers_of;
    tt_logger_provider *loggers;
    tt_tracer *tracers[SETS_MAX]; /* of the sets' operations */
    tt_tracer *track_tracer;
    tt_logger *logger;
    const tt_price *prices; /* borrowed */
    size_t prices_n;
    tt_meter *meter; /* of the callback */
    int64_t callback;
    union instrument at[]; /* of each metric */
};

void observed_set(struct observed *o, int64_t value);
void observed_add(struct observed *o, int64_t change);

/* --- attributes --- */

enum { ATTRS_MAX = 40 }; /* the generator checks that no operation has more */

struct attrs {
    size_t n;
    tt_attr list[ATTRS_MAX];
};

#define KEY(text) (text), sizeof(text) - 1

/* Nothing is put for a text that is NULL. Functions, and not inline: there are a thousand calls. */
void put_value(struct attrs *a, const char *key, size_t key_n, tt_value value);
void put_string(struct attrs *a, const char *key, size_t key_n, const char *text);
void put_int(struct attrs *a, const char *key, size_t key_n, int64_t integer);
void put_double(struct attrs *a, const char *key, size_t key_n, double number);
void put_bool(struct attrs *a, const char *key, size_t key_n, bool truth);

/* The same, but for 0. */
void put_int_if(struct attrs *a, const char *key, size_t key_n, int64_t integer);

static inline bool text_is(const char *text, const char *other)
{
    return text && strcmp(text, other) == 0;
}

/* --- operations --- */

/* A word of a span's name: the literal and then the text of a field; left out when that is NULL. */
struct name_part {
    const char *literal, *field;
};

/* Whether the operation begins: false without catalog and, told as misuse, when the program's
 * struct is smaller than ours (its header is another version's, or `size` was not set), or when it
 * has begun already. */
bool operation_begin(tt_operation *op, tt_catalog *catalog, size_t size, size_t own_size);

/* Starts the span; `fallback` is its name when all parts are left out. */
void operation_start_span(tt_operation *op, unsigned set, enum tt_span_kind kind, bool detached,
                          const struct name_part *parts, size_t parts_n, const char *fallback,
                          const struct attrs *a);

/* The catalog of an operation that ends now, or NULL when it is not under way. Sets duration_ns. */
tt_catalog *operation_end(tt_operation *op);

/* The error of a status code at or above a limit, as text in op->code; else what was given. */
const char *operation_error(tt_operation *op, const char *given, int64_t code, int64_t at_least);

/* Sets what became known, and the status; the span ends by operation_leave. */
void operation_finish_span(tt_operation *op, struct attrs *a, const char *error_type,
                           const char *error_message);
void operation_leave(tt_operation *op);

static inline double operation_seconds(const tt_operation *op)
{
    return (double)op->duration_ns / 1e9;
}

/* Of what came after the first of `n`. */
static inline double operation_seconds_each(const tt_operation *op, double first_s, int64_t n)
{
    double rest = operation_seconds(op) - first_s;
    return rest > 0 ? rest / (double)(n - 1) : 0;
}

/* The cost of a request by the table; 0, and counted, when the model is not in it. */
double catalog_cost(tt_catalog *c, const char *provider, const char *model,
                    const char *response_model, const tt_tokens *tokens);

/* Counts a request that has no price. Generated, as it knows the metric. */
void catalog_unpriced(tt_catalog *c, const char *provider, const char *model);

#endif
