/* Patterns are RE2's: users write them for Prometheus. PCRE2 accepts more (back-references,
 * look-around, recursion, …), and that more is what makes matching slow or surprising, so a scan
 * before compiling refuses it.
 *
 * Whether a subject matches is asked of PCRE2's compiled code first, which backtracks: mostly that
 * is fastest, on a bad pair of pattern and subject it would take for ever. When it has used up its
 * steps the pattern is run as RE2 would, all alternatives at once (pcre2_dfa_match); and from then
 * on that is how this pattern starts.
 *
 * Differences from RE2 that remain: groups are captured by backtracking, within the limit of steps
 * (regex_expand); PCRE2 tells apart how often a class or character was repeated by + and {}, so
 * long subjects can need more states at once than there is time for (WORK_MAX) and are refused; \pN
 * classes follow the Unicode version of PCRE2. Invalid UTF-8 in a subject matches byte-wise only
 * where the pattern is ASCII. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regex.h"

#include <math.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/regex_required.h"
#include "base/regex_sieve.h"
#include "base/time.h"

enum {
    PATTERN_MAX = 64 << 10,
    PLAIN_MAX = 1 << 20,   /* of literals alone */
    DEPTH_LIMIT = 100000,  /* nested backtracking points of the interpreter; */
    HEAP_LIMIT_KIB = 4096, /* … the memory that they may take */
    LITERALS_MAX = 1 << 16,
    LITERALS_FEW = 8, /* are compared one by one */
    STATES_MIN = 64,
    STATES_FEW = 256,
    STATES_MAX = 4096, /* alternatives that are followed at once */
};

/* How hard a subject is tried, in steps. */
enum effort { LITTLE, SOME, MUCH, EFFORTS };

static const uint32_t steps[EFFORTS] = {
    [LITTLE] = 1000, [SOME] = 1 << 16, [MUCH] = 1000000, /* some tens of milliseconds */
};

/* Bytes of the subject times steps. */
static const uint64_t STEPPED_MAX = UINT64_C(1) << 35;

/* Bytes of the subject times states squared, which is what following them can take. */
static const double WORK_MAX = 1 << 29;

struct regex {
    pcre2_code *code;     /* NULL: literals that PCRE2 has no room for */
    pcre2_code *parallel; /* for all alternatives at once; NULL: `code` serves for that, too */
    pcre2_match_context *limits[EFFORTS];
    atomic_bool backtracks; /* a subject took too many steps */
    bool utf;               /* subjects are UTF-8 */
    bool search;            /* matches may lie within the subject */
    bool unchecked;         /* any subject may go to the JIT's code without a look at its UTF-8 */
    struct str *literals;   /* owned, text included; more than LITERALS_FEW are sorted */
    size_t n_literals;
    bool captured;               /* the literals are a group */
    struct str prefix, required; /* owned */
    struct sieve *sieve;         /* of a search; may be NULL */
};

/* --- what RE2 would refuse -------------------------------------------------------------------- */

static int refuse(struct str pattern, size_t at, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "regular expression \"%.*s\": %s at position %zu",
                   STR_ARG(str_sub(pattern, 0, 200)), what, at);
}

/* The construct that starts with "(?" at `at`: only (?: (?P<name> (?<name> and flags are RE2's. */
static int check_group(struct str pattern, size_t at, struct err *err)
{
    struct str rest = str_sub(pattern, at + 2, pattern.n);
    if (rest.n == 0)
        return refuse(pattern, at, "missing argument to (?", err);
    char c = rest.p[0];
    bool look =
        c == '=' || c == '!' || (c == '<' && rest.n > 1 && (rest.p[1] == '=' || rest.p[1] == '!'));
    if (look)
        return refuse(pattern, at, "look-around is not supported", err);
    bool named = c == '<' || (c == 'P' && rest.n > 1 && rest.p[1] == '<');
    bool flags = c == ':' || c == '-' || c == 'i' || c == 'm' || c == 's' || c == 'U';
    if (!named && !flags)
        return refuse(pattern, at, "unsupported group", err);
    return 0;
}

/* The escape at `at` (the byte behind the backslash is there). RE2 knows these letters only. */
static int check_escape(struct str pattern, size_t at, bool in_class, struct err *err)
{
    static const char letters[] = "afnrtvxpPdDsSwW";
    char c = pattern.p[at + 1];
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!alnum)
        return 0;
    if (c >= '1' && c <= '9')
        return refuse(pattern, at, "back-references are not supported", err);
    bool outside = !in_class && strchr("AzbBQ", c);
    if (c != '0' && !outside && !strchr(letters, c))
        return refuse(pattern, at, "invalid escape sequence", err);
    return 0;
}

