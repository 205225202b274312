#include "trace/context.h"

#include <stdlib.h>
#include <string.h>

#include "core/cell_view.h"
#include "core/current.h"
#include "core/problem.h"
#include "core/text.h"
#include "trace/hex.h"
#include "trace/span.h"

_Thread_local tt_token current_context;

enum { CORRELATION_MAX = 128 };

/* --- span contexts --------------------------------------------------------------------------- */

bool tt_span_context_is_valid(const tt_span_context *c)
{
    return c && span_context_is_valid(c);
}

static const tt_span_context no_span;

void tt_trace_id_format(const tt_span_context *c, char out[33])
{
    if (out)
        *hex_write16(out, (c ? c : &no_span)->trace_id) = '\0';
}

void tt_span_id_format(const tt_span_context *c, char out[17])
{
    if (out)
        *hex_write8(out, (c ? c : &no_span)->span_id) = '\0';
}

/* --- contexts -------------------------------------------------------------------------------- */

tt_context *context_new(const tt_span_context *span, const char *state, size_t state_n,
                        const char *baggage, size_t baggage_bytes, size_t pairs)
{
    tt_context *c = malloc(sizeof *c + state_n + 1 + baggage_bytes);
    if (!c) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        return NULL;
    }
    refcount_init(&c->refs);
    c->values = NULL;
    c->span = *span;
    c->state_n = (uint32_t)state_n;
    c->baggage_n = (uint32_t)pairs;
    c->baggage_bytes = (uint32_t)baggage_bytes;
    if (state_n)
        memcpy(c->text, state, state_n);
    c->text[state_n] = '\0';
    if (baggage_bytes)
        memcpy(c->text + state_n + 1, baggage, baggage_bytes);
    return c;
}

tt_context *context_new_like(const tt_context *values_of, const tt_span_context *span,
                             const char *state, size_t state_n, const char *baggage,
                             size_t baggage_bytes, size_t pairs)
{
    tt_context *c = context_new(span, state, state_n, baggage, baggage_bytes, pairs);
    if (c && values_of && values_of->values) {
        refcount_get(&values_of->values->refs);
        c->values = values_of->values;
    }
    return c;
}

/* A copy of `c`, of an empty one when it is NULL. */
static tt_context *copy_of(const tt_context *c)
{
    tt_span_context span = tt_context_span(c);
    return context_new_like(c, &span, tt_context_tracestate(c), c ? c->state_n : 0,
                            c ? context_baggage(c) : NULL, c ? c->baggage_bytes : 0,
                            c ? c->baggage_n : 0);
}

/* When nothing changes. */
static tt_context *same(tt_context *c)
{
    return c ? tt_context_ref(c) : copy_of(NULL);
}

tt_context *tt_context_current(void)
{
    const tt_context *base = current_context.context;
    tt_span_context span = {0};
    char state[TRACESTATE_MAX];
    size_t state_n = 0;
    if (!span_context_read(current_context.span, &span, state, &state_n) && base) {
        span = base->span;
        state_n = base->state_n;
        memcpy(state, base->text, state_n);
    }
    return context_new_like(base, &span, state, state_n, base ? context_baggage(base) : NULL,
                            base ? base->baggage_bytes : 0, base ? base->baggage_n : 0);
}

tt_context *tt_context_remote(const tt_span_context *span, const char *tracestate)
{
    tt_span_context remote = span ? *span : (tt_span_context){0};
    remote.remote = true;
    size_t n = tracestate ? strnlen(tracestate, TRACESTATE_MAX + 1) : 0;
    return context_new(&remote, tracestate, n > TRACESTATE_MAX ? 0 : n, NULL, 0, 0);
}

/* An object is changed by its count alone, so sharing takes it as not constant. */
tt_context *tt_context_ref(tt_context *c)
{
    if (c)
        refcount_get(&c->refs);
    return c;
}

static void free_values(struct context_value *v)
{
    for (struct context_value *next; v && refcount_put(&v->refs); v = next) {
        next = v->next;
        if (v->destroy)
            v->destroy(v->value);
        free(v);
    }
}

void tt_context_free(tt_context *c)
{
    if (!c || !refcount_put(&c->refs))
        return;
    free_values(c->values);
    free(c);
}

tt_span_context tt_context_span(const tt_context *c)
{
    return c ? c->span : (tt_span_context){0};
}

const char *tt_context_tracestate(const tt_context *c)
{
    return c ? c->text : "";
}

/* --- current --------------------------------------------------------------------------------- */

bool current_span_context(tt_span_context *out)
{
    if (span_context_read(current_context.span, out, NULL, NULL))
        return true;
    *out = tt_context_span(current_context.context);
    return tt_span_context_is_valid(out);
}

/* Metrics are to look at values for exemplars where a span may be sampled. */
static inline void set_current(tt_token now)
{
    current_context = now;
    cell_watch(now.span.memory || (now.context && (now.context->span.flags & TT_FLAG_SAMPLED)));
}

tt_token tt_span_enter(tt_span span)
{
    tt_token before = current_context;
    if (span.memory)
        set_current((tt_token){span, before.context});
    return before;
}

