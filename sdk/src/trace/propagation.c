/* W3C trace context (level 2), and which formats are asked for. Reading is strict where the formats
 * are, so that what one service would refuse is not passed on by another. */
#include "telltale/propagation.h"

#include <string.h>

#include "base/compiler.h"
#include "trace/context.h"
#include "trace/formats.h"
#include "trace/hex.h"
#include "trace/span.h"

enum { PARENT_BYTES = 55 };

/* --- W3C trace context ----------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One of two hexadecimal digits is a capital letter. */
static bool has_upper_case(const char *text)
{
    return (text[0] >= 'A' && text[0] <= 'F') || (text[1] >= 'A' && text[1] <= 'F');
}

/* version-traceid-spanid-flags; versions to come may have more behind another dash. */
static bool read_traceparent(const char *text, tt_span_context *out)
{
    uint8_t version, flags;
    while (is_blank(*text)) // not every HTTP server takes away what surrounds a value
        text++;
    size_t n = strnlen(text, HEADER_MAX);
    while (n && is_blank(text[n - 1]))
        n--;
    *out = (tt_span_context){.remote = true};
    if (n < PARENT_BYTES || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !hex_read_ids(text + 3, text + 36, out->trace_id, out->span_id) ||
        !hex_read_byte(text, &version) || !hex_read_byte(text + 53, &flags) ||
        has_upper_case(text) || has_upper_case(text + 53))
        return false;
    if (version == 0xff || (n > PARENT_BYTES && (version == 0 || text[PARENT_BYTES] != '-')))
        return false;
    out->flags = flags & FLAGS_OF_W3C;
    return span_context_is_valid(out);
}

static void write_w3c(const struct parts *p)
{
    char text[PARENT_BYTES + 1];
    memcpy(text, "00-", 3);
    char *to = hex_write16(text + 3, p->span->trace_id);
    *to++ = '-';
    to = hex_write8(to, p->span->span_id);
    *to++ = '-';
    *hex_write_byte(to, p->span->flags & FLAGS_OF_W3C) = '\0';
    p->set(p->carrier, "traceparent", text);
    if (*p->state)
        p->set(p->carrier, "tracestate", p->state);
}

static bool read_w3c(struct found *f, const tt_carrier *c)
{
    const char *parent = c->get(c->arg, "traceparent");
    if (!parent || !read_traceparent(parent, &f->span))
        return false;
    const char *state = c->get(c->arg, "tracestate");
    if (state)
        tracestate_read(state, f);
    return true;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* A thread's current context has a span that may change: its parts are copied. */
static NO_INLINE void inject_current(unsigned propagators, tt_set_header set, void *carrier)
{
    const tt_context *base = current_context.context;
    tt_span_context span = {0};
    char state[TRACESTATE_MAX + 1];
    size_t n = 0;
    bool own = span_context_read(current_context.span, &span, state, &n);
    state[n] = '\0';
    struct parts p = {.span = own || !base ? &span : &base->span,
                      .state = own || !base ? state : base->text,
                      .context = base,
                      .set = set,
                      .carrier = carrier};
    bool valid = span_context_is_valid(p.span);
    if (valid && propagators & TT_W3C)
        write_w3c(&p);
    formats_write(propagators & ~(unsigned)TT_W3C, &p, valid);
}

void tt_inject(unsigned propagators, const tt_context *c, tt_set_header set, void *carrier)
{
    if (!c) {
        inject_current(propagators, set, carrier);
        return;
    }
    struct parts p = {
        .span = &c->span, .state = c->text, .context = c, .set = set, .carrier = carrier};
    bool valid = span_context_is_valid(p.span);
    if (LIKELY(valid && propagators & TT_W3C))
        write_w3c(&p);
    if (UNLIKELY(propagators & ~(unsigned)TT_W3C))
        formats_write(propagators & ~(unsigned)TT_W3C, &p, valid);
}

tt_context *tt_extract_from(unsigned propagators, const tt_carrier *c)
{
    struct found f;
    memset(&f.span, 0, sizeof f.span);
    f.state_n = f.baggage_n = f.pairs = 0;
    f.correlation[0] = '\0';
    bool found = propagators & TT_W3C && read_w3c(&f, c);
    if (UNLIKELY(propagators & ~(unsigned)TT_W3C)) {
        found = found || formats_read_span(propagators, &f, c);
        formats_read_rest(propagators, &f, c);
    }
    if (!found)
        memset(&f.span, 0, sizeof f.span);
    tt_context *made =
        context_new(&f.span, f.state, found ? f.state_n : 0, f.baggage, f.baggage_n, f.pairs);
    if (LIKELY(!f.correlation[0]) || !made)
        return made;
    tt_context *with = tt_context_with_correlation_id(made, f.correlation);
    tt_context_free(made);
    return with;
}

tt_context *tt_extract(unsigned propagators, tt_get_header get, void *carrier)
{
    tt_carrier c = {.get = get, .arg = carrier};
    return tt_extract_from(propagators, &c);
}
