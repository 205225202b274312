/* The formats: W3C trace context (level 2) and baggage, Zipkin's B3 in one header and in several,
 * Jaeger's. Reading is strict where the formats are, so that what one service would refuse is not
 * passed on by another. */
#include "telltale/propagation.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/problem.h"
#include "trace/context.h"
#include "trace/span.h"

enum { PARENT_BYTES = 55, HEADER_MAX = 1024, STATE_MEMBERS_MAX = 32 };

/* What is read, or written: the parts of a context. */
struct parts {
    tt_span_context span;
    char state[TRACESTATE_MAX + 1];
    size_t state_n;
    const tt_context *baggage_of; /* written */
    char baggage[BAGGAGE_BYTES_MAX];
    size_t baggage_n, pairs; /* read */
};

/* --- hexadecimal ----------------------------------------------------------------------------- */

/* Digit of either case, or -1. `upper`: whether A-F count. */
static int digit(char c, bool upper)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return upper && c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t *out, size_t n, bool upper)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit(text[2 * i], upper), low = high < 0 ? -1 : digit(text[2 * i + 1], upper);
        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static char *write_hex(char *to, const uint8_t *bytes, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *to++ = hex[bytes[i] >> 4];
        *to++ = hex[bytes[i] & 15];
    }
    return to;
}

/* An id that may be written without its leading zeros, as many digits as `n` bytes have at most. */
static bool read_short_hex(struct str text, uint8_t *out, size_t n)
{
    char padded[32];
    if (text.n == 0 || text.n > 2 * n)
        return false;
    memset(padded, '0', 2 * n);
    memcpy(padded + 2 * n - text.n, text.p, text.n);
    return read_hex(padded, out, n, true);
}

/* --- W3C trace context ----------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* version-traceid-spanid-flags; versions to come may have more behind another dash. */
static bool read_traceparent(const char *text, tt_span_context *out)
{
    uint8_t version, flags;
    tt_span_context c = {.remote = true};
    while (is_blank(*text)) // not every HTTP server takes away what surrounds a value
        text++;
    size_t n = strnlen(text, HEADER_MAX);
    while (n && is_blank(text[n - 1]))
        n--;
    if (n < PARENT_BYTES || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !read_hex(text, &version, 1, false) || !read_hex(text + 3, c.trace_id, 16, false) ||
        !read_hex(text + 36, c.span_id, 8, false) || !read_hex(text + 53, &flags, 1, false))
        return false;
    if (version == 0xff || (n > PARENT_BYTES && (version == 0 || text[PARENT_BYTES] != '-')))
        return false;
    c.flags = flags & (TT_FLAG_SAMPLED | TT_FLAG_RANDOM);
    *out = c;
    return tt_span_context_is_valid(&c);
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*' ||
           c == '/' || c == '@';
}

static bool state_key_is_valid(struct str key)
{
    if (key.n == 0 || key.n > 256 ||
        !((key.p[0] >= 'a' && key.p[0] <= 'z') || (key.p[0] >= '0' && key.p[0] <= '9')))
        return false;
    for (size_t i = 0; i < key.n; i++) {
        if (!is_key_char(key.p[i]))
            return false;
    }
    return true;
}

static bool state_value_is_valid(struct str value)
{
    if (value.n == 0 || value.n > 256 || value.p[value.n - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == ',' || value.p[i] == '=')
            return false;
    }
    return true;
}

static bool has_member(const char *state, size_t n, struct str key)
{
    struct str rest = str_of(state, n);
    while (rest.p && n) {
        struct str member = str_cut(&rest, ',');
        if (str_eq(str_cut(&member, '='), key))
            return true;
    }
    return false;
}

/* Members without what may stand around them; one that is malformed spoils all. Those that do not
 * fit into 512 bytes are left out. */
static void read_tracestate(const char *text, struct parts *p)
{
    struct str rest = str_of(text, strnlen(text, 16 * TRACESTATE_MAX));
    size_t n = 0, members = 0;
    while (rest.p) {
        struct str member = str_trim(str_cut(&rest, ','));
        if (member.n == 0)
            continue;
        struct str value = member, key = str_cut(&value, '=');
        if (!state_key_is_valid(key) || !value.p || !state_value_is_valid(value) ||
            has_member(p->state, n, key) || ++members > STATE_MEMBERS_MAX)
            return;
        if (n + (n > 0) + member.n > TRACESTATE_MAX)
            continue;
        if (n)
            p->state[n++] = ',';
        memcpy(p->state + n, member.p, member.n);
        n += member.n;
    }
    p->state_n = n;
}

