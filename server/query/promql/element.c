#include "query/promql/element.h"

#include "query/promql/hist.h"
#include "query/promql/open.h"

bool element_changes_metric(enum token op)
{
    return op >= TOKEN_ADD && op <= TOKEN_ATAN2;
}

static enum element_outcome incompatible(const struct element_operator *o, struct element a,
                                         struct element b)
{
    const char *x = a.h ? "histogram" : "float", *y = b.h ? "histogram" : "float";
    struct str op = token_text(o->op);
    annotate_info(o->notes, o->span,
                  "incompatible sample types encountered for binary operator \"%.*s\": %s %.*s %s",
                  STR_ARG(op), x, STR_ARG(op), y);
    return ELEMENT_NONE;
}

static enum element_outcome of_floats(const struct element_operator *o, struct element a,
                                      struct element b, struct element *out)
{
    if (o->op == TOKEN_TRIM_UPPER || o->op == TOKEN_TRIM_LOWER)
        return incompatible(o, a, b);
    double v = scalar_operation(o->op, a.v, b.v);
    if (!token_is_comparison(o->op)) {
        *out = (struct element){.v = v};
        return ELEMENT_KEEP;
    }
    *out = a;
    return v != 0 ? ELEMENT_KEEP : ELEMENT_DROP;
}

static enum element_outcome result(const struct histogram *h, struct element *out)
{
    *out = (struct element){.h = h};
    return h ? ELEMENT_KEEP : ELEMENT_NOMEM;
}

static const struct histogram *compacted(const struct element_operator *o,
                                         const struct histogram *h)
{
    return h ? hist_compact(o->arena, h) : NULL;
}

static enum element_outcome histogram_and_float(const struct element_operator *o, struct element a,
                                                struct element b, struct element *out)
{
    switch (o->op) {
    case TOKEN_MUL: return result(compacted(o, hist_mul(o->arena, a.h, b.v)), out);
    case TOKEN_DIV: return result(compacted(o, hist_div(o->arena, a.h, b.v)), out);
    case TOKEN_TRIM_UPPER: return result(hist_trim(o->arena, a.h, b.v, true), out);
    case TOKEN_TRIM_LOWER: return result(hist_trim(o->arena, a.h, b.v, false), out);
    default: return incompatible(o, a, b);
    }
}

static enum element_outcome sum_of_histograms(const struct element_operator *o, struct element a,
                                              struct element b, struct element *out)
{
    bool add = o->op == TOKEN_ADD;
    const char *what = add ? "addition" : "subtraction";
    unsigned flags = 0;
    const struct histogram *h =
        add ? hist_add(o->arena, a.h, b.h, &flags) : hist_sub(o->arena, a.h, b.h, &flags);
    if (flags & HIST_INCOMPATIBLE) {
        annotate_warning(o->notes, o->span,
                         "incompatible bucket layout encountered for binary operator %.*s",
                         STR_ARG(token_text(o->op)));
        return ELEMENT_NONE;
    }
    if (flags & HIST_RESET_COLLISION)
        warn_reset_collision(o->notes, o->span, what);
    if (flags & HIST_BOUNDS_RECONCILED)
        info_bounds_reconciled(o->notes, o->span, what);
    if (h && !add)
        h = hist_with_reset(o->arena, h, HISTOGRAM_RESET_GAUGE);
    return result(h, out);
}

static enum element_outcome of_histograms(const struct element_operator *o, struct element a,
                                          struct element b, struct element *out)
{
    switch (o->op) {
    case TOKEN_ADD:
    case TOKEN_SUB: return sum_of_histograms(o, a, b, out);
    case TOKEN_EQUAL_EQUAL:
    case TOKEN_NOT_EQUAL:
        *out = a;
        return hist_equals(a.h, b.h) == (o->op == TOKEN_EQUAL_EQUAL) ? ELEMENT_KEEP : ELEMENT_DROP;
    default: return incompatible(o, a, b);
    }
}

enum element_outcome element_apply(const struct element_operator *o, struct element a,
                                   struct element b, struct element *out)
{
    if (a.h && b.h)
        return of_histograms(o, a, b, out);
    if (a.h)
        return histogram_and_float(o, a, b, out);
    if (!b.h)
        return of_floats(o, a, b, out);
    if (o->op == TOKEN_MUL)
        return result(compacted(o, hist_mul(o->arena, b.h, a.v)), out);
    return incompatible(o, a, b);
}
