/* The composite sampler: one decision from what a composable one wants, and a tracestate that tells
 * the threshold by which it was made, as OpenTelemetry's probability sampling has it. */
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "base/word.h"
#include "sampling/composable.h"

enum { TRACESTATE_MAX = 512, OT_MAX = 256, DIGITS = 14 };

/* --- tracestate ------------------------------------------------------------------------------ */

struct str ot_member(struct str state)
{
    while (state.p && state.n) {
        struct str value = str_cut(&state, ','), key = str_trim(str_cut(&value, '='));
        if (str_eq(key, STR("ot")))
            return str_trim(value);
    }
    return (struct str){0};
}

struct str ot_value(struct str ot, struct str key)
{
    while (ot.p && ot.n) {
        struct str pair = str_cut(&ot, ';');
        if (str_starts(pair, key))
            return str_sub(pair, key.n, pair.n);
    }
    return (struct str){0};
}

/* A tracestate in the making. What does not fit is left out, whole. */
struct state {
    size_t n;
    char text[TRACESTATE_MAX + 1];
};

static void append(struct state *s, const char *separator, struct str text, size_t max)
{
    size_t n = strlen(separator);
    if (s->n + n + text.n > max)
        return;
    memcpy(s->text + s->n, separator, n);
    memcpy(s->text + s->n + n, text.p, text.n);
    s->n += n + text.n;
}

static void put_threshold(struct state *s, uint64_t threshold)
{
    static const char hex[] = "0123456789abcdef";
    char text[DIGITS];
    size_t n = DIGITS;
    for (size_t i = 0; i < DIGITS; i++)
        text[i] = hex[threshold >> 4 * (DIGITS - 1 - i) & 15];
    while (n > 1 && text[n - 1] == '0')
        n--;
    append(s, "ot=th:", str_of(text, n), TRACESTATE_MAX);
}

/* The member that is OpenTelemetry's: of the parent's, all but the threshold stays. */
static void put_ot(struct state *s, struct str ot, uint64_t threshold)
{
    if (threshold < TT_THRESHOLD_NONE)
        put_threshold(s, threshold);
    while (ot.p && ot.n) {
        struct str pair = str_cut(&ot, ';');
        if (pair.n && !str_starts(pair, STR("th:")))
            append(s, s->n ? ";" : "ot=", pair, OT_MAX + 3);
    }
}

/* `base`: the tracestate for all members but that one. `threshold`: NONE to tell none. */
static void put_state(struct state *s, struct str parents, struct str base, uint64_t threshold)
{
    s->n = 0;
    put_ot(s, ot_member(parents), threshold);
    while (base.p && base.n) {
        struct str member = str_trim(str_cut(&base, ',')), rest = member;
        if (member.n && !str_eq(str_trim(str_cut(&rest, '=')), STR("ot")))
            append(s, s->n ? "," : "", member, TRACESTATE_MAX);
    }
    s->text[s->n] = '\0';
}

/* --- deciding -------------------------------------------------------------------------------- */

/* 14 digits that were told, or the last 7 bytes of the trace id. */
static uint64_t randomness(const tt_sampling *sampling)
{
    struct str told = ot_value(ot_member(str_c(sampling->tracestate)), STR("rv:"));
    uint64_t r = 0;
    if (told.n == DIGITS && num_parse_hex(told, &r) == 0)
        return r;
    for (int i = 9; i < 16; i++)
        r = r << 8 | sampling->trace_id[i];
    return r;
}

/* Numbers that are not those of any trace, where what is wanted is not the same for a whole one. */
static uint64_t chance(const uint8_t *trace_id)
{
    static _Thread_local uint64_t state;
    uint64_t z = state += load64(trace_id) | 1;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) >> 8;
}

static bool takes(const tt_intent *intent, const tt_sampling *sampling)
{
    if (intent->threshold >= TT_THRESHOLD_NONE)
        return false;
    uint64_t r = intent->reliable ? randomness(sampling) : chance(sampling->trace_id);
    return r >= intent->threshold;
}

static enum tt_decision decide(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    // what is borrowed until the span has started
    static _Thread_local struct {
        struct state state;
        tt_attr attrs[TT_INTENT_ATTRS_MAX];
    } kept;
    tt_intent intent;
    tt_composable_intend(arg, sampling, &intent);
    bool yes = takes(&intent, sampling);
    struct str parents = str_c(sampling->tracestate);
    struct str base = yes && intent.tracestate ? str_c(intent.tracestate) : parents;
    put_state(&kept.state, parents, base,
              yes && intent.reliable ? intent.threshold : TT_THRESHOLD_NONE);
    out->tracestate = kept.state.text;
    if (!yes)
        return TT_DROP;
    out->attrs_n = MIN(intent.attrs_n, TT_INTENT_ATTRS_MAX);
    memcpy(kept.attrs, intent.attrs, out->attrs_n * sizeof *kept.attrs);
    out->attrs = kept.attrs;
    return TT_RECORD_AND_SAMPLE;
}

static void done(void *arg)
{
    tt_composable_free(arg);
}

tt_sampler *tt_sampler_composite(tt_composable *c)
{
    return c ? tt_sampler_custom_owned(decide, c, done) : NULL;
}
