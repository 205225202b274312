/* Traces: spans, the tracers that start them, and the provider that samples and exports.
 *
 *     tt_span span = tt_span_start(tracer, "handle", NULL);
 *     tt_token token = tt_span_enter(span);
 *     …                                           spans started here are its children
 *     tt_leave(token);
 *     tt_span_end(span);
 *
 * or, with gcc and clang, ended and left with the block:
 *
 *     TT_SPAN(span, tracer, "handle");
 *
 * A finished span is encoded into a ring of the calling thread: neither a lock shared with others
 * nor an allocation, as long as its attributes take less than 1 KiB. A thread of the provider
 * exports. */
#ifndef TELLTALE_TRACE_H
#define TELLTALE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/context.h"
#include "telltale/exporter.h"
#include "telltale/resource.h"
#include "telltale/scope.h"

TT_BEGIN

/* --- samplers --- */

typedef struct tt_sampler tt_sampler;

/* Each returns a new one, NULL when out of memory; given to a provider or another sampler it is
 * theirs. */
TT_API tt_sampler *tt_sampler_always_on(void);
TT_API tt_sampler *tt_sampler_always_off(void);

/* A share of the traces (0 to 1), chosen by the trace id, or by the randomness that a parent's
 * tracestate tells ("ot=rv:…"), so that all services choose the same; the threshold is told there
 * ("ot=th:…"). */
TT_API tt_sampler *tt_sampler_ratio(double share);

/* At most so many traces a second, evenly. */
TT_API tt_sampler *tt_sampler_rate(double per_second);

/* As `sampler` decides, but what it drops is recorded all the same: seen by processors, not
 * exported. */
TT_API tt_sampler *tt_sampler_always_record(tt_sampler *sampler);

/* As the parent was; `root` decides where there is none. The others, which may be NULL, decide for
 * a parent that is remote or local, sampled or not, instead of doing as it did. */
TT_API tt_sampler *tt_sampler_parent_based(tt_sampler *root, tt_sampler *remote_sampled,
                                           tt_sampler *remote_not_sampled,
                                           tt_sampler *local_sampled,
                                           tt_sampler *local_not_sampled);

/* What OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say: always_on, always_off, traceidratio,
 * parentbased_always_on (the default, also for an unknown one, which is told as TT_PROBLEM_MISUSE),
 * parentbased_always_off, parentbased_traceidratio; or one that is registered (component.h), with
 * parentbased_ or without, such as libtelltale-otlp's jaeger_remote. */
TT_API tt_sampler *tt_sampler_from_environment(void);

enum tt_decision {
    TT_DROP,             /* not recorded */
    TT_RECORD,           /* recorded, seen by nobody but the program, not exported */
    TT_RECORD_AND_SAMPLE /* recorded, exported, and children are told */
};
enum tt_span_kind {
    TT_SPAN_INTERNAL = 1,
    TT_SPAN_SERVER,
    TT_SPAN_CLIENT,
    TT_SPAN_PRODUCER,
    TT_SPAN_CONSUMER
};
typedef struct tt_link {
    tt_span_context span;
    const char *tracestate; /* NULL: none */
    const tt_attr *attrs;
    size_t attrs_n;
} tt_link;

/* What a sampler decides upon; all borrowed. */
typedef struct tt_sampling {
    const tt_span_context *parent; /* all zeros: a root */
    const char *tracestate;        /* the parent's; "": none */
    const tt_context *context;     /* it starts in: its baggage, its values; NULL: an empty one */
    const uint8_t *trace_id;
    const char *name;
    enum tt_span_kind kind;
    const tt_attr *attrs;
    size_t attrs_n;
    const tt_link *links;
    size_t links_n;
} tt_sampling;

/* What a sampler may say beside its decision; zeros before. Borrowed until the span has started. */
typedef struct tt_sampled {
    const char *tracestate; /* NULL: the parent's; "": none; at most 512 bytes */
    const tt_attr *attrs;   /* the span gets them, too */
    size_t attrs_n;
} tt_sampled;
typedef enum tt_decision (*tt_sampler_function)(void *arg, const tt_sampling *sampling,
                                                tt_sampled *out);

/* `decide` is called by the thread that starts a span. */
TT_API tt_sampler *tt_sampler_custom(tt_sampler_function decide, void *arg);

/* The same with what is called by tt_sampler_free. NULL when out of memory, or without `decide`:
 * then `done` was called, too. */
TT_API tt_sampler *tt_sampler_custom_owned(tt_sampler_function decide, void *arg,
                                           void (*done)(void *arg));

