/* A detector looks at a place of the text and says how many bytes from there are its find, 0 for
 * none. They are tried at the beginning of each word only, so that the whole is linear but for the
 * length of a find. */
#include "logs/mask.h"

#include "base/compiler.h"
#include "base/num.h"
#include "logs/mask_keys.h"

#define PEM_START "-----BEGIN "

/* Each with its length before it. */
static const char token_starts[] =
    "\003sk-\010pk_live_\010sk_live_\010rk_live_\010sk_test_\004ghp_\004gho_\004ghs_\004ghu_"
    "\013github_pat_\006glpat-\005xoxb-\005xoxp-\005xapp-\004npm_\004AKIA\004ASIA\004AIza\003eyJ";
static const char schemes[][7] = {"bearer", "basic"};

enum {
    TOKEN_MIN = 12,
    CARD_MIN = 13,
    CARD_MAX = 19,
    PHONE_MIN = 8,
    PHONE_MAX = 15,
    LOCAL_MAX = 64
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool mask_hides_key(const struct masks *m, struct str key)
{
    return (m->kinds & TT_MASK_KEYS && mask_is_secret_key(key)) || mask_key_fits(m->keys, key);
}

/* --- detectors ------------------------------------------------------------------------------- */

static bool is_token_char(char c)
{
    return is_word(c) || c == '-' || c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}

static size_t token_length(struct str text)
{
    size_t n = 0;
    while (n < text.n && is_token_char(text.p[n]))
        n++;
    return n;
}

static size_t blanks(struct str text)
{
    size_t n = 0;
    while (n < text.n && (text.p[n] == ' ' || text.p[n] == '\t'))
        n++;
    return n;
}

static size_t find_credential(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]), gap = 0, credential = 0;
        if (str_eq_nocase(str_sub(text, 0, n), str_c(schemes[i])))
            gap = blanks(str_sub(text, n, text.n));
        if (gap)
            credential = token_length(str_sub(text, n + gap, text.n));
        if (credential >= TOKEN_MIN)
            return n + gap + credential;
    }
    return 0;
}

/* A private key as PEM has it; one without an end is the rest of the text. */
static size_t find_pem(struct str text)
{
    if (!str_starts(text, STR(PEM_START)))
        return 0;
    struct str head = str_sub(text, 0, 64);
    size_t end = str_find(head, STR("PRIVATE KEY"));
    if (end == head.n)
        return 0;
    end += str_find(str_sub(text, end, text.n), STR("-----END "));
    end = MIN(end + 9, text.n);
    end += str_find(str_sub(text, end, text.n), STR("-----"));
    return MIN(end + 5, text.n);
}

static size_t find_token(struct str text)
{
    for (const char *start = token_starts; *start; start += *start + 1) {
        if (start[1] == text.p[0] && str_starts(text, str_of(start + 1, (size_t)*start)) &&
            token_length(text) >= TOKEN_MIN)
            return token_length(text);
    }
    char c = text.p[0] | 32;
    if (c == '-')
        return find_pem(text);
    return c == 'b' ? find_credential(text) : 0;
}

static bool is_local_char(char c)
{
    return is_word(c) || c == '.' || c == '+' || c == '-' || c == '%';
}

static bool is_domain_char(char c)
{
    return (is_word(c) && c != '_') || c == '.' || c == '-';
}

static size_t find_email(struct str text)
{
    size_t at = 0, dot = 0;
    while (at < text.n && at <= LOCAL_MAX && is_local_char(text.p[at]))
        at++;
    if (at == 0 || at > LOCAL_MAX || at >= text.n || text.p[at] != '@')
        return 0;
    size_t end = at + 1;
    for (; end < text.n && is_domain_char(text.p[end]); end++) {
        if (text.p[end] == '.' && end + 1 < text.n && is_word(text.p[end + 1]))
            dot = end;
    }
    if (!dot)
        return 0;
    while (end > dot && !is_word(text.p[end - 1]))
        end--; // a full stop behind it is the sentence's
    return end;
}

/* Up to CARD_MAX + 1 digits with up to `gap` of the other characters between two; `*out_n`: how
 * many digits. */
static size_t digits_length(struct str text, const char *others, size_t gap, char *digits,
                            size_t *out_n)
{
    size_t n = 0, end = 0;
    for (size_t i = 0; i < text.n && n <= CARD_MAX; i++) {
        char c = text.p[i];
        if (is_digit(c)) {
            digits[n++] = c;
            end = i + 1;
        } else if (i - end >= gap || !c || !strchr(others, c)) {
            break;
        }
    }
    *out_n = n;
    return end;
}

