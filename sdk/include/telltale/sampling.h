/* Composable samplers: parts that say what they would like (an intent), of which one sampler, the
 * composite, makes one decision and one threshold. So rules may be nested, and what a span stands
 * for can still be told from its tracestate ("ot=th:…"). In the library libtelltale-sampling, which
 * needs nothing but libtelltale.
 *
 *     tt_sampling_rule rules[] = {
 *         {.size = sizeof *rules, .name = "GET /health*", .sampler = tt_composable_always_off()},
 *         {.size = sizeof *rules, .parents = TT_PARENT_REMOTE | TT_PARENT_LOCAL,
 *          .sampler = tt_composable_parent_threshold(NULL)},
 *         {.size = sizeof *rules, .sampler = tt_composable_probability(0.1)}};
 *     options.sampler = tt_sampler_composite(tt_composable_rules(rules, 3));
 *
 * Threads: samplers are asked by any, at once; they do not change. */
#ifndef TELLTALE_SAMPLING_H
#define TELLTALE_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/trace.h"

TT_BEGIN

/* Thresholds go up to 2^56: randomness from the threshold on is sampled, so 0 is all. */
#define TT_THRESHOLD_NONE (UINT64_C(1) << 56)

enum { TT_INTENT_ATTRS_MAX = 32 };

/* What a composable sampler wants. */
typedef struct tt_intent {
    uint64_t threshold; /* TT_THRESHOLD_NONE, or more: nothing */
    /* Whether the threshold says what share of all such spans is sampled. When it does not, none is
     * told, and chance decides where the threshold is neither nothing nor all. */
    bool reliable;
    /* Of spans that are sampled: the tracestate in place of the parent's, NULL: as it is; what it
     * has under "ot" does not count. Borrowed until the span has started. */
    const char *tracestate;
    size_t attrs_n; /* and further attributes, see tt_intent_add */
    tt_attr attrs[TT_INTENT_ATTRS_MAX];
} tt_intent;

/* Adds attributes, whose texts are borrowed until the span has started; those beyond the room there
 * is are left out. */
TT_API void tt_intent_add(tt_intent *intent, const tt_attr *attrs, size_t n);

typedef struct tt_composable tt_composable;

/* Each returns a new one, NULL when out of memory; given to another, to a rule or to a sampler it
 * is theirs, also when that fails. */
TT_API tt_composable *tt_composable_always_on(void);
TT_API tt_composable *tt_composable_always_off(void);

/* A share of the traces, 0 to 1. */
TT_API tt_composable *tt_composable_probability(double share);

/* With a parent: its threshold, or where it tells none, as it was sampled. Without: as `root`
 * says; NULL: all. */
TT_API tt_composable *tt_composable_parent_threshold(tt_composable *root);

/* As `sampler` says, and the spans get attributes, which are copied; at most
 * TT_INTENT_ATTRS_MAX. NULL without `sampler`. */
TT_API tt_composable *tt_composable_annotating(tt_composable *sampler, const tt_attr *attrs,
                                               size_t n);

enum { TT_PARENT_NONE = 1, TT_PARENT_REMOTE = 2, TT_PARENT_LOCAL = 4 };

/* A rule takes the spans that fit all of its conditions; zeros are none. Patterns: * is any text,
 * ? any character. A value that is no text is compared as it is written, of an array any item. All
 * texts and lists are copied. */
typedef struct tt_sampling_rule {
    size_t size;                 /* sizeof(tt_sampling_rule) */
    const char *name;            /* pattern of the span's name */
    unsigned kinds;              /* of 1u << TT_SPAN_SERVER and its like */
    unsigned parents;            /* of TT_PARENT_… */
    const char *values_key;      /* the attribute is there and one of `values` */
    const char *const *values;   /* */
    size_t values_n;             /* */
    const char *patterns_key;    /* the attribute is there, fits one of `included` (if there are */
    const char *const *included; /* any) and none of `excluded` */
    size_t included_n;           /* */
    const char *const *excluded; /* */
    size_t excluded_n;           /* */
    bool (*matches)(void *arg, const tt_sampling *sampling); /* a condition of the program's */
    void *arg;
    tt_composable *sampler; /* taken; NULL: nothing is sampled */
} tt_sampling_rule;

/* The first rule that takes the span says; without any, it is not sampled. The samplers of all
 * rules are taken, also when that fails. */
TT_API tt_composable *tt_composable_rules(const tt_sampling_rule *rules, size_t n);

/* `intend` fills what was {threshold: TT_THRESHOLD_NONE}, zeros else. `done` may be NULL. */
typedef void (*tt_composable_function)(void *arg, const tt_sampling *sampling, tt_intent *out);
TT_API tt_composable *tt_composable_custom(tt_composable_function intend, void *arg,
                                           void (*done)(void *arg));

/* What one says, for use by others of the program's. Of NULL: nothing. */
TT_API void tt_composable_intend(const tt_composable *c, const tt_sampling *sampling,
                                 tt_intent *out);

TT_API void tt_composable_free(tt_composable *c); /* NULL is fine */

/* The sampler. It compares the threshold with the randomness that the parent's tracestate tells
 * ("ot=rv:…"), or else the trace id's, and tells the threshold of what it samples. Takes `c`; NULL
 * when that is. */
TT_API tt_sampler *tt_sampler_composite(tt_composable *c);

/* Registers the sampler "composite/development" of configuration files (component.h): done by
 * itself when the shared library is loaded, and to be called before in a program that links the
 * archive. */
TT_API int tt_sampling_register(void);

TT_END

#endif
