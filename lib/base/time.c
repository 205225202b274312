#include "base/time.h"

#include <time.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now); // fails only for unknown clocks
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t time_now_unix_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t time_now_unix_ms(void)
{
    return time_now_unix_ns() / NS_PER_MS;
}

int64_t time_now_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static const struct duration_unit {
    struct str name;
    int64_t ms;
} duration_units[] = {
    {{"y", 1}, 365 * MS_PER_DAY},
    {{"w", 1}, 7 * MS_PER_DAY},
    {{"d", 1}, MS_PER_DAY},
    {{"h", 1}, 3600 * MS_PER_S},
    {{"m", 1}, 60 * MS_PER_S},
    {{"s", 1}, MS_PER_S},
    {{"ms", 2}, 1},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int duration_invalid(struct str text, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "\"%.*s\" is not a duration; expected numbers with the units y w d h m s ms in "
                   "that order, e.g. 1h30m",
                   STR_ARG(text));
}

int duration_parse(struct str text, int64_t *out_ms, struct err *err)
{
    if (str_eq(text, STR("0"))) {
        *out_ms = 0;
        return 0;
    }
    struct str rest = text;
    size_t next_unit = 0;
    int64_t total = 0;
    if (rest.n == 0)
        return duration_invalid(text, err);
    while (rest.n) {
        int64_t number = 0;
        size_t digits = 0;
        for (; digits < rest.n && is_digit(rest.p[digits]); digits++)
            if (__builtin_mul_overflow(number, 10, &number) ||
                __builtin_add_overflow(number, rest.p[digits] - '0', &number))
                return err_set(err, ERR_TOO_BIG, "duration \"%.*s\" is too long", STR_ARG(text));
        rest = str_sub(rest, digits, rest.n);
        size_t letters = 0;
        while (letters < rest.n && !is_digit(rest.p[letters]))
            letters++;
        struct str name = str_sub(rest, 0, letters);
        while (next_unit < ARRAY_LEN(duration_units) &&
               !str_eq(duration_units[next_unit].name, name))
            next_unit++;
        if (digits == 0 || next_unit == ARRAY_LEN(duration_units))
            return duration_invalid(text, err);
        if (__builtin_mul_overflow(number, duration_units[next_unit].ms, &number) ||
            __builtin_add_overflow(total, number, &total))
            return err_set(err, ERR_TOO_BIG, "duration \"%.*s\" is too long", STR_ARG(text));
        next_unit++;
        rest = str_sub(rest, letters, rest.n);
    }
    *out_ms = total;
    return 0;
}

void duration_format(struct buf *out, int64_t ms)
{
    if (ms == 0) {
        buf_puts(out, "0s");
        return;
    }
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        buf_putc(out, '-');
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
        uint64_t unit = (uint64_t)duration_units[i].ms;
        /* Years and weeks only when nothing remains: 8d reads better than 1w1d. */
        bool whole_only = i < 2;
        if (left >= unit && (!whole_only || left % unit == 0)) {
            buf_put_u64(out, left / unit);
            buf_put_str(out, duration_units[i].name);
            left %= unit;
        }
    }
}

int64_t date_to_days(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void date_from_days(int64_t days, int64_t *out_year, int *out_month, int *out_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *out_day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *out_month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *out_year = year_of_era + era * 400 + (*out_month <= 2);
}

/* Reads exactly `digits` digits at *at; -1 when they are not there. */
static int fixed_digits(struct str s, size_t *at, size_t digits)
{
    int v = 0;
    if (s.n - *at < digits)
        return -1;
    for (size_t i = 0; i < digits; i++) {
        char c = s.p[*at + i];
        if (!is_digit(c))
            return -1;
        v = v * 10 + (c - '0');
    }
    *at += digits;
    return v;
}

static bool literal(struct str s, size_t *at, char a, char b)
{
    if (*at >= s.n || (s.p[*at] != a && s.p[*at] != b))
        return false;
    (*at)++;
    return true;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* ".123456" -> milliseconds, or 0 when there is no fraction; -1 when malformed. */
static int fraction_ms(struct str s, size_t *at)
{
    if (!literal(s, at, '.', ','))
        return 0;
    int ms = 0;
    size_t digits = 0;
    for (; *at < s.n && is_digit(s.p[*at]); (*at)++, digits++)
        if (digits < 3)
            ms = ms * 10 + (s.p[*at] - '0');
    if (digits == 0)
        return -1;
    for (; digits < 3; digits++)
        ms *= 10;
    return ms;
}

/* "Z" or "+hh:mm" -> minutes east of UTC; INT32_MIN when malformed. */
static int zone_minutes(struct str s, size_t *at)
{
    if (literal(s, at, 'Z', 'z'))
        return 0;
    bool west = *at < s.n && s.p[*at] == '-';
    if (!literal(s, at, '+', '-'))
        return INT32_MIN;
    int h = fixed_digits(s, at, 2);
    int m = literal(s, at, ':', ':') ? fixed_digits(s, at, 2) : -1;
    if (h < 0 || h > 23 || m < 0 || m > 59)
        return INT32_MIN;
    return west ? -(h * 60 + m) : h * 60 + m;
}

int time_parse_rfc3339(struct str text, int64_t *out_unix_ms, struct err *err)
{
    size_t at = 0;
    int year = fixed_digits(text, &at, 4);
    int month = literal(text, &at, '-', '-') ? fixed_digits(text, &at, 2) : -1;
    int day = literal(text, &at, '-', '-') ? fixed_digits(text, &at, 2) : -1;
    int hour = literal(text, &at, 'T', 't') ? fixed_digits(text, &at, 2) : -1;
    int minute = literal(text, &at, ':', ':') ? fixed_digits(text, &at, 2) : -1;
    int second = literal(text, &at, ':', ':') ? fixed_digits(text, &at, 2) : -1;
    int ms = second < 0 ? -1 : fraction_ms(text, &at);
    int zone = ms < 0 ? INT32_MIN : zone_minutes(text, &at);
    bool date_ok =
        year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
    bool time_ok = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 &&
                   second <= 59 && ms >= 0 && zone != INT32_MIN;
    if (!date_ok || !time_ok || at != text.n)
        return err_set(err, ERR_INVALID,
                       "\"%.*s\" is not a time; expected RFC 3339, e.g. 2026-01-31T12:00:00Z",
                       STR_ARG(text));
    int64_t minutes = (date_to_days(year, month, day) * 24 + hour) * 60 + minute - zone;
    *out_unix_ms = (minutes * 60 + second) * MS_PER_S + ms;
    return 0;
}

void time_format_rfc3339(struct buf *out, int64_t unix_ms)
{
    int64_t days = unix_ms / MS_PER_DAY - (unix_ms % MS_PER_DAY < 0);
    int64_t ms = unix_ms - days * MS_PER_DAY;
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    buf_printf(out, "%04lld-%02d-%02dT%02lld:%02lld:%02lld.%03lldZ", (long long)year, month, day,
               (long long)(ms / 3600000), (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60),
               (long long)(ms % 1000));
}