/* What another sampler, which is still the caller's, decides; for use within `decide`, with the
 * `out` that it was given. */
TT_API enum tt_decision tt_sampler_ask(tt_sampler *sampler, const tt_sampling *sampling,
                                       tt_sampled *out);

TT_API void tt_sampler_free(tt_sampler *sampler);

/* --- processors --- */

/* A span at its end, as processors see it. All borrowed, valid during the call. */
typedef struct tt_span_data {
    tt_span_context span;
    uint8_t parent_id[8]; /* all zeros: a root */
    bool parent_remote;
    bool sampled;           /* it goes to the exporter */
    const char *tracestate; /* "": none */
    const char *name;
    enum tt_span_kind kind;
    int status;                 /* enum tt_span_status */
    const char *status_message; /* "": none */
    int64_t start_unix_ns, end_unix_ns;
    size_t attrs_n, events_n, links_n;
    size_t attrs_dropped, events_dropped, links_dropped;
    const tt_scope *scope;
    const tt_resource *resource;
    const void *message; /* the whole, as OTLP's Span in protobuf */
    size_t message_n;
} tt_span_data;

/* An attribute of it: the n-th in order; false beyond the last. What is in arrays and maps is to be
 * found in `message` alone: they come with `n` 0. */
TT_API bool tt_span_data_attribute(const tt_span_data *data, size_t n, tt_attr *out);

/* Told of each span that records, in the thread that starts or ends it, one processor after the
 * other and before the exporter. Any of the functions may be NULL. */
typedef struct tt_span_processor {
    /* `parent`: the context it starts in. The span may be filled. */
    void (*on_start)(void *arg, tt_span span, const tt_context *parent);
    /* Its end time is taken, and it may be filled for the last time: by this handle, in this call;
     * handles that others have are of an ended span. */
    void (*on_ending)(void *arg, tt_span span);
    void (*on_end)(void *arg, const tt_span_data *data);
    int (*flush)(void *arg, int64_t timeout_ms);    /* TT_OK, or a negative status */
    int (*shutdown)(void *arg, int64_t timeout_ms); /* once; nothing is called afterwards */
    void *arg;
} tt_span_processor;

/* Makes ids; each function may be called by any thread, and NULL leaves it to the library. */
typedef struct tt_id_generator {
    void (*trace_id)(void *arg, uint8_t out[16]);
    void (*span_id)(void *arg, uint8_t out[8]);
    void *arg;
    bool random; /* the last 7 bytes of its trace ids are random, which samplers may rely on */
} tt_id_generator;

/* --- providers and tracers --- */

typedef struct tt_tracer_provider tt_tracer_provider;
typedef struct tt_tracer tt_tracer;

/* For limits of counts, where 0 is the environment's or the default: nothing of it is kept. */
#define TT_LIMIT_NONE ((size_t)-2)

typedef struct tt_tracer_provider_options {
    size_t size;           /* sizeof(tt_tracer_provider_options) */
    tt_resource *resource; /* borrowed, copied; NULL: tt_resource_default() */
    tt_sampler *sampler;   /* taken; NULL: tt_sampler_from_environment() */
    tt_exporter exporter;  /* taken; without `send`, and without processors, nothing is recorded */
    /* Spans wait in a ring of each thread; what does not fit is dropped and counted. 0: 4 MiB,
     * or as queue_spans has it. */
    size_t queue_bytes;
    /* 0: by the environment's OTEL_BSP_…, OTEL_SPAN_…_LIMIT and OTEL_ATTRIBUTE_…_LIMIT, or else: */
    size_t batch_spans;      /* of a request at most, and no more than the queue's: 512 */
    int64_t delay_ms;        /* before spans are sent: 5000 */
    int64_t send_timeout_ms; /* 30000 */
    bool simple;             /* each span is sent at its end, by the thread that ends it */
    size_t attributes_max;   /* of a span: 128, and no more */
    size_t events_max;       /* 128 */
    size_t links_max;        /* 128 */
    size_t value_bytes_max;  /* text values are cut to this: not cut */
    size_t event_attributes_max, link_attributes_max; /* of an event, of a link: 128, and no more */
    const tt_span_processor *processors;              /* copied */
    size_t processors_n;
    tt_id_generator ids;
    /* The limit of spans that wait, of all threads together, besides that of the bytes; a thread
     * has a 64th of what is left of it in hand at most. What is beyond is dropped and counted. 0:
     * by OTEL_BSP_MAX_QUEUE_SIZE, or else none, as of SIZE_MAX: the specification's 2048 are what a
     * busy program ends in two milliseconds. With a limit, queue_bytes is 1 kB for each by default,
     * 4 to 64 MiB. */
    size_t queue_spans;
} tt_tracer_provider_options;