/* A quantifier behind a quantifier: "*?" is lazy, "*+" would be possessive. */
static bool is_possessive(struct str pattern, size_t at)
{
    if (at == 0 || pattern.p[at] != '+')
        return false;
    char before = pattern.p[at - 1];
    bool escaped = at >= 2 && pattern.p[at - 2] == '\\';
    return !escaped && (before == '*' || before == '+' || before == '?' || before == '}');
}

/* Where the \Q…\E quotation that begins at `at` ends (the end of the pattern without \E). */
static size_t skip_quotation(struct str pattern, size_t at)
{
    struct str rest = str_sub(pattern, at, pattern.n);
    size_t end = str_find(rest, STR("\\E"));
    return end == rest.n ? pattern.n : at + end + 1;
}

static bool is_negated_kind(char c)
{
    return c == 'D' || c == 'W' || c == 'S';
}

/* Refuses what RE2 would refuse. `out` gets the pattern with \D, \W and \S as classes: PCRE2's
 * compiled code for subjects that may not be UTF-8 (seen with 10.42) lets the bare escapes match no
 * character outside ASCII. */
static int check_syntax(struct str pattern, struct buf *out, struct err *err)
{
    bool in_class = false;
    size_t copied = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        char next = i + 1 < pattern.n ? pattern.p[i + 1] : '\0';
        int rc = 0;
        if (c == '\\') {
            if (i + 1 >= pattern.n)
                return refuse(pattern, i, "trailing backslash", err);
            rc = check_escape(pattern, i, in_class, err);
            if (!in_class && is_negated_kind(next)) {
                buf_put_str(out, str_sub(pattern, copied, i));
                buf_printf(out, "[\\%c]", next);
                copied = i + 2;
            }
            i = next == 'Q' ? skip_quotation(pattern, i) : i + 1;
        } else if (in_class) {
            in_class = c != ']';
            if (c == '[' && next == ':') {
                struct str rest = str_sub(pattern, i, pattern.n);
                size_t end = str_find(rest, STR(":]"));
                i += end < rest.n ? end + 1 : 0;
            }
        } else if (c == '[') {
            in_class = true;
            size_t first = i + 1 + (next == '^');
            if (first < pattern.n && pattern.p[first] == ']')
                i = first; // a ] that stands first is a literal
        } else if (c == '(' && next == '?') {
            rc = check_group(pattern, i, err);
        } else if (c == '(' && next == '*') {
            rc = refuse(pattern, i, "missing argument to repetition operator *", err);
        } else if (is_possessive(pattern, i)) {
            rc = refuse(pattern, i, "invalid nested repetition operator", err);
        }
        if (rc != 0)
            return rc;
    }
    buf_put_str(out, str_sub(pattern, copied, pattern.n));
    return 0;
}

/* --- literals and prefix ---------------------------------------------------------------------- */

/* One alternative without operators, unescaped into `out`; false when it has operators. */
static bool plain_text(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && i + 1 < s.n && regex_is_meta(s.p[i + 1]))
            c = s.p[++i];
        else if (regex_is_meta(c))
            return false;
        buf_putc(out, c);
    }
    return true;
}

/* The end of the first alternative: an unescaped '|'. */
static size_t alternative_end(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '|')
            return i;
    }
    return s.n;
}

static void drop_literals(struct regex *r)
{
    for (size_t i = 0; i < r->n_literals; i++)
        free((void *)(uintptr_t)r->literals[i].p); // ours, const for the callers
    free(r->literals);
    r->literals = NULL;
    r->n_literals = 0;
}

static bool add_literal(struct regex *r, struct str text)
{
    if (r->n_literals == LITERALS_MAX)
        return false;
    if ((r->n_literals & (r->n_literals - 1)) == 0) {
        size_t cap = r->n_literals ? r->n_literals * 2 : 1;
        struct str *grown = realloc(r->literals, cap * sizeof *grown);
        if (!grown)
            return false;
        r->literals = grown;
    }
    char *copy = str_dup(text);
    if (copy)
        r->literals[r->n_literals++] = str_of(copy, text.n);
    return copy != NULL;
}

