#include "codec/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= n > 2 ? p[i + 2] : 0;
        char four[4] = {alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
                        alphabet[v & 63]};
        for (size_t k = n + 1; k < 4; k++)
            four[k] = '=';
        buf_put(out, four, sizeof four);
    }
}

/* The six bits of a letter, or -1. */
static int six_bits(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(struct str text, struct arena *arena, struct str *out)
{
    size_t n = text.n;
    while (n > 0 && text.n - n < 2 && text.p[n - 1] == '=')
        n--;
    if (n % 4 == 1)
        return ERR_INVALID;
    unsigned char *bytes = arena_alloc(arena, n / 4 * 3 + 2);
    if (!bytes)
        return ERR_NOMEM;
    size_t used = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int six = six_bits(text.p[i]);
        if (six < 0)
            return ERR_INVALID;
        bits = bits << 6 | (uint32_t)six;
        if (i % 4 != 0)
            bytes[used++] = (unsigned char)(bits >> (6 - i % 4 * 2));
    }
    *out = str_of((const char *)bytes, used);
    return 0;
}
