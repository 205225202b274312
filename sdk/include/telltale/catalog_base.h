/* What the catalog's operations and calls have in common. Programs include telltale/catalog.h,
 * which is generated and has those themselves.
 *
 * A tt_catalog knows the providers that the catalog's metrics, spans and records go to. An
 * operation is a struct in the program's own memory, between its _begin and its _end:
 *
 *     tt_llm_call call = {.size = sizeof call, .provider = "anthropic", .model = model};
 *     tt_llm_call_begin(catalog, &call);
 *     …                                          its span is current here
 *     call.input_tokens = 812;
 *     tt_llm_call_end(&call);
 *
 * or, with gcc and clang, ended with the block, whichever way that is left:
 *
 *     TT_LLM_CALL(call, catalog, .provider = "anthropic", .model = model);
 *
 * Rules of all operations:
 * - Texts are borrowed until _end returns. NULL, 0 and false are "not told", and are left out.
 * - error_type NULL is success; else it is the class of the error, such as "timeout", and the
 * span's status is ERROR with error_message, which may be NULL.
 * - A struct serves one operation: what it was told and what was computed stays in it to be read.
 *   Fill it anew for the next.
 * - _end does nothing when the operation has ended, or did not begin.
 * - _begin and _end are of one thread and nest, as the span is the thread's current one meanwhile.
 *   With `detached` it is not, and _end may come from another thread.
 * - _track records an operation that is over, with its duration, as one call.
 * - op.span is the span, for events and links of your own. */
#ifndef TELLTALE_CATALOG_BASE_H
#define TELLTALE_CATALOG_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/context.h"
#include "telltale/log.h"
#include "telltale/metrics.h"
#include "telltale/trace.h"

TT_BEGIN

/* What a model asks for tokens, in US dollars per million. */
typedef struct tt_price {
    const char *provider;       /* NULL: any */
    const char *model;          /* "name", or "name*" for all that begin so */
    int64_t since_unix_s;       /* holds from then on, until a later one of the same model */
    int64_t above_input_tokens; /* holds for requests with more input than that */
    double input;
    double output;
    double cached_input; /* read from the provider's cache */
    double cache_write;  /* written to it */
    double reasoning;
} tt_price;

/* Tokens of one request, as OpenTelemetry counts them: cached_input and cache_write are part of
 * input, reasoning is part of output. */
typedef struct tt_tokens {
    int64_t input, cached_input, cache_write, output, reasoning;
} tt_tokens;

typedef struct tt_catalog tt_catalog;

typedef struct tt_catalog_options {
    size_t size; /* sizeof(tt_catalog_options) */
    /* Borrowed. NULL: that of tt_init (init.h), which is called before; without one there are no
     * metrics, no spans, and tt_track_… puts events on the current span. */
    tt_meter_provider *meters;
    tt_tracer_provider *tracers;
    tt_logger_provider *loggers;
    uint64_t sets; /* of metrics, TT_SET_… | …; 0: all. TT_SET_TELLTALE is always there */
    /* Ids, of which there is no end (sessions, operators, agents), become labels of metrics, too.
     * Otherwise they are attributes of spans and of exemplars, by views (view.h) that leave them
     * out of the labels. The first catalog of a provider decides. */
    bool keep_ids;
    /* Prices that go before the built-in ones; borrowed, for as long as the catalog. */
    const tt_price *prices;
    size_t prices_n;
} tt_catalog_options;

/* Makes the metrics of the chosen sets; what is never recorded is never exported. `options` may be
 * NULL. NULL when out of memory, which is a catalog that does nothing. */
TT_API tt_catalog *tt_catalog_new(const tt_catalog_options *options);

/* No operation may be under way. To be freed before the providers. NULL is fine. */
TT_API void tt_catalog_free(tt_catalog *catalog);

/* The catalog of the process, with all sets, of the providers that tt_init made; made when it is
 * asked for first, and then a few loads. NULL, which does nothing, before tt_init and after
 * tt_shutdown. It is the library's: not to be freed. */
TT_API tt_catalog *tt_catalog_global(void);

/* Frees what tt_catalog_global made; no thread may use it any more. A program that calls tt_cleanup
 * calls this before. */
TT_API void tt_catalog_cleanup(void);

/* The cost of a request at a time in US dollars. False when the table does not know the model, or
 * not at that time. `catalog` NULL: by the built-in prices. `provider` NULL: of any. */
TT_API bool tt_catalog_cost(const tt_catalog *catalog, const char *provider, const char *model,
                            const tt_tokens *tokens, int64_t time_unix_s, double *out_usd);

/* States of tt_circuit_breaker_set. */
enum { TT_BREAKER_CLOSED, TT_BREAKER_OPEN, TT_BREAKER_HALF_OPEN };

/* The library's part of an operation; {0} before _begin. */
typedef struct tt_operation {
    tt_catalog *catalog; /* NULL: not begun, or ended */
    tt_span span;
    tt_token token;
    int64_t begin_mono_ns;
    int64_t duration_ns; /* once ended */
    bool tracked, entered;
    char code[22]; /* an error_type made of a number */
    uint64_t reserved[2];
} tt_operation;

#if defined(__GNUC__) || defined(__clang__)
/* That members are named is C, and C++ since 2020; compilers know it without a warning before. */
#if !defined(__cplusplus)
#define TT_NAMED_MEMBERS "GCC diagnostic ignored \"-Wmissing-field-initializers\""
#elif defined(__clang__)
#define TT_NAMED_MEMBERS "GCC diagnostic ignored \"-Wc++20-designator\""
#elif __GNUC__ >= 12
#define TT_NAMED_MEMBERS "GCC diagnostic ignored \"-Wc++20-extensions\""
#else
#define TT_NAMED_MEMBERS "GCC diagnostic ignored \"-Wpedantic\""
#endif

/* What TT_LLM_CALL and its like are: declares an operation and begins it; it ends with the block.
 */
#define TT_OPERATION(name_, type_, catalog_, ...)                                                  \
    _Pragma("GCC diagnostic push")                                                                 \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")                         \
            _Pragma(TT_NAMED_MEMBERS) __attribute__((cleanup(type_##_end)))                        \
            type_ name_ = {.size = sizeof(type_), __VA_ARGS__};                                    \
    _Pragma("GCC diagnostic pop") type_##_begin((catalog_), &name_)
#endif

TT_END

#endif
