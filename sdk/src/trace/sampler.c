#include "trace/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/str.h"
#include "core/clock.h"
#include "core/problem.h"
#include "telltale/component.h"
#include "trace/context.h"

static tt_sampler *new_kind(enum sampler_kind kind)
{
    tt_sampler *s = calloc(1, sizeof *s);
    if (s)
        s->kind = kind;
    else
        problem_add(TT_PROBLEM_MEMORY, 1);
    return s;
}

tt_sampler *tt_sampler_always_on(void)
{
    return new_kind(ALWAYS_ON);
}

tt_sampler *tt_sampler_always_off(void)
{
    return new_kind(ALWAYS_OFF);
}

/* The threshold in hexadecimal without zeros at its end: "ot=th:c" samples a quarter. */
static void format_threshold(char out[32], uint64_t threshold)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "ot=th:", 6);
    char *to = out + 6;
    for (int shift = THRESHOLD_BITS - 4; shift >= 0; shift -= 4)
        *to++ = hex[threshold >> shift & 15];
    while (to > out + 7 && to[-1] == '0')
        to--;
    *to = '\0';
}

tt_sampler *tt_sampler_ratio(double share)
{
    tt_sampler *s = new_kind(RATIO);
    if (!s)
        return NULL;
    if (!(share >= 0 && share <= 1)) {
        problem(TT_PROBLEM_MISUSE, "a sampler's share is between 0 and 1", NULL);
        share = share > 1 ? 1 : 0;
    }
    s->threshold = THRESHOLD_ALL - (uint64_t)(share * (double)THRESHOLD_ALL);
    format_threshold(s->state,
                     MIN(s->threshold, THRESHOLD_ALL - 1)); // not told where all is dropped
    return s;
}

tt_sampler *tt_sampler_rate(double per_second)
{
    tt_sampler *s = new_kind(per_second > 0 ? RATE : ALWAYS_OFF);
    if (s && per_second > 0)
        s->interval_ns = per_second > 1e-9 ? (int64_t)(1e9 / per_second) : INT64_MAX / 2;
    return s;
}

tt_sampler *tt_sampler_parent_based(tt_sampler *root, tt_sampler *remote_sampled,
                                    tt_sampler *remote_not, tt_sampler *local_sampled,
                                    tt_sampler *local_not)
{
    tt_sampler *s = new_kind(PARENT_BASED);
    tt_sampler *children[] = {root, remote_sampled, remote_not, local_sampled, local_not};
    if (s) {
        memcpy(s->children, children, sizeof children);
        return s;
    }
    for (int i = 0; i < CHILDREN; i++)
        tt_sampler_free(children[i]);
    return NULL;
}

tt_sampler *tt_sampler_always_record(tt_sampler *sampler)
{
    tt_sampler *s = sampler ? new_kind(ALWAYS_RECORD) : NULL;
    if (s)
        s->children[ROOT] = sampler;
    else
        tt_sampler_free(sampler);
    return s;
}

tt_sampler *tt_sampler_custom_owned(tt_sampler_function decide, void *arg, void (*done)(void *arg))
{
    tt_sampler *s = decide ? new_kind(CUSTOM) : NULL;
    if (s) {
        s->decide = decide;
        s->arg = arg;
        s->done = done;
    } else if (done) {
        done(arg);
    }
    return s;
}

tt_sampler *tt_sampler_custom(tt_sampler_function decide, void *arg)
{
    return tt_sampler_custom_owned(decide, arg, NULL);
}

void tt_sampler_free(tt_sampler *s)
{
    if (!s)
        return;
    for (int i = 0; i < CHILDREN; i++)
        tt_sampler_free(s->children[i]);
    if (s->done)
        s->done(s->arg);
    free(s);
}

/* What a library or the program has registered under the name; it reads its own variables. */
static tt_sampler *registered(const char *name)
{
    static const tt_value empty;
    tt_component c;
    tt_sampler *made = NULL;
    if (tt_component_find(TT_COMPONENT_SAMPLER, name, &c) != TT_OK)
        problem(TT_PROBLEM_MISUSE, "OTEL_TRACES_SAMPLER is none that is known", name);
    else if (c.make.sampler(c.arg, &empty, &made) != TT_OK)
        made = NULL; // it told why
    return made;
}

static double share_of_environment(void)
{
    const char *argument = getenv("OTEL_TRACES_SAMPLER_ARG");
    double share = 1;
    if (!argument || !*argument || num_parse_double(str_c(argument), &share) == 0)
        return share;
    problem(TT_PROBLEM_MISUSE, "OTEL_TRACES_SAMPLER_ARG is no number", argument);
    return 1;
}