static bool passes_luhn(const char *digits, size_t n)
{
    int sum = 0;
    for (size_t i = 0; i < n; i++) {
        int d = digits[n - 1 - i] - '0';
        d *= i % 2 ? 2 : 1;
        sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 == 0;
}

/* Cards begin with 3 to 6 or 22 to 27; years and seconds since 1970 do not. */
static size_t find_card(struct str text)
{
    char digits[CARD_MAX + 1];
    size_t n, length = digits_length(text, " -", 1, digits, &n);
    if (n < CARD_MIN || n > CARD_MAX || !is_digit(text.p[0]) || digits[0] < '2' ||
        digits[0] > '6' || (digits[0] == '2' && (digits[1] < '2' || digits[1] > '7')))
        return 0;
    return passes_luhn(digits, n) ? length : 0;
}

bool mask_is_card(int64_t number)
{
    char text[NUM_U64_MAX];
    return number > 0 && find_card(str_of(text, num_format_u64(text, (uint64_t)number))) > 0;
}

static size_t find_phone(struct str text)
{
    char digits[CARD_MAX + 1];
    size_t n;
    if (text.n == 0 || text.p[0] != '+')
        return 0;
    size_t length = digits_length(str_sub(text, 1, text.n), " -().", 2, digits, &n);
    return n >= PHONE_MIN && n <= PHONE_MAX ? 1 + length : 0;
}

static const struct {
    unsigned mask;
    size_t (*find)(struct str text);
} detectors[] = {{TT_MASK_TOKENS, find_token},
                 {TT_MASK_EMAILS, find_email},
                 {TT_MASK_CARDS, find_card},
                 {TT_MASK_PHONES, find_phone}};

static size_t find_any(unsigned masks, struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(detectors); i++) {
        size_t n = masks & detectors[i].mask ? detectors[i].find(text) : 0;
        if (n)
            return n;
    }
    return 0;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* A key, which is the rest of the line's: what follows is more than a word. */
static bool has_line(struct str key)
{
    return mask_key_fits("*cookie,*authorization", key);
}

/* The quote at `n`, or the backslash that stands before it in JSON within a text. */
static size_t quote_at(struct str text, size_t n)
{
    size_t escaped = n < text.n && text.p[n] == '\\';
    size_t at = n + escaped;
    return at < text.n && (text.p[at] == '"' || text.p[at] == '\'') ? escaped + 1 : 0;
}

static size_t find_end(struct str text, size_t n, const char *ends)
{
    while (n < text.n && (!text.p[n] || !strchr(ends, text.p[n])))
        n++;
    return n;
}

/* Where the value that begins at `n` behind `quote` bytes of a quote ends. */
static size_t value_end(struct str text, size_t n, size_t quote, bool line)
{
    if (!quote && n < text.n && strchr("{[", text.p[n]))
        return find_end(text, n, "\r\n");
    if (!quote)
        return find_end(text, n, line ? "\r\n\"'" : " \t\r\n,;&)]}<>\"'");
    char mark = text.p[n - 1];
    for (; n < text.n && text.p[n] != mark; n++) {
        if (text.p[n] == '\\' && (quote > 1 ? quote_at(text, n) : 1)) {
            if (quote > 1)
                return n;
            n++;
        }
    }
    return MIN(n, text.n);
}

/* A value behind a key that hides it: key=value, "key": "value". Returns where it ends, 0 for none;
 * what stands before `*skip` is left. */
static size_t find_field(const struct masks *m, struct str text, size_t *skip)
{
    size_t n = 0;
    while (n < text.n && (is_word(text.p[n]) || text.p[n] == '-' || text.p[n] == '.'))
        n++;
    struct str key = str_sub(text, 0, n);
    n += quote_at(text, n);
    n += blanks(str_sub(text, n, text.n));
    if (!key.n || n >= text.n || !strchr("=:", text.p[n]) || !mask_hides_key(m, key))
        return 0;
    n++;
    n += n < text.n && strchr("=>", text.p[n]); // ":=" and "=>", too
    n += blanks(str_sub(text, n, text.n));
    size_t quote = quote_at(text, n);
    *skip = n + quote;
    size_t end = value_end(text, *skip, quote, has_line(key));
    return end > *skip ? end : 0;
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool begins_word(struct str text, size_t i)
{
    if (i == 0 || !is_local_char(text.p[i - 1]) || (text.p[i] == '+' && !is_word(text.p[i - 1])))
        return true;
    return text.p[i] == '-' && str_starts(str_sub(text, i, 16), STR(PEM_START));
}

bool mask_text(struct buf *out, const struct masks *m, struct str text)
{
    size_t done = 0;
    bool found = false;
    for (size_t i = 0; i < text.n; i++) {
        if (!begins_word(text, i))
            continue;
        struct str rest = str_sub(text, i, text.n);
        size_t skip = 0, n = find_any(m->kinds, rest);
        if (!n && (m->kinds & TT_MASK_KEYS || m->keys))
            n = find_field(m, rest, &skip);
        if (!n)
            continue;
        buf_put(out, text.p + done, i + skip - done);
        buf_puts(out, "***");
        found = true;
        done = i + n;
        i = done - 1;
    }
    if (done < text.n)
        buf_put(out, text.p + done, text.n - done);
    return found;
}