static void write_w3c(const struct parts *p, tt_set_header set, void *carrier)
{
    char text[PARENT_BYTES + 1];
    memcpy(text, "00-", 3);
    char *to = write_hex(text + 3, p->span.trace_id, 16);
    *to++ = '-';
    to = write_hex(to, p->span.span_id, 8);
    *to++ = '-';
    *write_hex(to, &p->span.flags, 1) = '\0';
    set(carrier, "traceparent", text);
    if (p->state_n)
        set(carrier, "tracestate", p->state);
}

static bool read_w3c(struct parts *p, tt_get_header get, void *carrier)
{
    const char *parent = get(carrier, "traceparent");
    if (!parent || !read_traceparent(parent, &p->span))
        return false;
    const char *state = get(carrier, "tracestate");
    if (state)
        read_tracestate(state, p);
    return true;
}

/* --- B3 -------------------------------------------------------------------------------------- */

static void write_b3(const struct parts *p, tt_set_header set, void *carrier)
{
    char text[64];
    char *to = write_hex(text, p->span.trace_id, 16);
    *to++ = '-';
    to = write_hex(to, p->span.span_id, 8);
    *to++ = '-';
    *to++ = p->span.flags & TT_FLAG_SAMPLED ? '1' : '0';
    *to = '\0';
    set(carrier, "b3", text);
}

static void write_b3_multi(const struct parts *p, tt_set_header set, void *carrier)
{
    char trace[33], span[17];
    tt_trace_id_format(&p->span, trace);
    tt_span_id_format(&p->span, span);
    set(carrier, "X-B3-TraceId", trace);
    set(carrier, "X-B3-SpanId", span);
    set(carrier, "X-B3-Sampled", p->span.flags & TT_FLAG_SAMPLED ? "1" : "0");
}

/* Trace ids have 32 digits, or the 16 of older clients. */
static bool read_b3_ids(struct str trace, struct str span, tt_span_context *c)
{
    return (trace.n == 32 || trace.n == 16) && span.n == 16 &&
           read_short_hex(trace, c->trace_id, 16) && read_short_hex(span, c->span_id, 8) &&
           tt_span_context_is_valid(c);
}

static bool is_sampled(struct str text)
{
    return str_eq(text, STR("1")) || str_eq(text, STR("d")) || str_eq_nocase(text, STR("true"));
}

static bool read_b3(struct parts *p, tt_get_header get, void *carrier)
{
    const char *text = get(carrier, "b3");
    if (!text)
        return false;
    struct str rest = str_of(text, strnlen(text, HEADER_MAX));
    struct str trace = str_cut(&rest, '-'), span = str_cut(&rest, '-');
    tt_span_context c = {.remote = true};
    if (!read_b3_ids(trace, span, &c))
        return false;
    c.flags = is_sampled(str_cut(&rest, '-')) ? TT_FLAG_SAMPLED : 0;
    p->span = c;
    return true;
}

static bool read_b3_multi(struct parts *p, tt_get_header get, void *carrier)
{
    char trace[33] = "", span[17] = "";
    const char *text = get(carrier, "X-B3-TraceId");
    if (!text || strnlen(text, 33) > 32)
        return false;
    memcpy(trace, text, strlen(text) + 1);
    text = get(carrier, "X-B3-SpanId");
    if (!text || strnlen(text, 17) > 16)
        return false;
    memcpy(span, text, strlen(text) + 1);
    tt_span_context c = {.remote = true};
    if (!read_b3_ids(str_c(trace), str_c(span), &c))
        return false;
    text = get(carrier, "X-B3-Sampled");
    bool sampled = text && is_sampled(str_c(text));
    text = get(carrier, "X-B3-Flags");
    c.flags = sampled || (text && strcmp(text, "1") == 0) ? TT_FLAG_SAMPLED : 0;
    p->span = c;
    return true;
}

/* --- Jaeger ---------------------------------------------------------------------------------- */

static void write_jaeger(const struct parts *p, tt_set_header set, void *carrier)
{
    char text[64];
    char *to = write_hex(text, p->span.trace_id, 16);
    *to++ = ':';
    to = write_hex(to, p->span.span_id, 8);
    memcpy(to, p->span.flags & TT_FLAG_SAMPLED ? ":0:1" : ":0:0", 5);
    set(carrier, "uber-trace-id", text);
}

