/* A sieve against the pattern itself: what matches is never kept back. */
#include "base/regex_sieve.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/regex.h"
#include "base/thread.h"
#include "support/check.h"

enum { TEXTS = 200, WORDS = (TEXTS + 63) / 64 };

struct texts {
    struct buf all;
    uint32_t ends[TEXTS], n;
};

static void add(struct texts *t, struct str text)
{
    buf_put_str(&t->all, text);
    t->ends[t->n++] = (uint32_t)t->all.n;
}

static struct str text(const struct texts *t, uint32_t i)
{
    uint32_t from = i ? t->ends[i - 1] : 0;
    return str_of(t->all.p + from, t->ends[i] - from);
}

static bool has(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

/* Whether a sieve for the pattern lets `subject` through, between two others. */
static bool lets_through(const char *pattern, const char *subject)
{
    struct texts t = {.all = BUF_MAX(1 << 16)};
    add(&t, STR("~~~"));
    add(&t, str_c(subject));
    add(&t, STR("~~~"));
    struct sieve *s = sieve_new(str_c(pattern));
    if (!s)
        fail_msg("%s: no sieve", pattern);
    uint64_t bits[WORDS] = {0};
    assert_true(sieve_run(s, t.all.p, t.ends, 0, t.n, bits));
    assert_false(has(bits, 0) || has(bits, 2));
    sieve_free(s);
    buf_done(&t.all);
    return has(bits, 1);
}

static void test_what_matches_is_let_through_and_most_else_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        {"[0-9]{3}-[0-9]{4}", "call 555-1234", "call 555-123"},
        {"(?i)refused", "Connection REFUSED by", "Connection closed"},
        {"error|time(d )?out", "it timed out", "it tied out"},
        {"a{2,3}b", "xaaaab", "xab"},
        {"a{0,1}b{0}c", "c", "ab"},
        {"x{,3}y|z", NULL, NULL},
        {"^GET .* 5\\d\\d$", "GET /a/b 503", "GET /a/b 403"},
        {"\\bword\\B", "word", "ward"},
        {"[]x]+y", "a]y", "a[y"},
        {"[^a-y]q", "zq", "aq"},
        {"[a\\-z]q", "-q", "bq"},
        {"[\\d.]+ms", "took 1.5ms", "took ms"},
        {"\\$\\{[^}]+\\}", "a ${b} c", "a ${} c"},
        {"{a}", "x{a}", "xa"},
        {"(?P<id>[a-f]+)-(?:x|y)", "abc-y", "abc-z"},
        {"a(?i)b|c", "C", "AB"},
        {"(?i:a)b", "Ab", "AB"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9e"},
        {"(?i)\xc5\xbf", "s", "t"},
        {"(?i)k", "\xe2\x84\xaa", "j"},
        {"caf.!", "caf\xc3\xa9!", "caf!"},
        {"\\W\\w", "-a", "aa"},
        {"(a|b)*?c+?d", "ababccd", "ababd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!cases[i].yes) {
            assert_null(sieve_new(str_c(cases[i].pattern)));
            continue;
        }
        if (!lets_through(cases[i].pattern, cases[i].yes) ||
            lets_through(cases[i].pattern, cases[i].no))
            fail_msg("%s", cases[i].pattern);
    }
}

