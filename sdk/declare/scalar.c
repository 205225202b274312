#include "declare/scalar.h"

#include <stdlib.h>

#include "base/num.h"

enum { NAME_MAX_BYTES = 256 };

/* --- variables ------------------------------------------------------------------------------- */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], lower = (char)(c | 0x20);
        bool letter = (lower >= 'a' && lower <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0 && s.n < NAME_MAX_BYTES;
}

/* `body` is what stands between the braces. An empty variable is as one that is not set. */
static bool put_variable(struct buf *out, struct str body)
{
    if (str_starts(body, STR("env:")))
        body = str_sub(body, 4, body.n);
    size_t end = str_find(body, STR(":-"));
    struct str name = str_sub(body, 0, end), otherwise = str_sub(body, end + 2, body.n);
    if (!is_name(name) || str_index(otherwise, '\n') < otherwise.n)
        return false;
    char text[NAME_MAX_BYTES];
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    const char *value = getenv(text);
    buf_put_str(out, value && *value ? str_c(value) : otherwise);
    return true;
}

bool scalar_substitute(struct buf *out, struct str text)
{
    while (text.n) {
        size_t at = str_index(text, '$');
        buf_put_str(out, str_sub(text, 0, at));
        text = str_sub(text, at, text.n);
        if (str_starts(text, STR("$$"))) {
            buf_putc(out, '$');
            text = str_sub(text, 2, text.n);
        } else if (str_starts(text, STR("${"))) {
            size_t end = str_index(text, '}');
            if (end == text.n || !put_variable(out, str_sub(text, 2, end - 2)))
                return false;
            text = str_sub(text, end + 1, text.n);
        } else if (text.n) {
            buf_putc(out, '$');
            text = str_sub(text, 1, text.n);
        }
    }
    return true;
}

/* --- types ----------------------------------------------------------------------------------- */

static bool is_one_of(struct str s, const char *const words[3])
{
    return str_eq(s, str_c(words[0])) || str_eq(s, str_c(words[1])) || str_eq(s, str_c(words[2]));
}

static bool has_only(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!s.p[i] || !strchr(characters, s.p[i]))
            return false;
    }
    return s.n > 0;
}

static bool parse_octal(struct str s, int64_t *out)
{
    uint64_t v = 0;
    if (!has_only(s, "01234567") || s.n > 20)
        return false;
    for (size_t i = 0; i < s.n; i++)
        v = v * 8 + (uint64_t)(s.p[i] - '0');
    *out = (int64_t)v;
    return v <= INT64_MAX;
}

static bool parse_integer(struct str s, int64_t *out)
{
    uint64_t v;
    if (str_starts(s, STR("0o")))
        return parse_octal(str_sub(s, 2, s.n), out);
    if (str_starts(s, STR("0x"))) {
        bool ok = num_parse_hex(str_sub(s, 2, s.n), &v) == 0 && v <= INT64_MAX;
        if (ok)
            *out = (int64_t)v;
        return ok;
    }
    if (str_starts(s, STR("+")))
        s = str_sub(s, 1, s.n);
    return has_only(s, "-0123456789") && num_parse_i64(s, out) == 0;
}

static bool parse_special(struct str s, double *out)
{
    static const char *const infinities[] = {".inf", ".Inf", ".INF"};
    static const char *const nans[] = {".nan", ".NaN", ".NAN"};
    bool minus = str_starts(s, STR("-"));
    struct str rest = minus || str_starts(s, STR("+")) ? str_sub(s, 1, s.n) : s;
    if (is_one_of(rest, infinities))
        return num_parse_double(minus ? STR("-inf") : STR("inf"), out) == 0;
    return is_one_of(s, nans) && num_parse_double(STR("nan"), out) == 0;
}

tt_value scalar_resolve(struct str s)
{
    static const char *const nulls[] = {"null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    int64_t integer;
    double number;
    if (s.n == 0 || str_eq(s, STR("~")) || is_one_of(s, nulls))
        return tt_value_of(TT_TYPE_EMPTY, 0);
    if (is_one_of(s, trues) || is_one_of(s, falses))
        return tt_value_bool((s.p[0] | 0x20) == 't');
    if (parse_integer(s, &integer))
        return tt_value_int(integer);
    if (parse_special(s, &number) ||
        (has_only(s, "+-.0123456789eE") && num_parse_double(s, &number) == 0))
        return tt_value_double(number);
    return tt_value_text(s.p, s.n);
}