/* "(?:a|b)" and "(a|b)" as people write them: without the outer group when it spans everything. */
static struct str without_group(struct str s)
{
    if (s.n < 2 || s.p[0] != '(' || s.p[s.n - 1] != ')' || s.p[s.n - 2] == '\\')
        return s;
    size_t head = str_starts(s, STR("(?:")) ? 3 : 1;
    if (s.n < head + 1)
        return s;
    struct str inner = str_sub(s, head, s.n - head - 1);
    return str_index(inner, '(') == inner.n && str_index(inner, ')') == inner.n ? inner : s;
}

static int compare_literals(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Fills the literals when the pattern is a plain alternation. Giving up is fine: they only make
 * look-ups faster. */
static void find_literals(struct regex *r, struct str pattern)
{
    struct str rest = without_group(pattern);
    struct buf text = BUF_MAX(PATTERN_MAX);
    for (bool more = true; more;) {
        size_t end = alternative_end(rest);
        buf_reset(&text);
        if (!plain_text(str_sub(rest, 0, end), &text) || buf_failed(&text) ||
            !add_literal(r, buf_str(&text))) {
            drop_literals(r);
            break;
        }
        more = end < rest.n;
        rest = str_sub(rest, end + 1, rest.n);
    }
    buf_done(&text);
    r->captured = pattern.n && pattern.p[0] == '(' && !str_starts(pattern, STR("(?"));
    if (r->n_literals > LITERALS_FEW)
        qsort(r->literals, r->n_literals, sizeof *r->literals, compare_literals);
}

static bool is_literal(const struct regex *r, struct str subject)
{
    if (r->n_literals > LITERALS_FEW)
        return bsearch(&subject, r->literals, r->n_literals, sizeof subject, compare_literals);
    for (size_t i = 0; i < r->n_literals; i++)
        if (str_eq(r->literals[i], subject))
            return true;
    return false;
}

static void find_prefix(struct regex *r, struct str pattern)
{
    if (alternative_end(pattern) < pattern.n)
        return;
    struct buf text = BUF_MAX(PATTERN_MAX);
    size_t last = 0; // the length before the last character, which a quantifier would take away
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        bool quotation = c == '\\' && i + 1 < pattern.n && pattern.p[i + 1] == 'Q';
        if (c == '*' || c == '?' || c == '{' || quotation) // an empty one may hide a quantifier
            text.n = last;
        if (c == '\\' && i + 1 < pattern.n && regex_is_meta(pattern.p[i + 1]))
            c = pattern.p[++i];
        else if (regex_is_meta(c))
            break;
        if (((unsigned char)c & 0xC0) != 0x80)
            last = text.n; // not inside a UTF-8 sequence
        buf_putc(&text, c);
    }
    size_t n = text.n;
    char *copy = n ? buf_take(&text, NULL) : NULL;
    r->prefix = str_of(copy, copy ? n : 0);
    buf_done(&text);
}

/* --- compiling -------------------------------------------------------------------------------- */

static bool make_limits(struct regex *r)
{
    for (int i = 0; i < EFFORTS; i++) {
        r->limits[i] = pcre2_match_context_create(NULL);
        if (!r->limits[i])
            return false;
        (void)pcre2_set_match_limit(r->limits[i], steps[i]);
        (void)pcre2_set_depth_limit(r->limits[i], DEPTH_LIMIT);
        (void)pcre2_set_heap_limit(r->limits[i], HEAP_LIMIT_KIB);
    }
    return true;
}

/* As RE2 has it: '.' is any character, '$' the very end, and with (?m) a line begins behind each
 * newline, the last one, too. */
#define OPTIONS                                                                                    \
    (PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C)

static pcre2_code *compile_text(struct str text, uint32_t options, int *code, size_t *at)
{
    return pcre2_compile((PCRE2_SPTR)(text.p ? text.p : ""), text.n, options, code, at, NULL);
}

/* `as_classes`: what is compiled for `pattern`. */
static int compile(struct regex *r, struct str pattern, struct str as_classes, struct err *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    uint32_t options = OPTIONS | (r->utf ? PCRE2_UTF : 0);
    if (!r->search)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    else if (r->utf)
        options |= PCRE2_MATCH_INVALID_UTF;
    r->code = compile_text(as_classes, options, &code, &at);
    if (!r->code) {
        char reason[160] = "";
        pcre2_code_free(compile_text(pattern, options, &code, &at)); // says where in the pattern
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        return refuse(pattern, at, reason, err);
    }
    bool jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0; // else the interpreter matches
    r->unchecked = jit && (r->search || !r->utf);
    return make_limits(r) ? 0 : err_set(err, ERR_NOMEM, "out of memory for a regular expression");
}