/* Starts its thread unless `simple`. NULL when out of memory. */
TT_API tt_tracer_provider *tt_tracer_provider_new(const tt_tracer_provider_options *options);

/* Sends what was ended before. TT_ERR_TIMEOUT when that takes longer; the failure of a send by
 * which spans were lost meanwhile. */
TT_API int tt_tracer_provider_flush(tt_tracer_provider *provider, int64_t timeout_ms);

/* Flushes, by the thread of the provider, which it then ends, and closes the exporter. What was not
 * sent by then is lost and counted, and so are spans that end later. Takes half a second longer
 * than that at most, even with an exporter that does not return (exporter.h). Once. */
TT_API int tt_tracer_provider_shutdown(tt_tracer_provider *provider, int64_t timeout_ms);

/* Frees it with its tracers, none of which may be used afterwards; spans that did not end are lost.
 * Shuts down first when that was not done, with 5 seconds. NULL is fine. */
TT_API void tt_tracer_provider_free(tt_tracer_provider *provider);

/* Spans that were dropped because a ring was full, an export failed or the shutdown came first.
 * After the shutdown all that ended are either delivered or counted here. */
TT_API uint64_t tt_tracer_provider_lost(const tt_tracer_provider *provider);

TT_API tt_tracer *tt_tracer_get(tt_tracer_provider *provider, const char *name,
                                const char *version);
TT_API tt_tracer *tt_tracer_get_scope(tt_tracer_provider *provider, const tt_scope *scope);

/* Switches the tracers off or on whose name fits the pattern (* is any text, ? any character),
 * those to come included; of several calls the last that fits holds. Spans of a tracer that is off
 * are not recorded, and what begins within them belongs to their parent. TT_ERR_NOMEM. */
TT_API int tt_tracer_provider_switch(tt_tracer_provider *provider, const char *tracer, bool on);

/* Whether spans of the tracer may go anywhere: it is on, its provider has an exporter or processor
 * and was not shut down. */
TT_API bool tt_tracer_is_enabled(const tt_tracer *tracer);

/* --- spans --- */

typedef struct tt_span_options {
    size_t size;              /* sizeof(tt_span_options) */
    enum tt_span_kind kind;   /* 0: internal */
    const tt_context *parent; /* NULL: this thread's current context */
    bool root;                /* no parent at all */
    int64_t start_unix_ns;    /* 0: now */
    const tt_attr *attrs;     /* known at the start: samplers see these */
    size_t attrs_n;
    const tt_link *links;
    size_t links_n;
} tt_span_options;

enum tt_span_status { TT_STATUS_UNSET, TT_STATUS_OK, TT_STATUS_ERROR };

/* A NULL tracer gives a span that records nothing. `options` may be NULL. */
TT_API tt_span tt_span_start(tt_tracer *tracer, const char *name, const tt_span_options *options);

/* Ends it; once. _at: with a time of your own, nanoseconds since 1970. */
TT_API void tt_span_end(tt_span span);
TT_API void tt_span_end_at(tt_span span, int64_t end_unix_ns);

/* Whether what is set on it is kept: false after its end, and for spans that are not sampled. */
TT_API bool tt_span_is_recording(tt_span span);

/* Also of a span that has ended, in the thread that ended it, until that thread has started others
 * in its memory; of the one that was asked for last after its end, for good. Else all zeros. */
TT_API tt_span_context tt_span_context_of(tt_span span);

/* Sets attributes; a key that is there is replaced. */
TT_API void tt_span_set(tt_span span, const tt_attr *attrs, size_t n);
TT_API void tt_span_rename(tt_span span, const char *name);

/* OK holds for good; ERROR holds against UNSET. `description` (of an error) may be NULL. */
TT_API void tt_span_set_status(tt_span span, enum tt_span_status status, const char *description);

/* time_unix_ns 0: now. */
TT_API void tt_span_add_event(tt_span span, const char *name, int64_t time_unix_ns,
                              const tt_attr *attrs, size_t n);
TT_API void tt_span_add_link(tt_span span, const tt_link *link);

/* The event "exception" with exception.type and exception.message (either may be NULL), and the
 * status ERROR. */
TT_API void tt_span_record_error(tt_span span, const char *type, const char *message);

