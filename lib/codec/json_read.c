#include "codec/json_read.h"

#include "base/compiler.h"

enum { SHOWN_MAX = 40 };

struct json_reader json_reader_of(struct str bytes, struct arena *arena, unsigned max_depth)
{
    const char *p = bytes.p ? bytes.p : "";
    return (struct json_reader){
        .at = p,
        .end = p + bytes.n,
        .start = p,
        .arena = arena,
        .max_depth = max_depth,
    };
}

void json_damage(struct json_reader *r, const char *what)
{
    if (!r->damage) {
        r->damage = what;
        r->damage_offset = (size_t)(r->at - r->start);
    }
    r->at = r->end;
}

void json_unexpected(struct json_reader *r, const char *expected, struct str found)
{
    if (!r->damage)
        r->found = found;
    json_damage(r, expected);
}

/* A longer text is cut, but not within a character. */
static struct str shown(struct str text)
{
    size_t n = MIN(text.n, (size_t)SHOWN_MAX);
    while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return str_sub(text, 0, n);
}

int json_error(const struct json_reader *r, const char *field, struct err *err)
{
    int code = arena_failed(r->arena) ? ERR_NOMEM : ERR_INVALID;
    return err_set(err, code, "%s%s%s%s%.*s, at byte %zu", field ? field : "", field ? ": " : "",
                   r->damage ? r->damage : "damaged", r->found.p ? "; found " : "",
                   STR_ARG(shown(r->found)), r->damage_offset);
}

/* ---- what comes next ---- */

static void pass_blanks(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
        r->at++;
}

/* The next byte that is not blank, or 0 at the end. */
static char peek_byte(struct json_reader *r)
{
    pass_blanks(r);
    return r->at < r->end ? *r->at : '\0';
}

