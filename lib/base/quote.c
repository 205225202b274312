/* Quoted text in which everything can be seen.
 *
 * What does not print is escaped as Go's strconv.Quote does, so that a formatted query equals the
 * one Prometheus writes and no control character reaches a terminal. Characters that Unicode has
 * not given out yet are the exception: that list changes with every version, so only the planes
 * without any count as unprintable. So does U+FFFD, which PromQL refuses as it stands. */
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"

/* Control and format characters, spaces other than ' ', private use, and what is no character. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x0, 0x1f},        {0x7f, 0xa0},        {0xad, 0xad},       {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x890, 0x891},
    {0x8e2, 0x8e2},     {0x1680, 0x1680},    {0x180e, 0x180e},   {0x2000, 0x200f},
    {0x2028, 0x202f},   {0x205f, 0x2064},    {0x2066, 0x206f},   {0x3000, 0x3000},
    {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},    {0xfeff, 0xfeff},   {0xfff9, 0xfffb},
    {0xfffd, 0xffff},   {0x110bd, 0x110bd},  {0x110cd, 0x110cd}, {0x13430, 0x13438},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},  {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff},
    {0x3fffe, 0xe00ff}, {0xe01f0, 0x10ffff},
};

static bool prints(uint32_t c)
{
    size_t i = 0;
    while (unprintable[i].last < c)
        if (++i == ARRAY_LEN(unprintable))
            return true;
    return c < unprintable[i].first;
}

/* Length of the well-formed UTF-8 sequence at the start of `s`, or 0. */
static size_t utf8_length(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.n && str_is_utf8(str_sub(s, 0, n)) ? n : 0;
}

static uint32_t decode(struct str sequence)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (unsigned char)sequence.p[0] & masks[sequence.n];
    for (size_t i = 1; i < sequence.n; i++)
        c = c << 6 | ((unsigned char)sequence.p[i] & 0x3f);
    return c;
}

static void put_character(struct buf *out, struct str sequence)
{
    static const char names[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
    uint32_t c = decode(sequence);
    const char *simple = c && c < 0x80 ? strchr(values, (int)c) : NULL;
    if (simple)
        buf_printf(out, "\\%c", names[simple - values]);
    else if (prints(c))
        buf_put_str(out, sequence);
    else
        buf_printf(out, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

void str_quote_visible(struct buf *out, struct str s)
{
    buf_putc(out, '"');
    while (s.n) {
        size_t n = utf8_length(s);
        if (n)
            put_character(out, str_sub(s, 0, n));
        else
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s.p[0]);
        s = str_sub(s, n ? n : 1, s.n);
    }
    buf_putc(out, '"');
}