/* All alternatives at once know no place to begin at but the first; what stands before a match is
 * one more alternative. Without it (the pattern may end within a quotation) the limit holds. */
static void compile_parallel(struct regex *r, struct str pattern)
{
    struct buf text = BUF_MAX(PATTERN_MAX + 64);
    int code;
    PCRE2_SIZE at;
    buf_puts(&text, "(?s:.*)(?:");
    buf_put_str(&text, pattern);
    buf_puts(&text, ")");
    uint32_t options = OPTIONS | PCRE2_ANCHORED | (r->utf ? PCRE2_UTF : 0);
    if (!buf_failed(&text))
        r->parallel = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, NULL);
    buf_done(&text);
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* ASCII patterns whose atoms mean the same for bytes and characters need no UTF mode: every atom
 * that may match a lone non-ASCII character ('.', classes, \P, \D …) may also match its bytes one
 * after the other only under a repetition, so those keep UTF mode. */
static bool needs_utf(struct str pattern)
{
    static const char *const any_length[] = {".*", ".+"};
    if (!is_ascii(pattern))
        return true;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        if (c == '[' || c == '\\' || (c == '(' && i + 1 < pattern.n && pattern.p[i + 1] == '?'))
            return true;
        if (c == '.') {
            struct str two = str_sub(pattern, i, 2);
            if (!str_eq(two, str_c(any_length[0])) && !str_eq(two, str_c(any_length[1])))
                return true;
        }
    }
    return false;
}

static int too_long(struct str pattern, int most, struct err *err)
{
    return err_set(err, ERR_TOO_BIG, "regular expression of %zu bytes; the limit is %d", pattern.n,
                   most);
}

static int make_of(struct str pattern, struct str as_classes, bool search, struct regex **out,
                   struct err *err)
{
    struct regex *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory for a regular expression");
    r->search = search;
    r->utf = needs_utf(pattern);
    if (!search)
        find_literals(r, pattern);
    int rc = pattern.n > PATTERN_MAX ? too_long(pattern, PATTERN_MAX, err)
                                     : compile(r, pattern, as_classes, err);
    if (rc != 0 && !r->n_literals) {
        regex_free(r);
        return rc;
    }
    if (search) {
        compile_parallel(r, as_classes);
        r->sieve = sieve_new(pattern);
    } else {
        find_prefix(r, pattern);
    }
    r->required = regex_find_required(pattern);
    *out = r;
    return 0;
}

static int make(struct str pattern, bool search, struct regex **out, struct err *err)
{
    struct buf as_classes = BUF_MAX(2 * PLAIN_MAX);
    if (pattern.n > PLAIN_MAX)
        return too_long(pattern, PLAIN_MAX, err);
    if (!str_is_utf8(pattern))
        return err_set(err, ERR_INVALID, "regular expression is not valid UTF-8");
    int rc = check_syntax(pattern, &as_classes, err);
    if (rc == 0 && buf_failed(&as_classes))
        rc = err_set(err, ERR_NOMEM, "out of memory for a regular expression");
    if (rc == 0)
        rc = make_of(pattern, buf_str(&as_classes), search, out, err);
    buf_done(&as_classes);
    return rc;
}

int regex_new(struct str pattern, struct regex **out, struct err *err)
{
    return make(pattern, false, out, err);
}

int regex_new_search(struct str pattern, struct regex **out, struct err *err)
{
    return make(pattern, true, out, err);
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    drop_literals(r);
    free((void *)(uintptr_t)r->prefix.p);
    free((void *)(uintptr_t)r->required.p);
    sieve_free(r->sieve);
    for (int i = 0; i < EFFORTS; i++)
        pcre2_match_context_free(r->limits[i]);
    pcre2_code_free(r->code);
    pcre2_code_free(r->parallel);
    free(r);
}

/* --- matching --------------------------------------------------------------------------------- */

/* One block of match data a thread serves the many matches that need no groups. */
static pthread_key_t match_data_key;
static bool match_data_key_made;

static void free_match_data(void *data)
{
    pcre2_match_data_free(data);
}