enum json_kind json_peek(struct json_reader *r)
{
    char c = peek_byte(r);
    switch (c) {
    case '{': return JSON_KIND_OBJECT;
    case '[': return JSON_KIND_ARRAY;
    case '"': return JSON_KIND_STRING;
    case 't':
    case 'f': return JSON_KIND_BOOL;
    case 'n': return JSON_KIND_NULL;
    default: break;
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return JSON_KIND_NUMBER;
    json_damage(r, r->at == r->end ? "the document ends too early" : "expected a value");
    return JSON_KIND_NONE;
}

/* Notes that the next value is of another kind. */
static void wrong_kind(struct json_reader *r, const char *expected)
{
    struct str found = STR("something else");
    switch (peek_byte(r)) {
    case '{': found = STR("an object"); break;
    case '[': found = STR("an array"); break;
    case '"': found = STR("a string"); break;
    case 't':
    case 'f': found = STR("true or false"); break;
    case 'n': found = STR("null"); break;
    case '\0': found = STR("nothing"); break;
    default: break;
    }
    if (r->at < r->end && (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')))
        found = STR("a number");
    json_unexpected(r, expected, found);
}

/* ---- words and numbers ---- */

static bool take_word(struct json_reader *r, struct str word)
{
    if (!str_starts(str_of(r->at, (size_t)(r->end - r->at)), word))
        return false;
    r->at += word.n;
    return true;
}

bool json_read_bool(struct json_reader *r)
{
    pass_blanks(r);
    if (take_word(r, STR("true")))
        return true;
    if (!take_word(r, STR("false")))
        wrong_kind(r, "expected true or false");
    return false;
}

static void read_null(struct json_reader *r)
{
    pass_blanks(r);
    if (!take_word(r, STR("null")))
        json_damage(r, "expected null");
}

static size_t take_digits(struct json_reader *r)
{
    size_t n = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        n++;
    return n;
}

static bool take_one(struct json_reader *r, char a, char b)
{
    bool is = r->at < r->end && (*r->at == a || *r->at == b);
    r->at += is;
    return is;
}

struct str json_read_number(struct json_reader *r)
{
    pass_blanks(r);
    const char *begin = r->at;
    (void)take_one(r, '-', '-'); // may be there or not
    bool zero = r->at < r->end && *r->at == '0';
    size_t whole = take_digits(r);
    bool good = whole > 0 && (!zero || whole == 1);
    if (take_one(r, '.', '.'))
        good &= take_digits(r) > 0;
    if (take_one(r, 'e', 'E')) {
        (void)take_one(r, '+', '-'); // may be there or not
        good &= take_digits(r) > 0;
    }
    if (!good) {
        if (r->at == begin)
            wrong_kind(r, "expected a number");
        else
            json_unexpected(r, "expected a number", str_of(begin, (size_t)(r->at - begin)));
        return (struct str){0};
    }
    return str_of(begin, (size_t)(r->at - begin));
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits at `p`, or -1. */
static int32_t hex_four(const char *p, const char *end)
{
    int32_t v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* \uXXXX at `*p` (behind the u), or a pair of surrogates; NUL for a damaged one. A surrogate alone
 * is no character and becomes U+FFFD, as most readers do. */
static bool read_unicode(const char **p, const char *end, uint32_t *out)
{
    int32_t high = hex_four(*p, end);
    if (high < 0)
        return false;
    *p += 4;
    *out = (uint32_t)high;
    if (high < 0xD800 || high > 0xDFFF)
        return true;
    bool pair = high < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u';
    int32_t low = pair ? hex_four(*p + 2, end) : -1;
    if (low < 0xDC00 || low > 0xDFFF) {
        *out = 0xFFFD;
        return true;
    }
    *p += 6;
    *out = 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
    return true;
}

/* The character of a one-letter escape, or 0. */
static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return '\0';
    }
}

/* The bytes between the quotes without their escapes. They get no longer by that. */
static struct str unescape(struct json_reader *r, struct str raw)
{
    char *to = arena_alloc(r->arena, raw.n);
    if (!to) {
        json_damage(r, "no memory for a string");
        return (struct str){0};
    }
    size_t n = 0;
    const char *p = raw.p, *end = raw.p + raw.n;
    while (p < end) {
        if (*p != '\\') {
            to[n++] = *p++;
            continue;
        }
        char escape = p[1]; // a backslash is never the last byte between the quotes
        char simple = simple_escape(escape);
        uint32_t c = (unsigned char)simple;
        p += 2;
        if (!simple && (escape != 'u' || !read_unicode(&p, end, &c))) {
            json_damage(r, "unknown escape in a string");
            return (struct str){0};
        }
        n += put_utf8(to + n, c);
    }
    return str_of(to, n);
}

/* The raw bytes of the string at r->at, behind its opening quote; p == NULL after damage. */
static struct str take_raw(struct json_reader *r, bool *out_escapes)
{
    const char *begin = r->at, *p = begin;
    *out_escapes = false;
    for (; p < r->end && *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) {
            r->at = p;
            json_damage(r, "control character in a string");
            return (struct str){0};
        }
        if (*p == '\\') {
            *out_escapes = true;
            if (++p == r->end)
                break;
        }
    }
    if (p >= r->end) {
        json_damage(r, "the string is not closed");
        return (struct str){0};
    }
    r->at = p + 1;
    return str_of(begin, (size_t)(p - begin));
}

struct str json_read_string(struct json_reader *r)
{
    bool escapes;
    if (peek_byte(r) != '"') {
        wrong_kind(r, "expected a string");
        return (struct str){0};
    }
    r->at++;
    struct str raw = take_raw(r, &escapes);
    if (raw.p && !str_is_utf8(raw))
        json_damage(r, "the string is not UTF-8");
    if (r->damage)
        return (struct str){0};
    return escapes ? unescape(r, raw) : raw;
}

/* ---- objects and arrays ---- */

static void enter(struct json_reader *r, char opening, const char *expected)
{
    if (peek_byte(r) != opening) {
        wrong_kind(r, expected);
    } else if (r->depth == r->max_depth) {
        json_damage(r, "nested too deep");
    } else {
        r->at++;
        r->depth++;
        r->first = true;
    }
}

void json_enter_object(struct json_reader *r)
{
    enter(r, '{', "expected an object");
}

void json_enter_array(struct json_reader *r)
{
    enter(r, '[', "expected an array");
}

/* False at the closing bracket (which is passed) or after damage; else past the comma. */
static bool next(struct json_reader *r, char closing)
{
    bool first = r->first;
    r->first = false;
    char c = peek_byte(r);
    if (c == closing) {
        r->at++;
        r->depth--;
        return false;
    }
    if (first)
        return r->at < r->end || (json_damage(r, "the document ends too early"), false);
    if (c != ',') {
        json_damage(r, r->at == r->end ? "the document ends too early"
                                       : "expected a comma or the end of the object or array");
        return false;
    }
    r->at++;
    return true;
}

bool json_next_member(struct json_reader *r, struct str *out_key)
{
    if (r->damage || !next(r, '}'))
        return false;
    *out_key = json_read_string(r);
    if (!r->damage && peek_byte(r) != ':')
        json_damage(r, "expected a colon");
    if (r->damage)
        return false;
    r->at++;
    return true;
}

bool json_next_element(struct json_reader *r)
{
    return !r->damage && next(r, ']');
}

/* ---- passing over ---- */

/* One value that is not an object or array. */
static void skip_scalar(struct json_reader *r, enum json_kind kind)
{
    bool escapes;
    switch (kind) {
    case JSON_KIND_NULL: read_null(r); break;
    case JSON_KIND_BOOL: (void)json_read_bool(r); break;
    case JSON_KIND_NUMBER: (void)json_read_number(r); break;
    case JSON_KIND_STRING:
        r->at++;
        (void)take_raw(r, &escapes); // without unescaping: nobody reads it
        break;
    default: break;
    }
}

/* Recursion is bounded by max_depth. */
void json_skip(struct json_reader *r)
{
    struct str key;
    enum json_kind kind = json_peek(r);
    if (kind == JSON_KIND_OBJECT) {
        json_enter_object(r);
        while (json_next_member(r, &key))
            json_skip(r);
    } else if (kind == JSON_KIND_ARRAY) {
        json_enter_array(r);
        while (json_next_element(r))
            json_skip(r);
    } else {
        skip_scalar(r, kind);
    }
}

void json_finish(struct json_reader *r)
{
    pass_blanks(r);
    if (r->at < r->end)
        json_damage(r, "something follows the document");
}