static bool read_jaeger(struct parts *p, tt_get_header get, void *carrier)
{
    const char *text = get(carrier, "uber-trace-id");
    if (!text)
        return false;
    struct str rest = str_of(text, strnlen(text, HEADER_MAX));
    struct str trace = str_cut(&rest, ':'), span = str_cut(&rest, ':');
    (void)str_cut(&rest, ':'); // the parent's id, which nobody uses any more
    uint8_t flags;
    tt_span_context c = {.remote = true};
    if (!read_short_hex(trace, c.trace_id, 16) || !read_short_hex(span, c.span_id, 8) ||
        !read_short_hex(rest, &flags, 1) || !tt_span_context_is_valid(&c))
        return false;
    c.flags = flags & TT_FLAG_SAMPLED;
    p->span = c;
    return true;
}

/* --- baggage --------------------------------------------------------------------------------- */

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\' && c != '%';
}

/* Percent-encoded; NULL when it does not fit. */
static char *write_value(char *to, const char *end, const char *value)
{
    for (; *value; value++) {
        uint8_t c = (uint8_t)*value;
        if (end - to < 4)
            return NULL;
        if (is_plain(c)) {
            *to++ = *value;
        } else {
            *to++ = '%';
            to = write_hex(to, &c, 1);
            to[-2] = (char)(to[-2] >= 'a' ? to[-2] - 0x20 : to[-2]);
            to[-1] = (char)(to[-1] >= 'a' ? to[-1] - 0x20 : to[-1]);
        }
    }
    return to;
}

/* One entry behind the others; NULL when it does not fit. */
static char *write_entry(char *to, const char *end, bool first, const char *name, const char *value,
                         const char *metadata)
{
    size_t name_n = strlen(name), metadata_n = strlen(metadata);
    if ((size_t)(end - to) < name_n + 4)
        return NULL;
    if (!first)
        *to++ = ',';
    memcpy(to, name, name_n);
    to += name_n;
    *to++ = '=';
    to = write_value(to, end, value);
    if (!to || (size_t)(end - to) < metadata_n + 2)
        return NULL;
    if (metadata_n)
        *to++ = ';';
    memcpy(to, metadata, metadata_n);
    return to + metadata_n;
}

static void write_baggage(const struct parts *p, tt_set_header set, void *carrier)
{
    char text[BAGGAGE_BYTES_MAX + 8];
    char *to = text;
    const char *name, *value, *metadata, *end = text + BAGGAGE_BYTES_MAX;
    for (size_t i = 0; tt_baggage_at(p->baggage_of, i, &name, &value, &metadata); i++) {
        char *next = write_entry(to, end, to == text, name, value, metadata);
        if (next)
            to = next;
        else
            problem(TT_PROBLEM_LIMIT, "more baggage than a header may have", name);
    }
    *to = '\0';
    if (to > text)
        set(carrier, "baggage", text);
}

static bool keep(struct parts *p, struct str text)
{
    if (text.n + 1 > sizeof p->baggage - p->baggage_n)
        return false;
    if (text.n)
        memcpy(p->baggage + p->baggage_n, text.p, text.n);
    p->baggage_n += text.n;
    p->baggage[p->baggage_n++] = '\0';
    return true;
}

/* In place of the bytes that were kept last; an invalid escape stays as it is. */
static void decode_value(struct parts *p, size_t from)
{
    size_t to = from, end = p->baggage_n - 1;
    for (size_t i = from; i < end; i++) {
        uint8_t byte;
        bool escape = p->baggage[i] == '%' && i + 2 < end &&
                      read_hex(p->baggage + i + 1, &byte, 1, true) && byte != 0;
        p->baggage[to++] = escape ? (char)byte : p->baggage[i];
        i += escape ? 2 : 0;
    }
    p->baggage[to++] = '\0';
    p->baggage_n = to;
}

static bool has_name(const struct parts *p, struct str name)
{
    const char *at = p->baggage;
    for (size_t i = 0; i < 3 * p->pairs; i++, at += strlen(at) + 1) {
        if (i % 3 == 0 && str_eq(str_c(at), name))
            return true;
    }
    return false;
}

