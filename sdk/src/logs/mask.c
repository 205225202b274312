/* A detector looks at a place of the text and says how many bytes from there are its find, 0 for
 * none. They are tried at the beginning of each word only, so that the whole is linear but for the
 * length of a find. */
#include "logs/mask.h"

#include "base/compiler.h"

static const char *const secret_keys[] = {"password", "passwd",  "secret",     "token",
                                          "api_key",  "apikey",  "api-key",    "authorization",
                                          "cookie",   "private", "credential", "access_key"};
static const char *const token_starts[] = {"sk-",  "pk_live_",    "sk_live_", "ghp_",  "gho_",
                                           "ghs_", "github_pat_", "glpat-",   "xoxb-", "xoxp-",
                                           "AKIA", "ASIA",        "AIza",     "eyJ"};
static const char *const schemes[] = {"bearer ", "basic "};

enum { TOKEN_MIN = 12, CARD_MIN = 13, CARD_MAX = 19, PHONE_MIN = 8, PHONE_MAX = 15 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool mask_is_secret_key(struct str key)
{
    char text[64];
    size_t n = MIN(key.n, sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = lower(key.p[i]);
    for (size_t i = 0; i < ARRAY_LEN(secret_keys); i++) {
        if (str_find(str_of(text, n), str_c(secret_keys[i])) < n)
            return true;
    }
    return false;
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

static size_t find_token(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        size_t credential = 0;
        if (str_eq_nocase(str_sub(text, 0, n), str_c(schemes[i])))
            credential = token_length(str_sub(text, n, text.n));
        if (credential >= TOKEN_MIN)
            return n + credential;
    }
    for (size_t i = 0; i < ARRAY_LEN(token_starts); i++) {
        if (str_starts(text, str_c(token_starts[i])) && token_length(text) >= TOKEN_MIN)
            return token_length(text);
    }
    return 0;
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
    while (at < text.n && is_local_char(text.p[at]))
        at++;
    if (at == 0 || at > 64 || at >= text.n || text.p[at] != '@')
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

/* Digits, single blanks or dashes between them; `*out_n`: how many digits. */
static size_t digits_length(struct str text, char digits[CARD_MAX + 1], size_t *out_n)
{
    size_t n = 0, end = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (is_digit(c)) {
            if (n <= CARD_MAX)
                digits[MIN(n, CARD_MAX)] = c;
            n++;
            end = i + 1;
        } else if ((c != ' ' && c != '-') || i == 0 || !is_digit(text.p[i - 1])) {
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

static size_t find_card(struct str text)
{
    char digits[CARD_MAX + 1];
    size_t n, length = digits_length(text, digits, &n);
    return n >= CARD_MIN && n <= CARD_MAX && passes_luhn(digits, n) ? length : 0;
}

static size_t find_phone(struct str text)
{
    char digits[CARD_MAX + 1];
    size_t n;
    if (text.n == 0 || text.p[0] != '+')
        return 0;
    size_t length = digits_length(str_sub(text, 1, text.n), digits, &n);
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

bool mask_text(struct buf *out, unsigned masks, struct str text)
{
    size_t done = 0;
    bool found = false;
    for (size_t i = 0; i < text.n; i++) {
        if (i > 0 && is_local_char(text.p[i - 1]) && (text.p[i] != '+' || is_word(text.p[i - 1])))
            continue; // within a word
        size_t n = find_any(masks, str_sub(text, i, text.n));
        if (!n)
            continue;
        buf_put(out, text.p + done, i - done);
        buf_puts(out, "***");
        found = true;
        done = i + n;
        i = done - 1;
    }
    if (done < text.n)
        buf_put(out, text.p + done, text.n - done);
    return found;
}
