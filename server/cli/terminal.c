#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

bool terminal_has_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void terminal_colour(struct buf *out, bool on, enum colour c)
{
    static const char *const codes[] = {"\x1b[0m",  "\x1b[31m", "\x1b[33m", "\x1b[32m",
                                        "\x1b[36m", "\x1b[2m",  "\x1b[1m"};
    if (on)
        buf_puts(out, codes[c]);
}

/* Bytes of the UTF-8 character that begins here. */
static size_t character_bytes(struct str text, size_t at)
{
    size_t n = 1;
    while (at + n < text.n && ((unsigned char)text.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* C1 controls are two bytes in UTF-8. */
static bool is_control(struct str text, size_t at)
{
    unsigned char c = (unsigned char)text.p[at];
    bool c1 = c == 0xc2 && at + 1 < text.n && (unsigned char)text.p[at + 1] < 0xa0;
    return c < 0x20 || c == 0x7f || c1;
}

static void put_escape(struct buf *out, struct str character)
{
    if (character.p[0] == '\n')
        buf_puts(out, "\\n");
    else if (character.p[0] == '\t')
        buf_puts(out, "\\t");
    else
        buf_printf(out, "\\x%02x", (unsigned char)character.p[character.n - 1]);
}

void terminal_text(struct buf *out, struct str text, size_t max)
{
    size_t shown = 0;
    for (size_t at = 0; at < text.n; shown++) {
        size_t n = character_bytes(text, at);
        if (shown + 1 >= max && at + n < text.n) {
            buf_puts(out, "…");
            return;
        }
        if (is_control(text, at))
            put_escape(out, str_sub(text, at, n));
        else
            buf_put(out, text.p + at, n);
        at += n;
    }
}

static size_t columns_since(const struct buf *out, size_t from)
{
    size_t columns = 0;
    struct str text = str_sub(buf_str(out), from, SIZE_MAX);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\x1b') {
            while (i < text.n && text.p[i] != 'm')
                i++;
            continue;
        }
        columns += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return columns;
}

void terminal_pad(struct buf *out, size_t from, size_t width)
{
    size_t columns = columns_since(out, from);
    do
        buf_putc(out, ' ');
    while (++columns < width);
}

void terminal_duration(struct buf *out, int64_t ns)
{
    int64_t s = ns / NS_PER_S;
    if (ns < 0) {
        buf_putc(out, '-');
        terminal_duration(out, ns == INT64_MIN ? INT64_MAX : -ns);
    } else if (ns < NS_PER_US) {
        buf_printf(out, "%dns", (int)ns);
    } else if (ns < NS_PER_MS) {
        buf_printf(out, "%.3gµs", (double)ns / (double)NS_PER_US);
    } else if (ns < NS_PER_S) {
        buf_printf(out, "%.3gms", (double)ns / (double)NS_PER_MS);
    } else if (s < 60) {
        buf_printf(out, "%.3gs", (double)ns / (double)NS_PER_S);
    } else if (s < 3600) {
        buf_printf(out, "%dm %ds", (int)(s / 60), (int)(s % 60));
    } else {
        buf_printf(out, "%lldh %dm", (long long)(s / 3600), (int)(s / 60 % 60));
    }
}

void terminal_count(struct buf *out, int64_t n)
{
    if (n < 0) {
        buf_putc(out, '-');
        n = n == INT64_MIN ? INT64_MAX : -n;
    }
    if (n >= 1000) {
        terminal_count(out, n / 1000);
        buf_printf(out, ",%03d", (int)(n % 1000));
    } else {
        buf_put_i64(out, n);
    }
}

void terminal_time(struct buf *out, struct str rfc3339)
{
    size_t t = str_index(rfc3339, 'T');
    if (t == rfc3339.n) {
        terminal_text(out, rfc3339, 64);
        return;
    }
    terminal_text(out, str_sub(rfc3339, 0, t), 16);
    buf_putc(out, ' ');
    terminal_text(out, str_sub(rfc3339, t + 1, 12), 16);
}
