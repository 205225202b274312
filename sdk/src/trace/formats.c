/* The formats beside W3C's trace context: B3 in one header and in several, Jaeger's, OpenTracing's,
 * baggage, correlation ids; and the environment as a carrier. */
#include "trace/formats.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/problem.h"
#include "trace/hex.h"

enum { STATE_MEMBERS_MAX = 32, KEYS_MAX = 1000 /* headers that are looked at */ };

/* An id that may be written without its leading zeros, and in capital letters. */
static bool read_short_hex(struct str text, uint8_t *out, size_t n)
{
    char padded[32];
    if (text.n == 0 || text.n > 2 * n)
        return false;
    memset(padded, '0', 2 * n);
    memcpy(padded + 2 * n - text.n, text.p, text.n);
    for (size_t i = 0; i < n; i++) {
        if (!hex_read_byte(padded + 2 * i, out + i))
            return false;
    }
    return true;
}

/* --- tracestate ------------------------------------------------------------------------------ */

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
void tracestate_read(const char *text, struct found *p)
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

/* Both ids in hexadecimal, with a sign between them. */
static char *write_ids(char *to, const tt_span_context *span, char between)
{
    to = hex_write16(to, span->trace_id);
    *to++ = between;
    return hex_write8(to, span->span_id);
}

/* --- B3 -------------------------------------------------------------------------------------- */

static char b3_decision(uint8_t flags)
{
    return flags & TT_FLAG_DEBUG ? 'd' : flags & TT_FLAG_SAMPLED ? '1' : '0';
}

static void write_b3(const struct parts *p)
{
    char text[64];
    char *to = write_ids(text, p->span, '-');
    *to++ = '-';
    *to++ = b3_decision(p->span->flags);
    *to = '\0';
    p->set(p->carrier, "b3", text);
}

static void write_b3_multi(const struct parts *p)
{
    char trace[33], span[17];
    tt_trace_id_format(p->span, trace);
    tt_span_id_format(p->span, span);
    p->set(p->carrier, "X-B3-TraceId", trace);
    p->set(p->carrier, "X-B3-SpanId", span);
    char decision[] = {b3_decision(p->span->flags), '\0'};
    if (*decision == 'd')
        p->set(p->carrier, "X-B3-Flags", "1"); // which says that it is sampled
    else
        p->set(p->carrier, "X-B3-Sampled", decision);
}

/* Trace ids have 32 digits, or the 16 of older clients. */
static bool read_b3_ids(struct str trace, struct str span, tt_span_context *c)
{
    return (trace.n == 32 || trace.n == 16) && span.n == 16 &&
           read_short_hex(trace, c->trace_id, 16) && read_short_hex(span, c->span_id, 8) &&
           tt_span_context_is_valid(c);
}

static uint8_t read_b3_decision(struct str text)
{
    if (str_eq(text, STR("d")))
        return TT_FLAG_DEBUG | TT_FLAG_SAMPLED;
    return str_eq(text, STR("1")) || str_eq_nocase(text, STR("true")) ? TT_FLAG_SAMPLED : 0;
}

static bool read_b3(struct found *p, const tt_carrier *h)
{
    const char *text = h->get(h->arg, "b3");
    if (!text)
        return false;
    struct str rest = str_of(text, strnlen(text, HEADER_MAX));
    struct str trace = str_cut(&rest, '-'), span = str_cut(&rest, '-');
    tt_span_context c = {.remote = true};
    if (!read_b3_ids(trace, span, &c))
        return false;
    c.flags = read_b3_decision(str_cut(&rest, '-'));
    p->span = c;
    return true;
}

static bool read_b3_multi(struct found *p, const tt_carrier *h)
{
    char trace[33] = "", span[17] = "";
    const char *text = h->get(h->arg, "X-B3-TraceId");
    if (!text || strnlen(text, 33) > 32)
        return false;
    memcpy(trace, text, strlen(text) + 1);
    text = h->get(h->arg, "X-B3-SpanId");
    if (!text || strnlen(text, 17) > 16)
        return false;
    memcpy(span, text, strlen(text) + 1);
    tt_span_context c = {.remote = true};
    if (!read_b3_ids(str_c(trace), str_c(span), &c))
        return false;
    text = h->get(h->arg, "X-B3-Sampled");
    c.flags = read_b3_decision(str_c(text));
    text = h->get(h->arg, "X-B3-Flags");
    if (text && strcmp(text, "1") == 0)
        c.flags = TT_FLAG_DEBUG | TT_FLAG_SAMPLED;
    p->span = c;
    return true;
}

/* --- Jaeger ---------------------------------------------------------------------------------- */

enum { JAEGER_SAMPLED = 1, JAEGER_DEBUG = 2 }; // the second comes with the first

static void write_jaeger(const struct parts *p)
{
    char text[64];
    char *to = write_ids(text, p->span, ':');
    uint8_t flags = p->span->flags;
    memcpy(to, flags & TT_FLAG_DEBUG ? ":0:3" : flags & TT_FLAG_SAMPLED ? ":0:1" : ":0:0", 5);
    p->set(p->carrier, "uber-trace-id", text);
}

