#include "core/attr_set.h"

#include <stdlib.h>

#include "core/bytes.h"
#include "core/problem.h"

enum { HEAD = ATTR_HEAD_BYTES, KEY_MAX = (1 << 28) - 1 };

/* --- packing --------------------------------------------------------------------------------- */

static size_t fields_size(const tt_attr *attrs, size_t n, int depth);
static size_t attr_value_size(const tt_value *v, int depth);

static size_t items_size(const tt_value *items, size_t n, int depth)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += HEAD + attr_value_size(&items[i], depth);
    return size;
}

static size_t attr_value_size(const tt_value *v, int depth)
{
    switch (v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES: return v->n;
    case TT_TYPE_BOOL: return 1;
    case TT_TYPE_INT:
    case TT_TYPE_DOUBLE: return 8;
    case TT_TYPE_ARRAY: return depth ? items_size(v->as.items, v->n, depth - 1) : 0;
    case TT_TYPE_MAP: return depth ? fields_size(v->as.fields, v->n, depth - 1) : 0;
    default: return 0;
    }
}

static size_t fields_size(const tt_attr *attrs, size_t n, int depth)
{
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += HEAD + attrs[i].key_n + attr_value_size(&attrs[i].value, depth);
    return size;
}

static char *put(char *to, const void *bytes, size_t n)
{
    if (n)
        memcpy(to, bytes, n);
    return to + n;
}

static char *put_head(char *to, size_t key_n, const tt_value *v, int depth)
{
    uint64_t head = attr_head(key_n, v->type & 15, attr_value_size(v, depth));
    return put(to, &head, HEAD);
}

static char *put_attr(char *to, const tt_attr *a, int depth);

static char *put_value(char *to, const tt_value *v, int depth)
{
    switch (v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES: return put(to, v->as.text, v->n);
    case TT_TYPE_BOOL: *to = v->as.truth; return to + 1;
    case TT_TYPE_INT:
    case TT_TYPE_DOUBLE: return put(to, &v->as.integer, 8);
    case TT_TYPE_ARRAY:
        for (size_t i = 0; depth && i < v->n; i++) {
            to = put_head(to, 0, &v->as.items[i], depth - 1);
            to = put_value(to, &v->as.items[i], depth - 1);
        }
        return to;
    case TT_TYPE_MAP:
        for (size_t i = 0; depth && i < v->n; i++)
            to = put_attr(to, &v->as.fields[i], depth - 1);
        return to;
    default: return to;
    }
}

static char *put_attr(char *to, const tt_attr *a, int depth)
{
    to = put_head(to, a->key_n, &a->value, depth);
    return put_value(put(to, a->key, a->key_n), &a->value, depth);
}

/* --- sets ------------------------------------------------------------------------------------ */

static int key_cmp(const tt_attr *a, const tt_attr *b)
{
    size_t n = a->key_n < b->key_n ? a->key_n : b->key_n;
    int c = memcmp(a->key, b->key, n);
    return c ? c : (a->key_n > b->key_n) - (a->key_n < b->key_n);
}

static bool is_usable(const tt_attr *a)
{
    return a->key && a->key_n && a->key_n < KEY_MAX && a->value.type <= TT_TYPE_MAP;
}

/* Inserts by key; an equal key is replaced. Sets are small: sorting by insertion is best. */
static size_t insert(const tt_attr *sorted[ATTRS_MAX], size_t n, const tt_attr *a)
{
    size_t at = n;
    while (at > 0 && key_cmp(sorted[at - 1], a) > 0)
        at--;
    if (at > 0 && key_cmp(sorted[at - 1], a) == 0) {
        sorted[at - 1] = a;
        return n;
    }
    if (n == ATTRS_MAX) {
        problem(TT_PROBLEM_LIMIT, "more than 128 attributes in a set", NULL);
        return n;
    }
    memmove(&sorted[at + 1], &sorted[at], (n - at) * sizeof *sorted);
    sorted[at] = a;
    return n + 1;
}

static size_t sort(const tt_attr *sorted[ATTRS_MAX], const tt_attr *attrs, size_t n,
                   attr_filter *keep, const void *arg)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_usable(&attrs[i]))
            problem(TT_PROBLEM_MISUSE, "an attribute without key or of an unknown type", NULL);
        else if (!keep || keep(&attrs[i], arg))
            kept = insert(sorted, kept, &attrs[i]);
    }
    return kept;
}

static struct attr_set *pack(const tt_attr *const *attrs, size_t n, size_t bytes)
{
    struct attr_set *set = malloc(sizeof *set + bytes);
    if (!set) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        return NULL;
    }
    char *to = set->packed;
    for (size_t i = 0; i < n; i++)
        to = put_attr(to, attrs[i], ATTR_DEPTH_MAX);
    attr_set_is_of(set, n, bytes);
    set->hash = (uint32_t)bytes_hash(n, set->packed, bytes);
    return set;
}

struct attr_set *attr_set_new(const tt_attr *attrs, size_t n, attr_filter *keep, const void *arg)
{
    const tt_attr *sorted[ATTRS_MAX];
    size_t kept = sort(sorted, attrs, attrs ? n : 0, keep, arg), bytes = 0, fitting = 0;
    for (; fitting < kept; fitting++) {
        size_t more = HEAD + sorted[fitting]->key_n +
                      attr_value_size(&sorted[fitting]->value, ATTR_DEPTH_MAX);
        if (more > ATTR_SET_BYTES_MAX - bytes) {
            problem(TT_PROBLEM_LIMIT, "attributes of more than 1 MiB", NULL);
            break;
        }
        bytes += more;
    }
    return pack(sorted, fitting, bytes);
}

bool attr_set_eq(const struct attr_set *a, const struct attr_set *b)
{
    return a->hash == b->hash && a->bytes == b->bytes &&
           memcmp(a->packed, b->packed, a->bytes) == 0;
}

bool attr_next(const char **p, const char *end, struct attr_view *out)
{
    if (*p >= end)
        return false;
    uint64_t head = load64(*p);
    out->key_n = (uint32_t)head >> 4;
    out->type = head & 15;
    out->value_n = (uint32_t)(head >> 32);
    out->key = *p + HEAD;
    out->value = out->key + out->key_n;
    *p = out->value + out->value_n;
    return true;
}

static tt_attr attr_of(const struct attr_view *v)
{
    tt_attr a = {.key = v->key, .key_n = v->key_n};
    switch (v->type) {
    case TT_TYPE_STRING: a.value = tt_value_text(v->value, v->value_n); break;
    case TT_TYPE_BYTES: a.value = tt_value_bytes(v->value, v->value_n); break;
    case TT_TYPE_BOOL: a.value = tt_value_bool(*v->value); break;
    case TT_TYPE_INT: a.value = tt_value_int(attr_view_int(v)); break;
    case TT_TYPE_DOUBLE: a.value = tt_value_double(attr_view_double(v)); break;
    default: break;
    }
    return a;
}

size_t attr_set_list(const struct attr_set *set, tt_attr *out)
{
    size_t n = 0;
    struct attr_view v;
    const char *p = set->packed, *end = p + set->bytes;
    while (attr_next(&p, end, &v))
        out[n++] = attr_of(&v);
    return n;
}
