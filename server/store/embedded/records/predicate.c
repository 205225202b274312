#include "store/embedded/records/predicate.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/regex.h"
#include "store/embedded/records/filter.h"

static char fold(char c)
{
    return (char)(c + ((unsigned char)(c - 'A') < 26 ? 32 : 0));
}

/* Sixteen bytes at a time: a loop of a fixed length becomes a few vector instructions. */
static void fold_piece(const char *restrict from, char *restrict to)
{
    for (size_t i = 0; i < 16; i++)
        to[i] = fold(from[i]);
}

void text_fold(struct str text, char *out)
{
    size_t i = 0;
    for (; i + 16 <= text.n; i += 16)
        fold_piece(text.p + i, out + i);
    for (; i < text.n; i++)
        out[i] = fold(text.p[i]);
}

/* --- searching -------------------------------------------------------------------------------- */

/* No word goes on over the edges of text[at, at + n). */
static bool ends_words(struct str text, size_t at, size_t n)
{
    bool left = at == 0 || !word_byte((unsigned char)text.p[at - 1]) ||
                !word_byte((unsigned char)text.p[at]);
    size_t end = at + n;
    return left && (end == text.n || !word_byte((unsigned char)text.p[end]) ||
                    !word_byte((unsigned char)text.p[end - 1]));
}

size_t predicate_find(const struct predicate *p, struct str text, size_t at)
{
    struct str needle = any_text(&p->value);
    if (needle.n == 0)
        return at;
    while (at < text.n) {
        at += str_find(str_sub(text, at, SIZE_MAX), needle);
        if (at >= text.n || p->op != PREDICATE_PHRASE || ends_words(text, at, needle.n))
            return at;
        at++;
    }
    return text.n;
}

struct str predicate_needle(const struct predicate *p)
{
    if (p->op == PREDICATE_REGEX)
        return regex_required(p->regex);
    return predicate_is_search(p->op) ? any_text(&p->value) : (struct str){0};
}

static bool starts_folded(struct str text, struct str needle)
{
    for (size_t i = 0; i < needle.n; i++)
        if (fold(text.p[i]) != needle.p[i])
            return false;
    return true;
}

/* One text alone; a column of texts is folded as a whole and then searched (rowset.c). */
static bool contains_folded(const struct predicate *p, struct str text)
{
    struct str needle = any_text(&p->value);
    for (size_t i = 0; i + needle.n <= text.n; i++)
        if (fold(text.p[i]) == needle.p[0] && starts_folded(str_sub(text, i, needle.n), needle) &&
            (p->op != PREDICATE_PHRASE || ends_words(text, i, needle.n)))
            return true;
    return false;
}

static bool contains(const struct predicate *p, struct str text)
{
    if (p->value.n == 0)
        return true;
    return predicate_folds_case(p->op) ? contains_folded(p, text)
                                       : predicate_find(p, text, 0) < text.n;
}

static int search_text(const struct predicate *p, struct str text)
{
    return p->op == PREDICATE_REGEX ? regex_match(p->regex, text) : contains(p, text);
}

static int search_number(const struct predicate *p, const struct any *v)
{
    char text[NUM_DOUBLE_MAX];
    size_t n = v->type == ANY_INT ? (size_t)snprintf(text, sizeof text, "%" PRId64, v->as.integer)
                                  : num_format_json(text, v->as.number);
    return search_text(p, str_of(text, n));
}

/* Text, or any text within an array or map. */
static int search(const struct predicate *p, const struct any *v)
{
    int rc = 0;
    if (v->type == ANY_STRING)
        return search_text(p, any_text(v));
    if (p->scalars && (v->type == ANY_INT || v->type == ANY_DOUBLE))
        return search_number(p, v);
    if (p->scalars && v->type == ANY_BOOL)
        return search_text(p, v->as.boolean ? STR("true") : STR("false"));
    for (uint32_t i = 0; rc == 0 && v->type == ANY_ARRAY && i < v->n; i++)
        rc = search(p, &v->as.items[i]);
    for (uint32_t i = 0; rc == 0 && v->type == ANY_MAP && i < v->n; i++)
        rc = search(p, &v->as.pairs[i].value);
    return rc;
}

