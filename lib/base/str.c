#define _GNU_SOURCE // memmem
#include "base/str.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/word.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_index(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0 || s.n == 0)
        return 0;
    const char *at = memmem(s.p, s.n, needle.p, needle.n);
    return at ? (size_t)(at - s.p) : s.n;
}

struct str str_cut(struct str *s, char sep)
{
    size_t at = str_index(*s, sep);
    struct str head = {s->p, at};
    *s = at < s->n ? (struct str){s->p + at + 1, s->n - at - 1} : (struct str){NULL, 0};
    return head;
}

struct str str_cut_word(struct str *s)
{
    struct str text = str_trim(*s);
    size_t n = 0;
    while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    *s = str_trim(str_sub(text, n, text.n));
    return str_sub(text, 0, n);
}

/* Length of the well-formed sequence at p, or 0. Bounds of the second byte: RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    size_t len = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;

    unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    unsigned char high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && !(load64(p + i) & 0x8080808080808080u)) {
            i += 8;
            continue;
        }
        if (p[i] < 0x80) {
            i++;
            continue;
        }
        size_t len = utf8_sequence(p + i, s.n - i);
        if (!len)
            return false;
        i += len;
    }
    return true;
}

size_t str_distance(struct str a, struct str b)
{
    enum { LONGEST = 64 };
    if (a.n > LONGEST || b.n > LONGEST)
        return SIZE_MAX;

    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t replace = diagonal + (a.p[i - 1] != b.p[j - 1]);
            size_t insert_or_drop = MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN(replace, insert_or_drop);
        }
    }
    return row[b.n];
}

void str_quote(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        if (c == '\n')
            buf_puts(out, "\\n");
        else
            buf_putc(out, c);
    }
    buf_putc(out, '"');
}

char *str_dup(struct str s)
{
    char *copy = malloc(s.n + 1);
    if (!copy)
        return NULL;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}
