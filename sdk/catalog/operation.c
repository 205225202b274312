/* The life of an operation: time, span, and its place as the thread's current span. */
#include <stdio.h>

#include "base/compiler.h"
#include "base/time.h"
#include "catalog/runtime.h"

enum { SPAN_NAME_MAX = 255 };

/* --- attributes --- */

void put_value(struct attrs *a, const char *key, size_t key_n, tt_value value)
{
    a->list[a->n++] = (tt_attr){.key = key, .key_n = key_n, .value = value};
}

void put_string(struct attrs *a, const char *key, size_t key_n, const char *text)
{
    if (text)
        put_value(a, key, key_n, tt_value_str(text));
}

void put_int(struct attrs *a, const char *key, size_t key_n, int64_t integer)
{
    put_value(a, key, key_n, tt_value_int(integer));
}

void put_int_if(struct attrs *a, const char *key, size_t key_n, int64_t integer)
{
    if (integer != 0)
        put_int(a, key, key_n, integer);
}

void put_double(struct attrs *a, const char *key, size_t key_n, double number)
{
    put_value(a, key, key_n, tt_value_double(number));
}

void put_bool(struct attrs *a, const char *key, size_t key_n, bool truth)
{
    put_value(a, key, key_n, tt_value_bool(truth));
}

/* --- begin --- */

bool operation_begin(tt_operation *op, tt_catalog *catalog, size_t size, size_t own_size)
{
    if (size < own_size || op->catalog) {
        tt_problem_tell(TT_PROBLEM_MISUSE,
                        size < own_size ? "the size of an operation is not set, or too small"
                                        : "an operation was begun twice",
                        NULL);
        return false;
    }
    if (!catalog)
        return false;
    op->catalog = catalog;
    op->begin_mono_ns = op->tracked ? 0 : time_now_mono_ns();
    return true;
}

/* --- spans --- */

/* Cut between characters of UTF-8, not within one. */
static size_t put_text(char *out, size_t n, const char *text)
{
    size_t more = MIN(strlen(text), (size_t)SPAN_NAME_MAX - n);
    while (more > 0 && ((unsigned char)text[more] & 0xc0) == 0x80)
        more--;
    memcpy(out + n, text, more);
    return n + more;
}

static void span_name(char out[SPAN_NAME_MAX + 1], const struct name_part *parts, size_t parts_n,
                      const char *fallback)
{
    size_t n = 0;
    for (size_t i = 0; i < parts_n; i++) {
        if (!parts[i].field)
            continue;
        if (n > 0)
            n = put_text(out, n, " ");
        n = put_text(out, n, parts[i].literal);
        n = put_text(out, n, parts[i].field);
    }
    if (n == 0)
        n = put_text(out, n, fallback);
    out[n] = '\0';
}

void operation_start_span(tt_operation *op, unsigned set, enum tt_span_kind kind, bool detached,
                          const struct name_part *parts, size_t parts_n, const char *fallback,
                          const struct attrs *a)
{
    tt_tracer *tracer = op->catalog->tracers[set];
    if (!tracer)
        return;
    char name[SPAN_NAME_MAX + 1];
    span_name(name, parts, parts_n, fallback);
    tt_span_options o = {.size = sizeof o, .kind = kind, .attrs = a->list, .attrs_n = a->n};
    if (op->tracked)
        o.start_unix_ns = time_now_unix_ns() - op->duration_ns;
    op->span = tt_span_start(tracer, name, &o);
    op->entered = !detached;
    if (op->entered)
        op->token = tt_span_enter(op->span);
}

void operation_finish_span(tt_operation *op, struct attrs *a, const char *error_type,
                           const char *error_message)
{
    if (!op->span.memory)
        return;
    if (error_type) {
        put_string(a, KEY("error.type"), error_type);
        if (error_message)
            tt_span_record_error(op->span, error_type, error_message);
        tt_span_set_status(op->span, TT_STATUS_ERROR, error_message);
    }
    if (a->n > 0)
        tt_span_set(op->span, a->list, a->n);
}

/* --- end --- */

tt_catalog *operation_end(tt_operation *op)
{
    if (op->catalog && !op->tracked)
        op->duration_ns = time_now_mono_ns() - op->begin_mono_ns;
    return op->catalog;
}

const char *operation_error(tt_operation *op, const char *given, int64_t code, int64_t at_least)
{
    if (given || code < at_least)
        return given;
    (void)snprintf(op->code, sizeof op->code, "%lld", (long long)code);
    return op->code;
}

/* Another thread's current span, or that of an operation that is still under way, is left alone. */
static void leave_span(const tt_operation *op)
{
    tt_span current = tt_span_current();
    if (current.memory == op->span.memory && current.generation == op->span.generation)
        tt_leave(op->token);
    else
        tt_problem_tell(TT_PROBLEM_MISUSE,
                        "an operation ended in another thread, or before one that began in it",
                        NULL);
}

void operation_leave(tt_operation *op)
{
    if (op->entered)
        leave_span(op);
    if (op->span.memory)
        tt_span_end(op->span);
    op->catalog = NULL;
    op->tracked = op->entered = false;
}
