#include "receive/otlp_name.h"

#include "base/buf.h"
#include "base/compiler.h"

/* What is longer is over every limit of names, and has none. The result grows by a few words only,
 * so that a buffer fails for want of memory alone. */
enum { INPUT_MAX_BYTES = OTLP_NAME_MAX_BYTES, NAME_MAX_BYTES = 64 << 10 };

static bool escapes(enum otlp_translation t)
{
    return t == OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES ||
           t == OTLP_UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES;
}

static bool adds_suffixes(enum otlp_translation t)
{
    return t == OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES || t == OTLP_NO_UTF8_ESCAPING_WITH_SUFFIXES;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static bool is_token_char(char c)
{
    return is_alphanumeric(c) || c == ':';
}

static bool is_metric_char(char c)
{
    return is_token_char(c) || c == '_';
}

static bool has_more_than_underscores(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_')
            return true;
    return false;
}

/* ---- units ---- */

struct word {
    const char *unit, *name;
};

/* UCUM's codes as Prometheus writes them. */
static const struct word units[] = {
    {"d", "days"},
    {"h", "hours"},
    {"min", "minutes"},
    {"s", "seconds"},
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"By", "bytes"},
    {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},
    {"TiBy", "tibibytes"}, // as Prometheus spells it
    {"KBy", "kilobytes"},
    {"MBy", "megabytes"},
    {"GBy", "gigabytes"},
    {"TBy", "terabytes"},
    {"m", "meters"},
    {"V", "volts"},
    {"A", "amperes"},
    {"J", "joules"},
    {"W", "watts"},
    {"g", "grams"},
    {"Cel", "celsius"},
    {"Hz", "hertz"},
    {"1", ""},
    {"%", "percent"},
};

static const struct word per_units[] = {
    {"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
    {"w", "week"},   {"mo", "month"}, {"y", "year"},
};

static struct str look_up(const struct word *words, size_t n, struct str unit)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(unit, str_c(words[i].unit)))
            return str_c(words[i].name);
    return unit;
}

/* Text in braces is an annotation, not a unit. */
static bool is_annotation(struct str s)
{
    return str_index(s, '{') < s.n || str_index(s, '}') < s.n;
}

struct unit_words {
    struct str main, per; /* "bytes", "second": without the "per_" */
};

static struct unit_words split_unit(struct str unit)
{
    struct unit_words words = {0};
    struct str per = unit;
    struct str main = str_trim(str_cut(&per, '/'));
    per = str_trim(per);
    if (main.n && !is_annotation(main))
        words.main = look_up(units, ARRAY_LEN(units), main);
    if (per.n && !is_annotation(per))
        words.per = look_up(per_units, ARRAY_LEN(per_units), per);
    return words;
}

/* The unit's word with underscores for what no name may have, none at the start, never two in a
 * row. */
static void put_clean(struct buf *out, struct str word)
{
    size_t begun = out->n;
    for (size_t i = 0; i < word.n; i++) {
        char c = is_token_char(word.p[i]) ? word.p[i] : '_';
        bool doubled = c == '_' && (out->n == begun || out->p[out->n - 1] == '_');
        if (!doubled)
            buf_putc(out, c);
    }
}

static void trim_underscore(struct buf *out, size_t begun)
{
    if (out->n > begun && out->p[out->n - 1] == '_')
        out->n--;
}

/* ---- the escaped form: tokens joined by underscores ---- */

static struct str next_token(struct str *rest)
{
    while (rest->n && !is_token_char(rest->p[0]))
        *rest = str_sub(*rest, 1, rest->n);
    size_t n = 0;
    while (n < rest->n && is_token_char(rest->p[n]))
        n++;
    struct str token = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->n);
    return token;
}

static bool has_token(struct str name, struct str token)
{
    for (struct str t = next_token(&name); t.n; t = next_token(&name))
        if (str_eq(t, token))
            return true;
    return false;
}

