/* Times, durations and ids as people and other servers' clients write them. */
#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "query/records/records.h"

enum { TIME_TEXT_MAX = 64 };

/* 1e8 s is 1973, and so are 1e11 ms, 1e14 µs and 1e17 ns. */
int64_t time_by_magnitude(double number)
{
    double size = fabs(number);
    double ns = size < 1e11   ? number * 1e9
                : size < 1e14 ? number * 1e6
                : size < 1e17 ? number * 1e3
                              : number;
    if (!(ns > -9.2e18))
        return INT64_MIN / 2;
    return ns < 9.2e18 ? (int64_t)ns : INT64_MAX / 2;
}

/* The decimals of a second that RFC 3339 text has, in ns; time_parse_rfc3339 cuts them to ms. */
static int64_t decimals_ns(struct str text)
{
    size_t dot = str_index(text, '.');
    int64_t ns = 0, unit = NS_PER_S / 10;
    for (size_t i = dot + 1; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        ns += (text.p[i] - '0') * unit;
        unit /= 10;
    }
    return ns;
}

/* Clients that do not escape "+02:00" send what reads as " 02:00". */
static struct str plus_restored(struct str text, char room[TIME_TEXT_MAX])
{
    size_t blank = str_index(text, ' ');
    if (blank == text.n || text.n > TIME_TEXT_MAX || blank < 19) // behind date and time
        return text;
    memcpy(room, text.p, text.n);
    room[blank] = '+';
    return str_of(room, text.n);
}

bool parse_time_ns(struct str text, int64_t *out_unix_ns)
{
    double number;
    int64_t whole, ms;
    char room[TIME_TEXT_MAX];
    text = plus_restored(text, room);
    if (num_parse_i64(text, &whole) == 0 && (whole >= INT64_C(100000000000000000))) {
        *out_unix_ns = whole; // to the nanosecond, which a double is not
        return true;
    }
    if (num_parse_double(text, &number) == 0 && !isnan(number)) {
        *out_unix_ns = time_by_magnitude(number);
        return true;
    }
    if (time_parse_rfc3339(text, &ms, NULL) != 0 || ms < INT64_MIN / NS_PER_MS + MS_PER_S ||
        ms > INT64_MAX / NS_PER_MS - MS_PER_S)
        return false;
    int64_t seconds = ms / MS_PER_S - (ms % MS_PER_S < 0);
    *out_unix_ns = seconds * NS_PER_S + decimals_ns(text);
    return true;
}

static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"\xc2\xb5s", NS_PER_US},
    {"\xce\xbcs", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 86400 * NS_PER_S},
};

static bool is_number_sign(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

/* 0 when there is none of that name. */
static int64_t unit_of(struct str name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (str_eq(name, str_c(units[i].name)))
            return units[i].ns;
    return 0;
}

bool parse_duration_ns(struct str text, int64_t unit_ns, int64_t *out_ns)
{
    double total = 0, number;
    bool minus = text.n && text.p[0] == '-';
    size_t at = minus || (text.n && text.p[0] == '+');
    if (at == text.n)
        return false;
    while (at < text.n) {
        size_t begin = at;
        while (at < text.n && is_number_sign(text.p[at]))
            at++;
        struct str digits = str_sub(text, begin, at - begin);
        begin = at;
        while (at < text.n && !is_number_sign(text.p[at]))
            at++;
        struct str name = str_sub(text, begin, at - begin);
        bool alone = name.n == 0 && digits.n + (minus || text.p[0] == '+') == text.n;
        int64_t unit = alone ? unit_ns : unit_of(name);
        if (unit == 0 || digits.n == 0 || num_parse_double(digits, &number) != 0)
            return false;
        total += number * (double)unit;
    }
    if (!(total < 9.2e18))
        return false;
    *out_ns = (int64_t)round(minus ? -total : total);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct str parse_id(struct arena *a, struct str text, size_t n)
{
    char *id = arena_zalloc(a, n);
    if (!id || text.n == 0 || text.n > 2 * n)
        return (struct str){0};
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_digit(text.p[text.n - 1 - i]);
        if (digit < 0)
            return (struct str){0};
        id[n - 1 - i / 2] = (char)((unsigned char)id[n - 1 - i / 2] | digit << 4 * (i % 2));
    }
    return str_of(id, n);
}