static void make_match_data_key(void)
{
    match_data_key_made = pthread_key_create(&match_data_key, free_match_data) == 0;
}

static pcre2_match_data *thread_match_data(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_match_data_key); // cannot fail with a valid control
    if (!match_data_key_made)
        return NULL;
    pcre2_match_data *data = pthread_getspecific(match_data_key);
    if (!data) {
        data = pcre2_match_data_create(1, NULL);
        if (data && pthread_setspecific(match_data_key, data) != 0) {
            pcre2_match_data_free(data);
            data = NULL;
        }
    }
    return data;
}

/* The result of pcre2_match as ours: 1, 0 or ERR_…. */
static int outcome(int rc)
{
    if (rc >= 0)
        return 1;
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT ||
        rc == PCRE2_ERROR_HEAPLIMIT || rc == PCRE2_ERROR_JIT_STACKLIMIT)
        return ERR_TOO_BIG;
    return rc == PCRE2_ERROR_NOMEMORY ? ERR_NOMEM : 0; // invalid UTF-8 matches nothing
}

/* A step may walk over the whole subject: a long one gets fewer of them. NULL without memory. */
static pcre2_match_context *limits_of(const struct regex *r, enum effort effort, size_t n)
{
    pcre2_match_context *limits = pcre2_match_context_copy(r->limits[effort]);
    if (limits)
        (void)pcre2_set_match_limit(limits, (uint32_t)(STEPPED_MAX / n));
    return limits;
}

static int run(const struct regex *r, struct str subject, enum effort effort,
               pcre2_match_data *data)
{
    bool is_long = subject.n > STEPPED_MAX / steps[effort];
    pcre2_match_context *limits = is_long ? limits_of(r, effort, subject.n) : r->limits[effort];
    if (!limits)
        return ERR_NOMEM;
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.p ? subject.p : "");
    int rc = r->unchecked ? pcre2_jit_match(r->code, text, subject.n, 0, 0, data, limits)
                          : pcre2_match(r->code, text, subject.n, 0, 0, data, limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT && effort != LITTLE)
        // its stack is 32 KiB; the interpreter has the heap
        rc = pcre2_match(r->code, text, subject.n, 0, PCRE2_NO_JIT, data, limits);
    if (is_long)
        pcre2_match_context_free(limits);
    return outcome(rc);
}

/* All alternatives at once. */
static int run_parallel(const struct regex *r, struct str subject, size_t states_max,
                        pcre2_match_data *data)
{
    const pcre2_code *code = r->search ? r->parallel : r->code;
    if (!code)
        return ERR_TOO_BIG;
    double most = sqrt(WORK_MAX / (double)(subject.n + 1));
    size_t states = MAX(STATES_MIN, (size_t)MIN(most, (double)states_max));
    size_t room = 2 * 3 * states + 20; // two lists of states, three words each
    int *space = malloc(room * sizeof *space);
    if (!space)
        return ERR_NOMEM;
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.p ? subject.p : "");
    uint32_t options = r->search ? PCRE2_DFA_SHORTEST : 0;
    int rc = pcre2_dfa_match(code, text, subject.n, 0, options, data, r->limits[MUCH], space, room);
    free(space);
    if (rc >= 0 && !r->search && pcre2_get_ovector_pointer(data)[1] != subject.n)
        rc = PCRE2_ERROR_NOMATCH; // the longest comes first
    return rc >= 0 || rc == PCRE2_ERROR_NOMATCH ? outcome(rc) : ERR_TOO_BIG;
}

/* All alternatives at once; then one after the other, with all steps, while there were not too many
 * such subjects. */
static int run_slowly(const struct regex *r, struct str subject, struct regex_toil *toil,
                      pcre2_match_data *data)
{
    bool hurried = toil->hard >= REGEX_HARD_MAX;
    int64_t began = time_now_mono_ns();
    int rc = run_parallel(r, subject, hurried ? STATES_FEW : STATES_MAX, data);
    if (rc == ERR_TOO_BIG && !hurried) {
        toil->hard++;
        rc = run(r, subject, MUCH, data);
    }
    toil->ns += time_now_mono_ns() - began;
    return rc;
}