static void put_token(struct buf *out, struct str token)
{
    if (token.n == 0)
        return;
    if (out->n)
        buf_putc(out, '_');
    buf_put_str(out, token);
}

/* The name's tokens but for those equal to `without`. */
static void put_tokens(struct buf *out, struct str name, struct str without)
{
    for (struct str t = next_token(&name); t.n; t = next_token(&name))
        if (!str_eq(t, without))
            put_token(out, t);
}

/* The clean forms of a unit's words, "per_" included, without what the name says already. */
static void escaped_unit(struct str name, struct str unit, struct buf *main, struct buf *per)
{
    struct unit_words words = split_unit(unit);
    put_clean(main, words.main);
    if (has_token(name, buf_str(main)))
        buf_reset(main);
    if (words.per.n == 0)
        return;
    buf_puts(per, "per_");
    put_clean(per, words.per);
    trim_underscore(per, 0);
    if (str_eq(buf_str(per), STR("per")) || has_token(name, buf_str(per)))
        buf_reset(per);
    if (per->n)
        trim_underscore(main, 0);
}

static void put_escaped_with_suffixes(struct buf *out, struct str name, struct str unit,
                                      enum otlp_name_kind kind)
{
    bool ratio = kind == OTLP_NAME_GAUGE && str_eq(unit, STR("1"));
    struct str last = kind == OTLP_NAME_COUNTER ? STR("total") : ratio ? STR("ratio") : STR("");
    struct buf main = BUF_MAX(NAME_MAX_BYTES), per = BUF_MAX(NAME_MAX_BYTES);
    escaped_unit(name, unit, &main, &per);
    put_tokens(out, name, last);
    if (!last.n || !str_eq(buf_str(&main), last))
        put_token(out, buf_str(&main));
    put_token(out, buf_str(&per));
    put_token(out, last);
    out->failed |= main.failed | per.failed;
    buf_done(&main);
    buf_done(&per);
}

/* Runs of other characters become one underscore; underscores of the name stay as they are. */
static void put_escaped(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.n;) {
        size_t n = 0;
        while (i + n < name.n && is_metric_char(name.p[i + n]))
            n++;
        put_token(out, str_sub(name, i, n));
        for (i += n; i < name.n && !is_metric_char(name.p[i]); i++)
            ;
    }
}

/* ---- the UTF-8 form: suffixes behind the name as it is ---- */

/* Without the suffix and the delimiter before it. */
static struct str without_suffix(struct str name, struct str suffix)
{
    if (str_ends(name, suffix) && name.n > suffix.n + 1)
        name.n -= suffix.n + 1;
    return name;
}

static void put_suffix(struct buf *out, struct str suffix)
{
    if (suffix.n) {
        buf_putc(out, '_');
        buf_put_str(out, suffix);
    }
}

static void put_utf8_with_suffixes(struct buf *out, struct str name, struct str unit,
                                   enum otlp_name_kind kind)
{
    bool ratio = kind == OTLP_NAME_GAUGE && str_eq(unit, STR("1"));
    struct str last = kind == OTLP_NAME_COUNTER ? STR("total") : ratio ? STR("ratio") : STR("");
    struct unit_words words = split_unit(unit);
    struct buf per = BUF_MAX(NAME_MAX_BYTES);
    if (words.per.n)
        buf_puts(&per, "per_");
    buf_put_str(&per, words.per);

    if (last.n)
        name = without_suffix(name, last);
    if (per.n)
        name = without_suffix(name, buf_str(&per));
    buf_put_str(out, name);
    if (!str_ends(name, words.main))
        put_suffix(out, words.main);
    put_suffix(out, buf_str(&per));
    put_suffix(out, last);
    out->failed |= per.failed;
    buf_done(&per);
}

/* ---- public ---- */

