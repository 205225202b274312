/* A key is looked at from the end of each of its words backwards: words end before anything that is
 * no letter, and where camelCase begins the next one. Every byte is compared with each pattern once
 * per word at most, so that long keys cost no more than their length. */
#include "logs/mask_keys.h"

#include "base/glob.h"

/* How words end, backwards: password, passwd, passphrase, passcode, pwd, secret, credential,
 * cookie, authorization, api_key … Each with its length before it. '_': nothing, or what divides
 * words. '.': a word begins here. '$': the last word, for "token.type" and "auth.method" say
 * nothing secret. '!': the word before says that it is measured, "time_to_first_token". */
static const char patterns[] =
    "\010drowssap\006dwssap\012esarhpssap\010edocssap\003dwp\006terces\012laitnederc\006eikooc"
    "\015noitazirohtua\007yek_ipa\012yek_ssecca\013yek_etavirp\007yek_hss\013yek_gningis"
    "\016yek_noitpyrcne\013yek_tnuocca\021gnirts_noitcennoc\007nekot$!\006htua.$\006ssap.$"
    "\005nip.$\004vvc.\004cvc.\004nss.\004twj.";

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
    return is_lower(c | 32);
}

static char at(struct str s, size_t i)
{
    return i < s.n ? s.p[i] : '\0';
}

/* Whether a word may begin here, or the one before ends. */
static bool is_between(struct str key, size_t i)
{
    char before = at(key, i - 1), here = at(key, i); // before the first there is '\0'
    if (!is_letter(before))
        return true;
    return is_upper(here) ? is_lower(before) || is_lower(at(key, i + 1)) : !is_lower(here);
}

/* Whether the word that ends before `end` is one of what is counted, or timed, of a language model.
 */
static bool is_measured(struct str key, size_t end)
{
    static const char words[] = "first last per input output prompt completion max min total";
    if (end < key.n && !is_between(key, end))
        return false; // all of it is one word
    while (end > 0 && !is_letter(key.p[end - 1]))
        end--;
    size_t begin = end;
    while (begin > 0 && (begin == end || !is_between(key, begin)))
        begin--;
    struct str word = str_sub(key, begin, end - begin);
    for (struct str rest = str_c(words); word.n && rest.p;) {
        if (str_eq_nocase(str_cut(&rest, ' '), word))
            return true;
    }
    return false;
}

static bool ends_so(struct str key, size_t end, const char *pattern)
{
    size_t at = end;
    for (int k = 1; k <= pattern[0]; k++) {
        bool ok = true;
        if (pattern[k] == '$')
            ok = end == key.n;
        else if (pattern[k] == '.')
            ok = is_between(key, at);
        else if (pattern[k] == '!')
            ok = !is_measured(key, at);
        else if (pattern[k] != '_')
            ok = at > 0 && (key.p[--at] | 32) == pattern[k];
        else
            while (at > 0 && !is_letter(key.p[at - 1]))
                at--;
        if (!ok)
            return false;
    }
    return true;
}

static bool is_secret_word(struct str key, size_t end)
{
    char last = key.p[end - 1] | 32;
    for (const char *p = patterns; *p; p += *p + 1) {
        if (p[1] == last && ends_so(key, end, p))
            return true;
    }
    return false;
}

bool mask_is_secret_key(struct str key)
{
    while (key.n && !is_letter(key.p[key.n - 1]))
        key.n--; // token2
    for (size_t end = 3; end <= key.n; end++) {
        if (end < key.n && !is_between(key, end))
            continue;
        if (is_secret_word(key, end) ||
            ((key.p[end - 1] | 32) == 's' && is_secret_word(key, end - 1)))
            return true;
    }
    return false;
}

bool mask_key_fits(const char *globs, struct str key)
{
    struct str rest = str_c(globs);
    while (rest.p && rest.n) {
        if (glob_fits_nocase(str_trim(str_cut(&rest, ',')), key))
            return true;
    }
    return false;
}
