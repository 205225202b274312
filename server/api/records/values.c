/* Parameters and values of questions about records. */
#include <math.h>
#include <stdio.h>

#include "api/records/request.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/base64.h"

enum { TIME_TEXT_MAX = 64 };

/* --- parameters ------------------------------------------------------------------------------- */

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
    if (time_parse_rfc3339(text, &ms, NULL) != 0 || ms < INT64_MIN / NS_PER_MS ||
        ms > INT64_MAX / NS_PER_MS - 1000)
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

/* --- answers ---------------------------------------------------------------------------------- */

void json_id(struct json *j, struct str id)
{
    static const char hex[] = "0123456789abcdef";
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < id.n && n < sizeof text; i++) {
        text[n++] = hex[(unsigned char)id.p[i] >> 4];
        text[n++] = hex[(unsigned char)id.p[i] & 15];
    }
    json_str(j, str_of(text, n));
}

static void json_bytes(struct json *j, struct str bytes)
{
    struct buf text = BUF_MAX(bytes.n * 2 + 8);
    base64_encode(&text, bytes);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void json_items(struct json *j, const struct any *v)
{
    json_array(j);
    for (uint32_t i = 0; i < v->n; i++)
        json_any(j, &v->as.items[i]);
    json_array_end(j);
}

static void json_pairs(struct json *j, const struct any *v)
{
    json_object(j);
    for (uint32_t i = 0; i < v->n; i++)
        json_any_member(j, v->as.pairs[i].key, &v->as.pairs[i].value);
    json_object_end(j);
}

void json_any(struct json *j, const struct any *v)
{
    switch (v->type) {
    case ANY_STRING: json_str(j, any_text(v)); break;
    case ANY_BYTES: json_bytes(j, any_text(v)); break;
    case ANY_BOOL: json_bool(j, v->as.boolean); break;
    case ANY_INT: json_i64(j, v->as.integer); break;
    case ANY_DOUBLE: json_double(j, v->as.number); break;
    case ANY_ARRAY: json_items(j, v); break;
    case ANY_MAP: json_pairs(j, v); break;
    default: json_null(j); break;
    }
}

void json_any_member(struct json *j, struct str key, const struct any *v)
{
    json_str(j, key);
    buf_putc(j->out, ':');
    j->comma = false;
    json_any(j, v);
}

void json_time(struct json *j, int64_t unix_ns)
{
    struct buf text = BUF_MAX(64);
    int64_t seconds = unix_ns / NS_PER_S - (unix_ns % NS_PER_S < 0);
    time_format_rfc3339(&text, seconds * MS_PER_S);
    struct str whole = str_sub(buf_str(&text), 0, text.n - (text.n >= 5 ? 5 : text.n));
    char out[64];
    int n = snprintf(out, sizeof out, "%.*s.%09lldZ", STR_ARG(whole),
                     (long long)(unix_ns - seconds * NS_PER_S));
    json_str(j, str_of(out, (size_t)n));
    buf_done(&text);
}
