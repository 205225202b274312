/* Words, phrases, letters and patterns in a column of texts. The texts of a group lie behind each
 * other, so they are searched in one go, past the ends of single ones; where something is found,
 * the value that has it decides. */
#include "store/embedded/records/rowset_search.h"

#include <string.h>

#include "base/compiler.h"
#include "base/ends.h"
#include "base/err.h"
#include "base/regex.h"
#include "store/embedded/records/predicate.h"

int rowset_satisfies(struct rowset *r, const struct predicate *p, const struct any *v)
{
    int rc = predicate_matches(p, v);
    if (rc != ERR_TOO_BIG || !r->lenient)
        return rc;
    r->undecided++;
    return 0;
}

/* The string that value `text` of the column is, as it stands in `all`, which is the column's text
 * or a copy with small letters; p is NULL when the value is none. */
static struct str string_in(const struct column *c, uint32_t text, const char *all)
{
    struct str own = column_text(c, text);
    if (c->kind == COLUMN_ANY) {
        struct reader r = reader_of(own.p, own.n);
        own = get_byte(&r) == ANY_STRING ? get_text(&r) : (struct str){0};
        if (r.bad)
            own = (struct str){0};
    } else if (c->kind != COLUMN_STRING) {
        own = (struct str){0};
    }
    return own.p ? str_of(all + (own.p - c->text), own.n) : own;
}

/* Whether the value that has the needle at `at` satisfies `p`: 1, 0, ERR_…. */
static int decide(struct rowset *r, const struct predicate *p, const struct column *c,
                  uint32_t text, const char *all, size_t at)
{
    struct str own = string_in(c, text, all);
    if (own.p && predicate_is_search(p->op)) {
        size_t begin = (size_t)(own.p - all);
        return predicate_find(p, own, at > begin ? at - begin : 0) < own.n;
    }
    struct any v = own.p ? any_string(own) : column_text_any(c, text, r->arena);
    return rowset_satisfies(r, p, &v);
}

static void set_bits(uint64_t *bits, uint32_t from, uint32_t to)
{
    for (; from < to && from % 64; from++)
        set_bit(bits, from);
    for (; from + 64 <= to; from += 64)
        bits[from / 64] = UINT64_MAX;
    for (; from < to; from++)
        set_bit(bits, from);
}

static uint32_t count_bits(const uint64_t *bits, size_t words)
{
    uint32_t n = 0;
    for (size_t i = 0; i < words; i++)
        n += (uint32_t)__builtin_popcountll(bits[i]);
    return n;
}

/* A sieve that lets half of these through would be in the way of the others. */
enum { TRIED_FIRST = 256, SIFTED_MIN = 64 };

/* Sets the bits of the texts from `from` on that are to be looked at one by one. */
static void sift(const struct predicate *p, const struct column *c, uint32_t from, uint64_t *may)
{
    uint32_t n = MIN(c->n_texts, from + TRIED_FIRST);
    bool sifted = regex_sift(p->regex, c->text, c->ends, from, n, may);
    if (sifted && count_bits(may, (n + 63) / 64) < (n - from) / 2)
        sifted = regex_sift(p->regex, c->text, c->ends, n, c->n_texts, may);
    else
        set_bits(may, sifted ? n : from, c->n_texts);
    if (!sifted)
        set_bits(may, from, c->n_texts);
}

int rowset_sift(struct rowset *r, const struct predicate *p, const struct column *c,
                const uint64_t **out)
{
    bool numbers = p->scalars && c->kind == COLUMN_ANY; // which are not there as text
    *out = NULL;
    if (p->op != PREDICATE_REGEX || numbers || c->n_texts < SIFTED_MIN)
        return 0;
    uint64_t *may = arena_array(r->arena, (c->n_texts + 63) / 64, sizeof *may);
    if (!may)
        return ERR_NOMEM;
    sift(p, c, 0, may);
    *out = may;
    return 0;
}

/* The texts from `from` on: what a sieve lets through is decided one by one. */
static int match_sifted(struct rowset *r, const struct predicate *p, const struct column *c,
                        uint32_t from, const uint64_t *within, uint64_t *out)
{
    size_t words = (c->n_texts + 63) / 64;
    uint64_t *may = arena_array(r->arena, words, sizeof *may);
    if (!may)
        return ERR_NOMEM;
    sift(p, c, from, may);
    for (uint32_t w = from / 64; w < words; w++) {
        for (uint64_t left = may[w]; left; left &= left - 1) {
            uint32_t text = w * 64 + (uint32_t)__builtin_ctzll(left), row = row_of(c, text);
            int rc = is_within(within, row) ? decide(r, p, c, text, c->text, 0) : 0;
            if (rc < 0)
                return rc;
            if (rc)
                set_bit(out, row);
        }
    }
    return arena_failed(r->arena) ? ERR_NOMEM : 0;
}

/* A literal that so many texts of a block have in vain costs more than the sieve. */
enum { IN_VAIN_MAX = 32 };

/* All texts of the column in one go, as they lie behind each other; where the needle is, the value
 * decides. (Values of several types have their texts as they are within their bytes.) */
static int match_needle(struct rowset *r, const struct predicate *p, const struct column *c,
                        struct str needle, const uint64_t *within, uint64_t *out)
{
    struct str all = str_of(c->text, c->n_texts ? c->ends[c->n_texts - 1] : 0);
    if (predicate_folds_case(p->op)) {
        char *small = arena_alloc(r->arena, all.n);
        if (!small)
            return ERR_NOMEM;
        text_fold(all, small);
        all.p = small;
    }
    int rc = 0;
    uint32_t text = 0, in_vain = 0;
    for (size_t at = str_find(all, needle); rc >= 0 && at < all.n;
         at = c->ends[text] + str_find(str_sub(all, c->ends[text], SIZE_MAX), needle)) {
        text = ends_find(c->ends, text, c->n_texts, at);
        if (!is_within(within, row_of(c, text)))
            continue;
        rc = decide(r, p, c, text, all.p, at);
        in_vain += rc == 0;
        if (rc > 0)
            set_bit(out, row_of(c, text));
        if (rc == 0 && in_vain > IN_VAIN_MAX && p->op == PREDICATE_REGEX)
            return match_sifted(r, p, c, text + 1, within, out);
    }
    return rc < 0 ? rc : arena_failed(r->arena) ? ERR_NOMEM : 0;
}

int rowset_search(struct rowset *r, const struct predicate *p, const struct column *c,
                  const uint64_t *within, uint64_t *out)
{
    struct str needle = predicate_needle(p);
    return needle.n ? match_needle(r, p, c, needle, within, out)
                    : match_sifted(r, p, c, 0, within, out);
}