/* One way, then the others, unless the scan has taken too much already. */
static int run_within_limits(struct regex *r, struct str subject, struct regex_toil *toil,
                             pcre2_match_data *data)
{
    bool spent = toil->ns > REGEX_TOIL_MAX_NS;
    bool hurried = spent || toil->hard >= REGEX_HARD_MAX;
    bool parallel_first = atomic_load_explicit(&r->backtracks, memory_order_relaxed);
    int rc = ERR_TOO_BIG;
    if (hurried || !parallel_first)
        rc = run(r, subject, hurried ? LITTLE : SOME, data);
    if (rc != ERR_TOO_BIG || spent)
        return rc;
    if (!parallel_first)
        atomic_store_explicit(&r->backtracks, true, memory_order_relaxed);
    return run_slowly(r, subject, toil, data);
}

int regex_match_among(const struct regex *r, struct str subject, struct regex_toil *toil)
{
    if (r->n_literals)
        return is_literal(r, subject);
    pcre2_match_data *data = thread_match_data();
    /* Which way is tried first is remembered; that alone changes. */
    struct regex *self = (struct regex *)(uintptr_t)r;
    return data ? run_within_limits(self, subject, toil, data) : ERR_NOMEM;
}

int regex_match(const struct regex *r, struct str subject)
{
    struct regex_toil toil = {0};
    return regex_match_among(r, subject, &toil);
}

bool regex_sift(const struct regex *r, const char *text, const uint32_t *ends, uint32_t from,
                uint32_t n, uint64_t *bits)
{
    return r->sieve && sieve_run(r->sieve, text, ends, from, n, bits);
}

/* Without data the whole subject matched, as a literal.
 *
 * The text of the group that `name` names by number or name; empty when there is none. */
static struct str group(const struct regex *r, pcre2_match_data *data, struct str subject,
                        struct str name)
{
    uint64_t number;
    bool numbered = num_parse_u64(name, &number) == 0;
    if (!data)
        return numbered && (number == 0 || (number == 1 && r->captured)) ? subject
                                                                         : (struct str){0};
    if (!numbered) {
        char text[64];
        if (name.n >= sizeof text)
            return (struct str){0};
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        int found = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)text);
        if (found < 0)
            return (struct str){0};
        number = (uint64_t)found;
    }
    if (number >= pcre2_get_ovector_count(data))
        return (struct str){0};
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
    PCRE2_SIZE begin = v[2 * number], end = v[2 * number + 1];
    return begin == PCRE2_UNSET ? (struct str){0} : str_sub(subject, begin, end - begin);
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The reference behind a '$': its name, and how many bytes it takes; 0 when it is no reference. */
static size_t reference(struct str s, struct str *out_name)
{
    bool braces = s.n && s.p[0] == '{';
    size_t n = braces;
    while (n < s.n && is_word(s.p[n]))
        n++;
    *out_name = str_sub(s, braces, n - braces);
    if (out_name->n == 0 || (braces && (n >= s.n || s.p[n] != '}')))
        return 0;
    return n + braces;
}

static void expand(const struct regex *r, pcre2_match_data *data, struct str subject,
                   struct str template, struct buf *out)
{
    while (template.n) {
        size_t dollar = str_index(template, '$');
        buf_put_str(out, str_sub(template, 0, dollar));
        if (dollar == template.n)
            return;
        template = str_sub(template, dollar + 1, template.n);
        if (template.n && template.p[0] == '$') {
            buf_putc(out, '$');
            template = str_sub(template, 1, template.n);
            continue;
        }
        struct str name;
        size_t n = reference(template, &name);
        if (n == 0)
            buf_putc(out, '$'); // malformed: Go treats it as text
        else
            buf_put_str(out, group(r, data, subject, name));
        template = str_sub(template, n, template.n);
    }
}

int regex_expand(const struct regex *r, struct str subject, struct str template, struct buf *out)
{
    pcre2_match_data *data = r->code ? pcre2_match_data_create_from_pattern(r->code, NULL) : NULL;
    if (!data && r->code)
        return ERR_NOMEM;
    int rc = data ? run(r, subject, MUCH, data) : is_literal(r, subject);
    if (rc == 1)
        expand(r, data, subject, template, out);
    pcre2_match_data_free(data);
    return rc == 1 && buf_failed(out) ? ERR_TOO_BIG : rc;
}

size_t regex_literals(const struct regex *r, const struct str **out)
{
    *out = r->literals;
    return r->n_literals;
}

struct str regex_prefix(const struct regex *r)
{
    return r->prefix;
}

struct str regex_required(const struct regex *r)
{
    return r->required;
}