/* Something that went wrong; all borrowed, any may be NULL or 0. */
typedef struct tt_exception {
    size_t size;         /* sizeof(tt_exception) */
    int error_number;    /* an errno: its name ("ENOENT") and text stand in for type and message */
    const char *type;    /* exception.type */
    const char *message; /* exception.message */
    const char *stacktrace; /* exception.stacktrace; see tt_backtrace */
    const tt_attr *attrs;   /* further ones, which hold over those above; at most 60 */
    size_t attrs_n;
    int64_t time_unix_ns; /* 0: now */
} tt_exception;

/* As tt_span_record_error, with all of that. */
TT_API void tt_span_record_exception(tt_span span, const tt_exception *exception);

/* For an errno. `message` says what was tried, and may be NULL; `backtrace`: with the calls that
 * are under way. */
TT_API void tt_span_record_errno(tt_span span, int error_number, const char *message,
                                 bool backtrace);

/* The calls of this thread that are under way, a line each, innermost first, NUL-terminated and
 * cut to `n`; as far as the system knows them. Returns the length. Takes microseconds, the first
 * time milliseconds; allocates. */
TT_API size_t tt_backtrace(char *out, size_t n);

/* --- guards --- */

/* The calls above look at their handle before they are calls, so that a program without an SDK, or
 * a span that is not sampled, costs next to nothing. The functions themselves are there all the
 * same: (tt_span_set)(…), for pointers and for other languages. */
#if !defined(TT_NO_GUARDS) && !defined(TT_NOOP)
static inline tt_span tt_span_start_guarded(tt_tracer *tracer, const char *name,
                                            const tt_span_options *options)
{
    tt_span none = {NULL, 0};
    return tracer ? tt_span_start(tracer, name, options) : none;
}
#define tt_span_start(...) tt_span_start_guarded(__VA_ARGS__)

static inline void tt_span_end_guarded(tt_span span)
{
    if (span.memory)
        tt_span_end(span);
}
#define tt_span_end(...) tt_span_end_guarded(__VA_ARGS__)

static inline void tt_span_set_guarded(tt_span span, const tt_attr *attrs, size_t n)
{
    if (tt_span_may_record(span))
        tt_span_set(span, attrs, n);
}
#define tt_span_set(...) tt_span_set_guarded(__VA_ARGS__)

static inline void tt_span_rename_guarded(tt_span span, const char *name)
{
    if (tt_span_may_record(span))
        tt_span_rename(span, name);
}
#define tt_span_rename(...) tt_span_rename_guarded(__VA_ARGS__)

static inline void tt_span_set_status_guarded(tt_span span, enum tt_span_status status,
                                              const char *description)
{
    if (tt_span_may_record(span))
        tt_span_set_status(span, status, description);
}
#define tt_span_set_status(...) tt_span_set_status_guarded(__VA_ARGS__)

static inline void tt_span_add_event_guarded(tt_span span, const char *name, int64_t time_unix_ns,
                                             const tt_attr *attrs, size_t n)
{
    if (tt_span_may_record(span))
        tt_span_add_event(span, name, time_unix_ns, attrs, n);
}
#define tt_span_add_event(...) tt_span_add_event_guarded(__VA_ARGS__)

static inline void tt_span_add_link_guarded(tt_span span, const tt_link *link)
{
    if (tt_span_may_record(span))
        tt_span_add_link(span, link);
}
#define tt_span_add_link(...) tt_span_add_link_guarded(__VA_ARGS__)

static inline void tt_span_record_error_guarded(tt_span span, const char *type, const char *message)
{
    if (tt_span_may_record(span))
        tt_span_record_error(span, type, message);
}
#define tt_span_record_error(...) tt_span_record_error_guarded(__VA_ARGS__)
#endif

/* --- with the block --- */

typedef struct tt_span_block {
    tt_span span;
    tt_token token;
} tt_span_block;

TT_API tt_span_block tt_span_block_begin(tt_tracer *tracer, const char *name);
TT_API void tt_span_block_end(tt_span_block *block);

#if defined(__GNUC__) || defined(__clang__)
/* Declares `name_` as a tt_span that is current until the end of the block and ends with it. */
#define TT_SPAN(name_, tracer_, text_)                                                             \
    __attribute__((cleanup(tt_span_block_end))) tt_span_block name_##_block =                      \
        tt_span_block_begin((tracer_), (text_));                                                   \
    const tt_span name_ = name_##_block.span;                                                      \
    (void)name_
#endif

TT_END

#endif