/* Moves a finished text into the arena, which is marked as failed when there was no memory. */
static struct str finish(struct buf *text, struct arena *arena)
{
    struct str s = {0};
    if (buf_failed(text))
        arena->failed = true;
    else if (text->n)
        s = arena_str(arena, buf_str(text));
    buf_done(text);
    return s;
}

struct str otlp_metric_name(enum otlp_translation t, struct str name, struct str unit,
                            enum otlp_name_kind kind, struct arena *arena)
{
    if (name.n > INPUT_MAX_BYTES || unit.n > INPUT_MAX_BYTES)
        return (struct str){0};
    if (t == OTLP_NO_TRANSLATION || name.n == 0)
        return name;
    struct buf text = BUF_MAX(NAME_MAX_BYTES);
    if (t == OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES)
        put_escaped_with_suffixes(&text, name, unit, kind);
    else if (t == OTLP_UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES)
        put_escaped(&text, name);
    else
        put_utf8_with_suffixes(&text, name, unit, kind);

    if (escapes(t) && text.n && is_digit(text.p[0])) {
        struct buf prefixed = BUF_MAX(NAME_MAX_BYTES);
        buf_putc(&prefixed, '_');
        buf_put_str(&prefixed, buf_str(&text));
        prefixed.failed |= text.failed;
        buf_done(&text);
        text = prefixed;
    }
    if (escapes(t) && !buf_failed(&text) && !has_more_than_underscores(buf_str(&text)))
        buf_reset(&text);
    return finish(&text, arena);
}

struct str otlp_unit_name(enum otlp_translation t, struct str unit, struct arena *arena)
{
    if (unit.n > INPUT_MAX_BYTES)
        return (struct str){0};
    if (!adds_suffixes(t))
        return unit;
    struct unit_words words = split_unit(unit);
    struct buf text = BUF_MAX(NAME_MAX_BYTES);
    if (escapes(t))
        put_clean(&text, words.main);
    else
        buf_put_str(&text, words.main);
    if (words.per.n) {
        trim_underscore(&text, 0);
        put_token(&text, STR("per_"));
        if (escapes(t))
            put_clean(&text, words.per);
        else
            buf_put_str(&text, words.per);
    }
    trim_underscore(&text, 0);
    return finish(&text, arena);
}

static bool is_label_char(char c)
{
    return is_alphanumeric(c) || c == '_';
}

/* What goes before names that may not begin as they do; "__" begins names of our own and stays. */
static struct str label_prefix(struct str name)
{
    if (is_digit(name.p[0]))
        return STR("key_");
    return name.p[0] == '_' && !str_starts(name, STR("__")) ? STR("key") : STR("");
}

static bool is_plain_label(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (!is_label_char(key.p[i]))
            return false;
    return true;
}

/* One underscore for each character that may not be: the bytes that continue one are passed over.
 */
static void put_label(struct buf *out, struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if (is_label_char(key.p[i]))
            buf_putc(out, key.p[i]);
        else if (((unsigned char)key.p[i] & 0xC0) != 0x80)
            buf_putc(out, '_');
    }
}

struct str otlp_label_name(enum otlp_translation t, struct str key, struct arena *arena)
{
    if (key.n > INPUT_MAX_BYTES)
        return (struct str){0};
    if (!escapes(t) || key.n == 0)
        return key;
    bool plain = is_plain_label(key);
    if (plain && label_prefix(key).n == 0)
        return has_more_than_underscores(key) ? key : (struct str){0};

    struct buf name = BUF_MAX(NAME_MAX_BYTES), text = BUF_MAX(NAME_MAX_BYTES);
    put_label(&name, key);
    if (name.n) {
        buf_put_str(&text, label_prefix(buf_str(&name)));
        buf_put_str(&text, buf_str(&name));
    }
    text.failed |= name.failed;
    if (!buf_failed(&text) && !has_more_than_underscores(buf_str(&text)))
        buf_reset(&text);
    buf_done(&name);
    return finish(&text, arena);
}