static void test_what_matches_nothing_or_everything_needs_no_sieve(void **state)
{
    (void)state;
    static const char *const patterns[] = {"", "a*", "^", "x?$", "(a|)", "a{0}", "\\b"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        assert_null(sieve_new(str_c(patterns[i])));
}

/* --- random patterns -------------------------------------------------------------------------- */

static const char *pick(uint64_t *random, const char *const *from, size_t n)
{
    return from[check_random(random) % n];
}

/* Without [^ſ]: that, without regard to case, PCRE2's compiled code finds in what is not UTF-8. */
static void put_pattern(struct buf *out, uint64_t *random, int depth)
{
    static const char *const atoms[] = {
        "a",   "b",        "k",        "ss",     "-",
        "7",   "\xc3\xa9", "\xc5\xbf", ".",      "[ab]",
        "\\d", "\\w",      "[^ak]",    "[^\\d]", "[\xc3\xa9-\xc3\xbfz]",
        "\\W", "\\s",      "[k-s]",    "\\.",    "(?i)",
        "^",   "$",        "\\b",      "\\pL"};
    static const char *const counts[] = {"*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "{0,1}"};
    size_t n = 1 + check_random(random) % 4;
    for (size_t i = 0; i < n; i++) {
        if (depth && check_random(random) % 4 == 0) {
            buf_puts(out, check_random(random) % 4 ? "(" : "(?i:");
            put_pattern(out, random, depth - 1);
            buf_puts(out, ")");
        } else {
            buf_puts(out, pick(random, atoms, sizeof atoms / sizeof *atoms));
        }
        if (check_random(random) % 3 == 0)
            buf_puts(out, pick(random, counts, sizeof counts / sizeof *counts));
        if (i + 1 < n && check_random(random) % 6 == 0)
            buf_putc(out, '|');
    }
}

static void put_text_of(struct texts *t, uint64_t *random)
{
    static const char *const pieces[] = {
        "a", "b", "k",  "K", "s",    "S",   "-", "7", "\xc3\xa9", "\xc5\xbf", "\xe2\x84\xaa",
        " ", ".", "\n", "z", "\xff", "\xc3"};
    struct buf b = BUF_MAX(1 << 10);
    for (size_t n = check_random(random) % 30; n; n--)
        buf_puts(&b, pick(random, pieces, sizeof pieces / sizeof *pieces));
    add(t, buf_str(&b));
    buf_done(&b);
}

struct tally {
    size_t without, matches, kept_back, let_through_in_vain;
};

static void compare(struct str pattern, const struct texts *t, uint32_t from, struct tally *tally)
{
    struct regex *r = NULL;
    if (regex_new_search(pattern, &r, NULL) != 0)
        return;
    uint64_t bits[WORDS] = {0};
    bool known = regex_sift(r, t->all.p, t->ends, from, t->n, bits);
    tally->without += !known;
    for (uint32_t i = 0; known && i < t->n; i++) {
        bool match = i >= from && regex_match(r, text(t, i)) == 1;
        if ((match && !has(bits, i)) || (i < from && has(bits, i)))
            fail_msg("%.*s: text %u: %.*s", STR_ARG(pattern), i, STR_ARG(text(t, i)));
        tally->matches += match;
        tally->kept_back += i >= from && !has(bits, i);
        tally->let_through_in_vain += !match && has(bits, i);
    }
    regex_free(r);
}

static void test_nothing_that_matches_is_kept_back(void **state)
{
    (void)state;
    uint64_t random = 11;
    struct tally tally = {0};
    for (int round = 0; round < 4000; round++) {
        struct texts t = {.all = BUF_MAX(1 << 16)};
        struct buf pattern = BUF_MAX(1 << 12);
        put_pattern(&pattern, &random, 3);
        for (size_t n = 1 + check_random(&random) % TEXTS; n; n--)
            put_text_of(&t, &random);
        compare(buf_str(&pattern), &t, (uint32_t)(check_random(&random) % t.n / 2), &tally);
        buf_done(&pattern);
        buf_done(&t.all);
    }
    assert_true(tally.matches > 10000 && tally.kept_back > 10000);
    assert_true(tally.let_through_in_vain < tally.kept_back);
}

/* --- limits and threads ----------------------------------------------------------------------- */

static void fill_randomly(struct texts *t, const char *letters)
{
    uint64_t random = 5;
    for (int i = 0; i < TEXTS; i++) {
        char line[97];
        for (size_t k = 0; k < sizeof line; k++)
            line[k] = letters[check_random(&random) % strlen(letters)];
        add(t, str_of(line, sizeof line - (size_t)i % 7));
    }
}

static void test_too_many_states_are_told(void **state)
{
    (void)state;
    struct texts t = {.all = BUF_MAX(1 << 16)};
    fill_randomly(&t, "ab");
    struct sieve *s = sieve_new(STR("a[ab]{12}c"));
    uint64_t bits[WORDS] = {0};
    assert_non_null(s);
    assert_false(sieve_run(s, t.all.p, t.ends, 0, t.n, bits));
    assert_false(sieve_run(s, t.all.p, t.ends, 0, t.n, bits));
    sieve_free(s);
    assert_null(sieve_new(STR("(a{60}){60}"))); // too large a program
    buf_done(&t.all);
}

static void test_no_texts_and_empty_texts_are_no_trouble(void **state)
{
    (void)state;
    struct texts t = {.all = BUF_MAX(1 << 10)};
    struct sieve *s = sieve_new(STR("ab"));
    uint64_t bits[WORDS] = {0};
    assert_true(sieve_run(s, NULL, t.ends, 0, 0, bits));
    for (int i = 0; i < 70; i++)
        add(&t, i == 66 ? STR("xaby") : STR(""));
    assert_true(sieve_run(s, t.all.p, t.ends, 0, t.n, bits));
    assert_true(has(bits, 66) && bits[0] == 0 && bits[1] == 4);
    sieve_free(s);
    buf_done(&t.all);
}

struct runner {
    struct thread thread;
    struct sieve *sieve;
    const struct texts *texts;
    uint64_t bits[WORDS];
    bool ok;
};

static void run_often(void *arg)
{
    struct runner *r = arg;
    r->ok = true;
    for (int i = 0; i < 20; i++)
        r->ok &= sieve_run(r->sieve, r->texts->all.p, r->texts->ends, 0, r->texts->n, r->bits);
}

static void test_threads_share_a_sieve(void **state)
{
    (void)state;
    struct texts t = {.all = BUF_MAX(1 << 16)};
    fill_randomly(&t, "abcdefgh123");
    struct runner runners[4] = {{.ok = false}};
    struct sieve *s = sieve_new(STR("[a-d]{3}[e-h]+[0-9]{2}a|b1b"));
    for (size_t i = 0; i < 4; i++) {
        runners[i].sieve = s;
        runners[i].texts = &t;
        assert_int_equal(thread_start(&runners[i].thread, "sieve", run_often, &runners[i], NULL),
                         0);
    }
    for (size_t i = 0; i < 4; i++)
        thread_join(&runners[i].thread);
    for (size_t i = 0; i < 4; i++)
        assert_true(runners[i].ok &&
                    memcmp(runners[i].bits, runners[0].bits, sizeof runners[0].bits) == 0);
    sieve_free(s);
    buf_done(&t.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_matches_is_let_through_and_most_else_is_not),
        cmocka_unit_test(test_what_matches_nothing_or_everything_needs_no_sieve),
        cmocka_unit_test(test_nothing_that_matches_is_kept_back),
        cmocka_unit_test(test_too_many_states_are_told),
        cmocka_unit_test(test_no_texts_and_empty_texts_are_no_trouble),
        cmocka_unit_test(test_threads_share_a_sieve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