static bool read_jaeger(struct found *p, const tt_carrier *h)
{
    const char *text = h->get(h->arg, "uber-trace-id");
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
    if (flags & JAEGER_DEBUG)
        c.flags = TT_FLAG_DEBUG | TT_FLAG_SAMPLED;
    else
        c.flags = flags & JAEGER_SAMPLED ? TT_FLAG_SAMPLED : 0;
    p->span = c;
    return true;
}

/* --- OpenTracing ----------------------------------------------------------------------------- */

/* Its trace ids have 64 bits: the last of ours. */
static void write_ot(const struct parts *p)
{
    char trace[17], span[17];
    *hex_write8(trace, p->span->trace_id + 8) = '\0';
    *hex_write8(span, p->span->span_id) = '\0';
    p->set(p->carrier, "ot-tracer-traceid", trace);
    p->set(p->carrier, "ot-tracer-spanid", span);
    p->set(p->carrier, "ot-tracer-sampled", p->span->flags & TT_FLAG_SAMPLED ? "true" : "false");
}

static struct str header(const tt_carrier *h, const char *name)
{
    const char *text = h->get(h->arg, name);
    return str_of(text, text ? strnlen(text, HEADER_MAX) : 0);
}

static bool read_ot(struct found *p, const tt_carrier *h)
{
    tt_span_context c = {.remote = true};
    if (!read_short_hex(header(h, "ot-tracer-traceid"), c.trace_id, 16) ||
        !read_short_hex(header(h, "ot-tracer-spanid"), c.span_id, 8) || !span_context_is_valid(&c))
        return false;
    c.flags = read_b3_decision(header(h, "ot-tracer-sampled")) & TT_FLAG_SAMPLED;
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
    static const char upper[] = "0123456789ABCDEF";
    for (; *value; value++) {
        uint8_t c = (uint8_t)*value;
        if (end - to < 4)
            return NULL;
        if (is_plain(c)) {
            *to++ = *value;
        } else {
            *to++ = '%';
            *to++ = upper[c >> 4];
            *to++ = upper[c & 15];
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

static void write_baggage(const struct parts *p)
{
    char text[BAGGAGE_BYTES_MAX + 8];
    char *to = text;
    const char *name, *value, *metadata, *end = text + BAGGAGE_BYTES_MAX;
    for (size_t i = 0; tt_baggage_at(p->context, i, &name, &value, &metadata); i++) {
        char *next = write_entry(to, end, to == text, name, value, metadata);
        if (next)
            to = next;
        else
            problem(TT_PROBLEM_LIMIT, "more baggage than a header may have", name);
    }
    *to = '\0';
    if (to > text)
        p->set(p->carrier, "baggage", text);
}

static bool keep(struct found *p, struct str text)
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
static void decode_value(struct found *p, size_t from)
{
    size_t to = from, end = p->baggage_n - 1;
    for (size_t i = from; i < end; i++) {
        uint8_t byte;
        bool escape = p->baggage[i] == '%' && i + 2 < end &&
                      hex_read_byte(p->baggage + i + 1, &byte) && byte != 0;
        p->baggage[to++] = escape ? (char)byte : p->baggage[i];
        i += escape ? 2 : 0;
    }
    p->baggage[to++] = '\0';
    p->baggage_n = to;
}

static bool has_name(const struct found *p, struct str name)
{
    const char *at = p->baggage;
    for (size_t i = 0; i < 3 * p->pairs; i++, at += strlen(at) + 1) {
        if (i % 3 == 0 && str_eq(str_c(at), name))
            return true;
    }
    return false;
}

/* False when there is no room left. */
static bool keep_entry(struct found *p, struct str name, struct str value, struct str metadata)
{
    size_t before = p->baggage_n;
    if (!baggage_is_name(name.p, name.n) || !baggage_is_metadata(metadata.p, metadata.n) ||
        has_name(p, name))
        return true;
    bool fits = p->pairs < BAGGAGE_MAX && keep(p, name);
    size_t from = p->baggage_n;
    fits = fits && keep(p, value);
    if (fits)
        decode_value(p, from);
    if (!fits || !keep(p, metadata)) {
        p->baggage_n = before;
        return false;
    }
    p->pairs++;
    return true;
}

static void read_baggage(struct found *p, const tt_carrier *h)
{
    const char *text = h->get(h->arg, "baggage");
    struct str rest = str_of(text, text ? strnlen(text, 2 * BAGGAGE_BYTES_MAX) : 0);
    bool fits = true;
    while (rest.p && fits) {
        struct str metadata = str_trim(str_cut(&rest, ','));
        struct str value = str_trim(str_cut(&metadata, ';'));
        struct str name = str_trim(str_cut(&value, '='));
        if (value.p)
            fits = keep_entry(p, name, str_trim(value), str_trim(metadata));
    }
}

/* --- baggage in headers of its own: Jaeger's uberctx-NAME, OpenTracing's ot-baggage-NAME -------
 */

static void write_prefixed(const struct parts *p, const char *prefix, bool encode)
{
    char header[HEADER_MAX], encoded[BAGGAGE_BYTES_MAX];
    const char *name, *value, *end = encoded + sizeof encoded;
    for (size_t i = 0; tt_baggage_at(p->context, i, &name, &value, NULL); i++) {
        size_t prefix_n = strlen(prefix), name_n = strlen(name);
        char *to = encode ? write_value(encoded, end, value) : encoded;
        if (!to || prefix_n + name_n >= sizeof header) {
            problem(TT_PROBLEM_LIMIT, "more baggage than a header may have", name);
            continue;
        }
        *to = '\0';
        memcpy(header, prefix, prefix_n);
        memcpy(header + prefix_n, name, name_n + 1);
        p->set(p->carrier, header, encode ? encoded : value);
    }
}

static void read_prefixed(struct found *p, const tt_carrier *h, struct str prefix)
{
    const char *key;
    for (size_t i = 0; h->key_at && i < KEYS_MAX && (key = h->key_at(h->arg, i)); i++) {
        struct str name = str_of(key, strnlen(key, HEADER_MAX));
        if (!str_eq_nocase(str_sub(name, 0, prefix.n), prefix))
            continue;
        const char *value = h->get(h->arg, key);
        name = str_sub(name, prefix.n, name.n);
        if (value &&
            !keep_entry(p, name, str_of(value, strnlen(value, BAGGAGE_BYTES_MAX)), STR("")))
            return;
    }
}

/* --- all of them ----------------------------------------------------------------------------- */

void formats_write(unsigned propagators, const struct parts *p, bool has_span)
{
    static const struct {
        unsigned propagator;
        void (*write)(const struct parts *p);
    } spans[] = {{TT_B3, write_b3},
                 {TT_B3_MULTI, write_b3_multi},
                 {TT_JAEGER, write_jaeger},
                 {TT_OTTRACE, write_ot}};
    for (size_t i = 0; has_span && i < ARRAY_LEN(spans); i++) {
        if (propagators & spans[i].propagator)
            spans[i].write(p);
    }
    if (!p->context)
        return;
    if (propagators & TT_BAGGAGE)
        write_baggage(p);
    if (propagators & TT_JAEGER)
        write_prefixed(p, "uberctx-", true);
    if (propagators & TT_OTTRACE)
        write_prefixed(p, "ot-baggage-", false);
    const char *id = tt_context_correlation_id(p->context);
    if (propagators & TT_CORRELATION_ID && id)
        p->set(p->carrier, "X-Correlation-ID", id);
}

bool formats_read_span(unsigned propagators, struct found *f, const tt_carrier *c)
{
    return (propagators & TT_B3 && read_b3(f, c)) ||
           (propagators & TT_B3_MULTI && read_b3_multi(f, c)) ||
           (propagators & TT_JAEGER && read_jaeger(f, c)) ||
           (propagators & TT_OTTRACE && read_ot(f, c));
}

void formats_read_rest(unsigned propagators, struct found *f, const tt_carrier *c)
{
    if (propagators & TT_BAGGAGE)
        read_baggage(f, c);
    if (propagators & TT_JAEGER)
        read_prefixed(f, c, STR("uberctx-"));
    if (propagators & TT_OTTRACE)
        read_prefixed(f, c, STR("ot-baggage-"));
    const char *id = propagators & TT_CORRELATION_ID ? c->get(c->arg, "X-Correlation-ID") : NULL;
    if (id && correlation_id_is_valid(id))
        memcpy(f->correlation, id, strlen(id) + 1);
}

const char *tt_propagator_field(unsigned propagators, size_t n)
{
    static const struct {
        unsigned propagator;
        const char *name;
    } fields[] = {{TT_W3C, "traceparent"},
                  {TT_W3C, "tracestate"},
                  {TT_BAGGAGE, "baggage"},
                  {TT_B3, "b3"},
                  {TT_B3_MULTI, "X-B3-TraceId"},
                  {TT_B3_MULTI, "X-B3-SpanId"},
                  {TT_B3_MULTI, "X-B3-Sampled"},
                  {TT_B3_MULTI, "X-B3-Flags"},
                  {TT_JAEGER, "uber-trace-id"},
                  {TT_OTTRACE, "ot-tracer-traceid"},
                  {TT_OTTRACE, "ot-tracer-spanid"},
                  {TT_OTTRACE, "ot-tracer-sampled"},
                  {TT_CORRELATION_ID, "X-Correlation-ID"}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (propagators & fields[i].propagator && n-- == 0)
            return fields[i].name;
    }
    return NULL;
}

/* --- the environment ------------------------------------------------------------------------- */

unsigned tt_propagators_from_environment(void)
{
    static const struct {
        const char *name;
        unsigned propagator;
    } known[] = {{"tracecontext", TT_W3C},
                 {"baggage", TT_BAGGAGE},
                 {"b3", TT_B3},
                 {"b3multi", TT_B3_MULTI},
                 {"jaeger", TT_JAEGER},
                 {"ottrace", TT_OTTRACE},
                 {"correlation-id", TT_CORRELATION_ID},
                 {"none", 0}};
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