/* --- comparing -------------------------------------------------------------------------------- */

enum { UNORDERED = 2 };

static int compare_int_double(int64_t a, double b)
{
    if (b != b)
        return UNORDERED;
    if (b >= 0x1p63)
        return -1;
    if (b < -0x1p63)
        return 1;
    int64_t whole = (int64_t)b;
    if (a != whole)
        return a < whole ? -1 : 1;
    double rest = b - (double)whole;
    return (rest < 0) - (rest > 0);
}

/* <0, 0, >0, or UNORDERED. Exact: no integer is rounded to a double. */
static int compare(const struct any *a, const struct any *b)
{
    if (a->type == ANY_INT && b->type == ANY_INT)
        return (a->as.integer > b->as.integer) - (a->as.integer < b->as.integer);
    if (a->type == ANY_INT && b->type == ANY_DOUBLE)
        return compare_int_double(a->as.integer, b->as.number);
    if (a->type == ANY_DOUBLE && b->type == ANY_INT) {
        int c = compare_int_double(b->as.integer, a->as.number);
        return c == UNORDERED ? c : -c;
    }
    if (a->type == ANY_DOUBLE && b->type == ANY_DOUBLE) {
        if (a->as.number != a->as.number || b->as.number != b->as.number)
            return UNORDERED;
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    }
    if (a->type == ANY_STRING && b->type == ANY_STRING) {
        int c = str_cmp(any_text(a), any_text(b));
        return (c > 0) - (c < 0);
    }
    return UNORDERED;
}

static bool equal(const struct any *a, const struct any *b)
{
    bool numbers = (a->type == ANY_INT || a->type == ANY_DOUBLE) &&
                   (b->type == ANY_INT || b->type == ANY_DOUBLE);
    return numbers ? compare(a, b) == 0 : any_eq(a, b);
}

/* --- sets ------------------------------------------------------------------------------------- */

/* The slot that holds the text, or the free one where it belongs. The seed keeps who chooses the
 * texts from choosing the slots. */
static size_t set_slot(const struct text_set *s, const struct any *v, uint64_t hash)
{
    size_t at = hash_u64(hash ^ hash_process_seed()) & (s->n_slots - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1)) {
        uint32_t i = s->slots[at] - 1;
        if (s->hashes[i] == hash && any_eq(&s->values[i], v))
            break;
    }
    return at;
}

const struct text_set *text_set_make(struct arena *arena, const struct any *values, size_t n)
{
    size_t n_slots = 4;
    while (n_slots < 2 * n)
        n_slots *= 2;
    struct text_set *s = arena_alloc(arena, sizeof *s);
    uint64_t *hashes = arena_array(arena, n, sizeof *hashes);
    uint32_t *slots = arena_array(arena, n_slots, sizeof *slots);
    if (!s || !hashes || !slots)
        return NULL;
    *s = (struct text_set){values, hashes, n, slots, n_slots};
    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_str(any_text(&values[i]));
        slots[set_slot(s, &values[i], hashes[i])] = (uint32_t)i + 1;
    }
    return s;
}

static bool is_in(const struct text_set *s, const struct any *v)
{
    bool text = v->type == ANY_STRING || v->type == ANY_BYTES;
    return text && s->slots[set_slot(s, v, hash_str(any_text(v)))];
}

int predicate_matches(const struct predicate *p, const struct any *v)
{
    int c;
    switch (p->op) {
    case PREDICATE_EXISTS: return 1;
    case PREDICATE_EQ: return equal(v, &p->value);
    case PREDICATE_LT: return compare(v, &p->value) == -1;
    case PREDICATE_LE: c = compare(v, &p->value); return c == -1 || c == 0;
    case PREDICATE_GT: return compare(v, &p->value) == 1;
    case PREDICATE_GE: c = compare(v, &p->value); return c == 1 || c == 0;
    case PREDICATE_REGEX:
    case PREDICATE_CONTAINS:
    case PREDICATE_CONTAINS_NOCASE:
    case PREDICATE_PHRASE: return search(p, v);
    case PREDICATE_IN: return is_in(p->set, v);
    case PREDICATE_AND:
    case PREDICATE_OR:
    case PREDICATE_NOT: break;
    }
    return 0;
}
