#include "api/prometheus/label_name.h"

#include <stdint.h>

#include "base/buf.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3F));
    to[0] = (char)(first[n] | c);
    return n;
}

/* "2e_" -> '.', and how many bytes that took; 0 when it is no escape. */
static size_t code_point(struct str s, uint32_t *out)
{
    uint32_t c = 0;
    size_t i = 0;
    for (; i < s.n && s.p[i] != '_'; i++) {
        int digit = hex_digit(s.p[i]);
        if (digit < 0 || i >= 6)
            return 0;
        c = c << 4 | (uint32_t)digit;
    }
    bool valid = c <= 0x10FFFF && !(c >= 0xD800 && c < 0xE000);
    *out = c;
    return i > 0 && i < s.n && valid ? i + 1 : 0;
}

struct str label_name_unescape(struct arena *arena, struct str text)
{
    struct str rest = str_sub(text, 3, text.n);
    char *to = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (!str_starts(text, STR("U__")) || !to)
        return text;
    while (rest.n) {
        char c = rest.p[0];
        rest = str_sub(rest, 1, rest.n);
        if (c != '_') {
            to[n++] = c;
            continue;
        }
        uint32_t code;
        size_t used = rest.n && rest.p[0] == '_' ? 1 : code_point(rest, &code);
        if (used == 0)
            return text;
        if (rest.p[0] == '_')
            to[n++] = '_';
        else
            n += put_utf8(to + n, code);
        rest = str_sub(rest, used, rest.n);
    }
    return str_of(to, n);
}
