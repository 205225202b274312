#include "model/labels.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/word.h"

struct str labels_get(const struct labels *l, struct str name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].name, name))
            return l->v[i].value;
    return (struct str){0};
}

bool labels_eq(const struct labels *a, const struct labels *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->v[i].name, b->v[i].name) || !str_eq(a->v[i].value, b->v[i].value))
            return false;
    return true;
}

int labels_cmp(const struct labels *a, const struct labels *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    for (size_t i = 0; i < n; i++) {
        int c = str_cmp(a->v[i].name, b->v[i].name);
        if (c == 0)
            c = str_cmp(a->v[i].value, b->v[i].value);
        if (c)
            return c;
    }
    return (a->n > b->n) - (a->n < b->n);
}

/* --- hash --------------------------------------------------------------------------------------
 */

/* A set's hash is made of a sum of those of its labels: they are hashed one by one, so that what is
 * the same in the next set need not be hashed again. */

__extension__ typedef unsigned __int128 u128;

static uint64_t mix(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Numbers without a pattern: the fraction of pi. */
static const uint64_t pi[] = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0};

static uint64_t text_hash(struct str s, uint64_t seed)
{
    uint64_t first = 0, last = 0;
    if (s.n > 16)
        return hash_bytes_seeded(s.p, s.n, seed);
    if (s.n >= 8) {
        first = load64(s.p);
        last = load64(s.p + s.n - 8);
    } else if (s.n >= 4) {
        first = load32(s.p);
        last = load32(s.p + s.n - 4);
    } else {
        for (size_t i = 0; i < s.n; i++)
            first = first << 8 | (unsigned char)s.p[i];
    }
    return mix(first ^ (seed + s.n), last ^ pi[0]);
}

static uint64_t label_hash(const struct label *l)
{
    return mix(text_hash(l->name, pi[1]) ^ pi[0], text_hash(l->value, pi[2]));
}

uint64_t labels_hash(const struct labels *l)
{
    uint64_t sum = l->n;
    for (size_t i = 0; i < l->n; i++)
        sum += label_hash(&l->v[i]);
    return hash_u64(sum);
}

static bool is_same_label(const struct label *a, const struct label *b)
{
    return a->value.p == b->value.p && a->name.p == b->name.p && a->value.n == b->value.n &&
           a->name.n == b->name.n;
}

uint64_t labels_same_text(const struct labels *a, const struct labels *b)
{
    uint64_t same = 0;
    size_t n = MIN(MIN(a->n, b->n), (size_t)LABEL_HASHES);
    for (size_t i = 0; i < n; i++)
        same |= (uint64_t)is_same_label(&a->v[i], &b->v[i]) << i;
    return same;
}

static bool has_bit(uint64_t bits, size_t i)
{
    return i < LABEL_HASHES && bits >> i & 1;
}

uint64_t labels_hash_like(const struct labels *l, uint64_t same, struct label_hashes *before)
{
    uint64_t sum = l->n;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t hash = has_bit(same, i) ? before->v[i] : label_hash(&l->v[i]);
        if (i < LABEL_HASHES)
            before->v[i] = hash;
        sum += hash;
    }
    before->of = *l;
    return hash_u64(sum);
}

/* Of two names that are not empty; mostly the first letter tells. */
static bool is_before(struct str a, struct str b)
{
    unsigned char first = (unsigned char)a.p[0], second = (unsigned char)b.p[0];
    return first != second ? first < second : str_cmp(a, b) < 0;
}

bool labels_are_canonical_like(const struct labels *l, uint64_t same)
{
    const uint64_t again = same & (same << 1 | 1); // and so is the one before, if there is any
    for (size_t i = 0; i < l->n; i++) {
        if (has_bit(again, i))
            continue;
        if (l->v[i].name.n == 0 || l->v[i].value.n == 0)
            return false;
        if (i > 0 && !is_before(l->v[i - 1].name, l->v[i].name))
            return false;
    }
    return true;
}

