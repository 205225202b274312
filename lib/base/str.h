/* Text by value: a pointer and a length, not NUL-terminated, not assumed to be UTF-8.
 *
 * A `struct str` borrows its bytes; who owns them stands where the value is kept. {NULL, 0} is the
 * empty string and a valid value. */
#ifndef TELLTALE_BASE_STR_H
#define TELLTALE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* STR("literal"): a str of a string literal, its length known at compile time. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) ((int)(s).n), ((s).p ? (s).p : "")

static inline struct str str_of(const char *p, size_t n)
{
    return (struct str){p, n};
}

/* Of a NUL-terminated string; NULL gives the empty str. */
static inline struct str str_c(const char *p)
{
    return (struct str){p, p ? strlen(p) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order of bytes, shorter first among equals: <0, 0, >0. */
static inline int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    if (n && a.p[0] != b.p[0]) // mostly: without a call
        return (unsigned char)a.p[0] < (unsigned char)b.p[0] ? -1 : 1;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The bytes from `from` (clipped) on, at most `n` of them. */
static inline struct str str_sub(struct str s, size_t from, size_t n)
{
    if (from > s.n)
        from = s.n;
    if (n > s.n - from)
        n = s.n - from;
    return (struct str){s.p ? s.p + from : NULL, n};
}

/* Equal but for ASCII case. */
bool str_eq_nocase(struct str a, struct str b);

/* Without ASCII white space (space, \t, \r, \n, \v, \f) at both ends. */
struct str str_trim(struct str s);

/* Position of the first byte `c`, or of the first occurrence of `needle`; s.n when there is none.
 * An empty needle is found at 0. */
size_t str_index(struct str s, char c);
size_t str_find(struct str s, struct str needle);

/* Cuts `s` at the first byte `sep`: returns what stands before it and leaves in `*s` what stands
 * after it (empty with p == NULL when there was no `sep`, so a loop ends on !s->p). */
struct str str_cut(struct str *s, char sep);

/* Cuts the first word, which a space or a tab ends; `*s` is left trimmed. Empty: none is left. */
struct str str_cut_word(struct str *s);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/* Levenshtein distance, for "did you mean"; texts over 64 bytes count as far apart (SIZE_MAX). */
size_t str_distance(struct str a, struct str b);

/* Appends the text in double quotes as the text formats write it: \\ \" \n escaped. */
struct buf;
void str_quote(struct buf *out, struct str s);

/* The same as a PromQL literal, for people: bytes that are no UTF-8 and characters that do not
 * print are escaped, too. It reads back to the same bytes. */
void str_quote_visible(struct buf *out, struct str s);

/* Copy as a NUL-terminated heap string; NULL when out of memory. Caller frees. */
char *str_dup(struct str s);

#endif