static void read_baggage(struct parts *p, tt_get_header get, void *carrier)
{
    const char *text = get(carrier, "baggage");
    struct str rest = str_of(text, text ? strnlen(text, 2 * BAGGAGE_BYTES_MAX) : 0);
    while (rest.p && p->pairs < BAGGAGE_MAX) {
        struct str metadata = str_trim(str_cut(&rest, ','));
        struct str value = str_trim(str_cut(&metadata, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        size_t before = p->baggage_n;
        if (!value.p || !baggage_is_name(name.p, name.n) || has_name(p, name))
            continue;
        bool fits = keep(p, name);
        size_t from = p->baggage_n;
        fits = fits && keep(p, str_trim(value));
        if (fits)
            decode_value(p, from);
        if (!fits || !keep(p, str_trim(metadata))) {
            p->baggage_n = before;
            return;
        }
        p->pairs++;
    }
}

/* --- all of them ----------------------------------------------------------------------------- */

static void read_current(struct parts *p)
{
    const tt_context *base = current_context.context;
    p->baggage_of = base;
    if (!span_context_read(current_context.span, &p->span, p->state, &p->state_n) && base) {
        p->span = base->span;
        p->state_n = base->state_n;
        memcpy(p->state, base->text, base->state_n);
    }
}

void tt_inject(unsigned propagators, const tt_context *c, tt_set_header set, void *carrier)
{
    struct parts p;
    memset(&p.span, 0, sizeof p.span);
    p.state_n = 0;
    p.baggage_of = c;
    if (c) {
        p.span = c->span;
        p.state_n = c->state_n;
        memcpy(p.state, c->text, c->state_n);
    } else {
        read_current(&p);
    }
    p.state[p.state_n] = '\0';
    bool valid = tt_span_context_is_valid(&p.span);
    if (valid && propagators & TT_W3C)
        write_w3c(&p, set, carrier);
    if (valid && propagators & TT_B3)
        write_b3(&p, set, carrier);
    if (valid && propagators & TT_B3_MULTI)
        write_b3_multi(&p, set, carrier);
    if (valid && propagators & TT_JAEGER)
        write_jaeger(&p, set, carrier);
    if (propagators & TT_BAGGAGE && p.baggage_of && p.baggage_of->baggage_n)
        write_baggage(&p, set, carrier);
}

tt_context *tt_extract(unsigned propagators, tt_get_header get, void *carrier)
{
    struct parts p;
    memset(&p.span, 0, sizeof p.span);
    p.state_n = p.baggage_n = p.pairs = 0;
    bool found = propagators & TT_W3C && read_w3c(&p, get, carrier);
    found = found || (propagators & TT_B3 && read_b3(&p, get, carrier));
    found = found || (propagators & TT_B3_MULTI && read_b3_multi(&p, get, carrier));
    found = found || (propagators & TT_JAEGER && read_jaeger(&p, get, carrier));
    if (!found)
        memset(&p.span, 0, sizeof p.span);
    if (propagators & TT_BAGGAGE)
        read_baggage(&p, get, carrier);
    return context_new(&p.span, p.state, p.state_n, p.baggage, p.baggage_n, p.pairs);
}

/* --- the environment ------------------------------------------------------------------------- */

unsigned tt_propagators_from_environment(void)
{
    static const struct {
        const char *name;
        unsigned propagator;
    } known[] = {{"tracecontext", TT_W3C}, {"baggage", TT_BAGGAGE}, {"b3", TT_B3},
                 {"b3multi", TT_B3_MULTI}, {"jaeger", TT_JAEGER},   {"none", 0}};
    const char *given = getenv("OTEL_PROPAGATORS");
    if (!given || !*given)
        return TT_W3C | TT_BAGGAGE;
    unsigned chosen = 0;
    struct str rest = str_c(given);
    while (rest.p) {
        struct str name = str_trim(str_cut(&rest, ','));
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !str_eq(name, str_c(known[i].name)))
            i++;
        if (i < ARRAY_LEN(known))
            chosen |= known[i].propagator;
        else
            problem(TT_PROBLEM_MISUSE, "OTEL_PROPAGATORS names an unknown one", given);
    }
    return chosen;
}

static const struct {
    const char *header, *variable;
} variables[] = {
    {"traceparent", "TRACEPARENT"}, {"tracestate", "TRACESTATE"}, {"baggage", "BAGGAGE"}};

static const char *get_variable(void *carrier, const char *name)
{
    (void)carrier;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (strcmp(name, variables[i].header) != 0)
            continue;
        const char *value = getenv(variables[i].variable);
        return value || i > 0 ? value : getenv("TRACE_CONTEXT");
    }
    return NULL;
}

static void set_variable(void *carrier, const char *name, const char *value)
{
    (void)carrier;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        if (strcmp(name, variables[i].header) == 0 && setenv(variables[i].variable, value, 1) != 0)
            problem_add(TT_PROBLEM_MEMORY, 1);
    }
}

tt_context *tt_extract_environment(void)
{
    return tt_extract(TT_W3C | TT_BAGGAGE, get_variable, NULL);
}

void tt_inject_environment(const tt_context *c)
{
    for (size_t i = 0; i < ARRAY_LEN(variables); i++)
        (void)unsetenv(variables[i].variable); // fails for malformed names only
    tt_inject(TT_W3C | TT_BAGGAGE, c, set_variable, NULL);
}