tt_sampler *tt_sampler_from_environment(void)
{
    struct str name = str_c(getenv("OTEL_TRACES_SAMPLER"));
    tt_sampler *root = NULL;
    bool child_as_parent = str_starts(name, STR("parentbased_"));
    struct str kind = child_as_parent ? str_sub(name, 12, name.n) : name;
    if (str_eq(kind, STR("always_off")))
        root = tt_sampler_always_off();
    else if (str_eq(kind, STR("traceidratio")))
        root = tt_sampler_ratio(share_of_environment());
    else if (str_eq(kind, STR("always_on")))
        root = tt_sampler_always_on();
    else if (name.n)
        root = registered(kind.p);
    return root && !child_as_parent ? root : tt_sampler_parent_based(root, NULL, NULL, NULL, NULL);
}

/* --- deciding -------------------------------------------------------------------------------- */

/* The member of a tracestate that is OpenTelemetry's: "key:value" pairs. Empty when there is none.
 */
static struct str ot_member(struct str state)
{
    while (state.p && state.n) {
        struct str value = str_cut(&state, ','), key = str_cut(&value, '=');
        if (str_eq(key, STR("ot")))
            return value;
    }
    return (struct str){0};
}

/* The value of the pair that begins so. */
static struct str ot_value(struct str ot, struct str key)
{
    while (ot.p && ot.n) {
        struct str pair = str_cut(&ot, ';');
        if (str_starts(pair, key))
            return str_sub(pair, key.n, pair.n);
    }
    return (struct str){0};
}

/* 14 hexadecimal digits of randomness that somebody told, or the last 7 bytes of the trace id,
 * which are random (W3C trace context, level 2). */
static uint64_t randomness(const uint8_t *trace_id, struct str told)
{
    uint64_t r = 0;
    size_t i = 0;
    for (; told.n == 14 && i < 14; i++) {
        char c = told.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            break;
        r = r << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (i == 14)
        return r;
    r = 0;
    for (i = 9; i < 16; i++)
        r = r << 8 | trace_id[i];
    return r;
}

static void append(struct sampled *out, size_t *inout_n, struct str separator, struct str text)
{
    if (separator.n + text.n > TRACESTATE_MAX - *inout_n)
        return;
    char *to = out->state + *inout_n;
    memcpy(to, separator.p, separator.n);
    memcpy(to + separator.n, text.p, text.n);
    *inout_n += separator.n + text.n;
}

/* The parent's tracestate with the new threshold, or without one: what else stands in it stays, and
 * the member that changed comes first. */
static void replace_threshold(struct sampled *out, struct str state, struct str threshold)
{
    size_t n = 0;
    struct str ot = ot_member(state), separator = STR("ot=");
    if (threshold.n) {
        append(out, &n, separator, threshold);
        separator = STR(";");
    }
    while (ot.p && ot.n) {
        struct str pair = str_cut(&ot, ';');
        if (pair.n && !str_starts(pair, STR("th:"))) {
            append(out, &n, separator, pair);
            separator = STR(";");
        }
    }
    while (state.p && state.n) {
        struct str member = str_cut(&state, ',');
        if (!str_starts(member, STR("ot=")))
            append(out, &n, n ? STR(",") : STR(""), member);
    }
    out->state[n] = '\0';
    out->more.tracestate = out->state;
}

static bool take_share(const tt_sampler *s, const tt_sampling *sampling, struct sampled *out)
{
    struct str state = str_c(sampling->tracestate);
    struct str told = state.n ? ot_value(ot_member(state), STR("rv:")) : state;
    bool yes = randomness(sampling->trace_id, told) >= s->threshold;
    if (state.n)
        replace_threshold(out, state, yes ? str_c(s->state + 3) : (struct str){0});
    else if (yes)
        out->more.tracestate = s->state;
    return yes;
}

/* One a slot of `interval_ns`; unused slots do not add up beyond one. */
static bool take_slot(tt_sampler *s)
{
    int64_t now = clock_mono_ns(), next = atomic_get_relaxed(&s->next_ns);
    if (now < next)
        return false;
    return atomic_compare_exchange_strong(&s->next_ns, &next, now + s->interval_ns);
}

enum tt_decision sampler_decide(tt_sampler *s, const tt_sampling *sampling, struct sampled *out)
{
    enum tt_decision decision;
    if (sampler_quick(s, sampling->parent, &decision))
        return decision;
    while (s->kind == PARENT_BASED)
        s = sampler_child(s, sampling->parent);
    switch (s->kind) {
    case ALWAYS_RECORD:
        decision = sampler_decide(s->children[ROOT], sampling, out);
        return MAX(decision, TT_RECORD);
    case CUSTOM: return s->decide(s->arg, sampling, &out->more);
    case RATE: return take_slot(s) ? TT_RECORD_AND_SAMPLE : TT_DROP;
    default: return take_share(s, sampling, out) ? TT_RECORD_AND_SAMPLE : TT_DROP;
    }
}

enum tt_decision tt_sampler_ask(tt_sampler *s, const tt_sampling *sampling, tt_sampled *out)
{
    if (!sampling || !sampling->parent || !out)
        return TT_DROP;
    return sampler_decide(s, sampling, (struct sampled *)out); // of which it is the first member
}