bool labels_are_canonical(const struct labels *l)
{
    return labels_are_canonical_like(l, 0);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* Label sets are short and usually sorted already: insertion sort; qsort bounds the hostile case.
 */
static void sort_by_name(struct label *v, size_t n)
{
    if (n > 64) {
        qsort(v, n, sizeof *v, by_name);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct label moved = v[i];
        size_t j = i;
        for (; j > 0 && str_cmp(v[j - 1].name, moved.name) > 0; j--)
            v[j] = v[j - 1];
        v[j] = moved;
    }
}

long labels_canonicalise(struct label *v, size_t n, struct str *out_bad)
{
    sort_by_name(v, n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool twice = i > 0 && str_eq(v[i - 1].name, v[i].name);
        if (v[i].name.n == 0 || twice) {
            *out_bad = v[i].name;
            return -1;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (v[i].value.n)
            v[kept++] = v[i];
    return (long)kept;
}

static size_t text_size(const struct labels *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->v[i].name.n + l->v[i].value.n;
    return n;
}

static struct str put_text(char **at, struct str s)
{
    struct str copy = {*at, s.n};
    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* Copies the pairs into `v` and their text behind it, at `text`. */
static void copy_into(struct label *v, char *text, const struct labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        v[i].name = put_text(&text, l->v[i].name);
        v[i].value = put_text(&text, l->v[i].value);
    }
}

struct labels labels_copy(struct arena *a, const struct labels *l)
{
    struct label *v = arena_alloc(a, l->n * sizeof *v + text_size(l));
    if (!v)
        return (struct labels){0};
    copy_into(v, (char *)(v + l->n), l);
    return (struct labels){v, l->n};
}

int labels_dup(const struct labels *l, struct labels *out)
{
    struct label *v = malloc(l->n * sizeof *v + text_size(l) + 1);
    if (!v)
        return ERR_NOMEM;
    copy_into(v, (char *)(v + l->n), l);
    *out = (struct labels){v, l->n};
    return 0;
}

void labels_format(struct buf *out, const struct labels *l)
{
    struct str metric = labels_metric_name(l);
    bool plain = metric.n == 0 || metric_name_is_plain(metric);
    if (plain)
        buf_put_str(out, metric);
    if (plain && metric.n && l->n == 1)
        return;

    const char *separator = "";
    buf_putc(out, '{');
    if (!plain) {
        str_quote_visible(out, metric);
        separator = ", ";
    }
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->v[i].name, LABEL_NAME))
            continue;
        buf_puts(out, separator);
        if (label_name_is_plain(l->v[i].name))
            buf_put_str(out, l->v[i].name);
        else
            str_quote_visible(out, l->v[i].name);
        buf_putc(out, '=');
        str_quote_visible(out, l->v[i].value);
        separator = ", ";
    }
    buf_putc(out, '}');
}

static bool name_is_plain(struct str name, bool colon)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool digit = c >= '0' && c <= '9' && i > 0;
        if (!letter && !digit && !(colon && c == ':'))
            return false;
    }
    return name.n > 0;
}

bool metric_name_is_plain(struct str name)
{
    return name_is_plain(name, true);
}

bool label_name_is_plain(struct str name)
{
    return name_is_plain(name, false);
}

void labels_builder_init(struct labels_builder *b, struct arena *arena, const struct labels *base)
{
    *b = (struct labels_builder){.arena = arena};
    size_t n = base ? base->n : 0;
    b->v = arena_array(arena, n + 8, sizeof *b->v);
    if (!b->v)
        return;
    b->cap = n + 8;
    b->n = n;
    if (n)
        memcpy(b->v, base->v, n * sizeof *b->v);
}

/* Where `name` is, or where it would go. */
static size_t position(const struct labels_builder *b, struct str name)
{
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(b->v[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct labels_builder *b, size_t i, struct str name)
{
    return i < b->n && str_eq(b->v[i].name, name);
}

void labels_builder_set(struct labels_builder *b, struct str name, struct str value)
{
    if (value.n == 0) {
        labels_builder_del(b, name);
        return;
    }
    size_t i = position(b, name);
    if (is_at(b, i, name)) {
        b->v[i].value = value;
        return;
    }
    struct label *v = arena_room(b->arena, b->v, b->n, &b->cap, 8, sizeof *v);
    if (!v)
        return; // the arena is marked as failed
    b->v = v;
    memmove(b->v + i + 1, b->v + i, (b->n - i) * sizeof *b->v);
    b->v[i] = (struct label){name, value};
    b->n++;
}

void labels_builder_del(struct labels_builder *b, struct str name)
{
    size_t i = position(b, name);
    if (is_at(b, i, name)) {
        memmove(b->v + i, b->v + i + 1, (b->n - i - 1) * sizeof *b->v);
        b->n--;
    }
}

struct str labels_builder_get(const struct labels_builder *b, struct str name)
{
    size_t i = position(b, name);
    return is_at(b, i, name) ? b->v[i].value : (struct str){0};
}

struct labels labels_builder_labels(const struct labels_builder *b)
{
    return (struct labels){b->v, b->n};
}