tt_span tt_span_current(void)
{
    return current_context.span;
}

tt_token tt_context_enter(tt_context *c)
{
    tt_token before = current_context;
    set_current((tt_token){.context = c});
    return before;
}

void tt_leave(tt_token token)
{
    set_current(token);
}

/* --- values of the program's own ------------------------------------------------------------- */

tt_context *tt_context_with_value(tt_context *c, const tt_context_key *key, void *value,
                                  void (*destroy)(void *value))
{
    tt_context *with = copy_of(c);
    struct context_value *v = with ? malloc(sizeof *v) : NULL;
    if (!v) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        tt_context_free(with);
        return NULL;
    }
    *v = (struct context_value){
        .key = key, .value = value, .destroy = destroy, .next = with->values};
    refcount_init(&v->refs);
    with->values = v;
    return with;
}

void *tt_context_value(const tt_context *c, const tt_context_key *key)
{
    struct context_value *v = c ? c->values : NULL;
    while (v && v->key != key)
        v = v->next;
    return v ? v->value : NULL;
}

static const tt_context_key correlation_key = {"correlation id"};

bool correlation_id_is_valid(const char *id)
{
    size_t n = 0;
    while (id && id[n] > 0x20 && id[n] < 0x7f && n <= CORRELATION_MAX)
        n++;
    return n > 0 && n <= CORRELATION_MAX && id[n] == '\0';
}

tt_context *tt_context_with_correlation_id(tt_context *c, const char *id)
{
    if (!correlation_id_is_valid(id)) {
        problem(TT_PROBLEM_MISUSE, "a correlation id that is empty, too long or not visible", NULL);
        return same(c);
    }
    char *copy = text_dup(id);
    tt_context *with = copy ? tt_context_with_value(c, &correlation_key, copy, free) : NULL;
    if (!with)
        free(copy);
    return with;
}

const char *tt_context_correlation_id(const tt_context *c)
{
    return tt_context_value(c, &correlation_key);
}

/* --- baggage --------------------------------------------------------------------------------- */

bool baggage_is_name(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c))
            return false;
    }
    return n > 0;
}

static const char *after(const char *text)
{
    return text + strlen(text) + 1;
}

bool tt_baggage_at(const tt_context *c, size_t n, const char **out_name, const char **out_value,
                   const char **out_metadata)
{
    if (!c || n >= c->baggage_n)
        return false;
    const char *name = context_baggage(c);
    while (n--)
        name = after(after(after(name)));
    *out_name = name;
    *out_value = after(name);
    if (out_metadata)
        *out_metadata = after(*out_value);
    return true;
}

const char *tt_baggage_get(const tt_context *c, const char *name)
{
    const char *found, *value;
    for (size_t i = 0; name && tt_baggage_at(c, i, &found, &value, NULL); i++) {
        if (strcmp(found, name) == 0)
            return value;
    }
    return NULL;
}

/* Appends a text with its NUL; false when it does not fit. */
static bool put(char *to, size_t *inout_n, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > BAGGAGE_BYTES_MAX - *inout_n)
        return false;
    memcpy(to + *inout_n, text, n);
    *inout_n += n;
    return true;
}

tt_context *tt_baggage_clear(tt_context *c)
{
    tt_span_context span = tt_context_span(c);
    return context_new_like(c, &span, tt_context_tracestate(c), c ? c->state_n : 0, NULL, 0, 0);
}

bool baggage_is_metadata(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f || text[i] == ',')
            return false;
    }
    return true;
}

tt_context *tt_baggage_with_metadata(tt_context *c, const char *name, const char *value,
                                     const char *metadata)
{
    char bytes[BAGGAGE_BYTES_MAX];
    size_t n = 0, pairs = 0;
    metadata = text_or_empty(metadata);
    bool valid = name && baggage_is_name(name, strlen(name)) &&
                 baggage_is_metadata(metadata, strlen(metadata));
    bool ok = true;
    const char *old, *old_value, *old_metadata;
    for (size_t i = 0; tt_baggage_at(c, i, &old, &old_value, &old_metadata); i++) {
        if (valid && strcmp(old, name) == 0)
            continue;
        ok = ok && put(bytes, &n, old) && put(bytes, &n, old_value) && put(bytes, &n, old_metadata);
        pairs++;
    }
    if (valid && value) {
        ok = ok && put(bytes, &n, name) && put(bytes, &n, value) && put(bytes, &n, metadata);
        pairs++;
    }
    if (!valid || !ok || pairs > BAGGAGE_MAX) {
        problem(TT_PROBLEM_MISUSE, "baggage with a bad name, or too much of it", name);
        return same(c);
    }
    tt_span_context span = tt_context_span(c);
    return context_new_like(c, &span, tt_context_tracestate(c), c ? c->state_n : 0, bytes, n,
                            pairs);
}

tt_context *tt_baggage_with(tt_context *c, const char *name, const char *value)
{
    return tt_baggage_with_metadata(c, name, value, "");
}
