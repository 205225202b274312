/* A pattern, a newline, a subject. A match must agree with the literals and the prefix that were
 * found in the pattern, and with its own expansion. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static bool is_literal(const struct regex *r, struct str subject)
{
    const struct str *literals;
    size_t n = regex_literals(r, &literals);
    for (size_t i = 0; i < n; i++)
        if (str_eq(literals[i], subject))
            return true;
    return n == 0; // not a set of literals
}

static void check_expand(const struct regex *r, struct str subject)
{
    struct buf out = BUF_MAX(1 << 20);
    check(regex_expand(r, subject, STR("$0"), &out) == 1);
    check(str_eq(buf_str(&out), subject)); // the whole subject matches, always
    buf_done(&out);
}

/* Of the subject's halves, which lie behind each other, the sieve keeps none back that matches. */
static void check_sieve(const struct regex *r, struct str subject)
{
    const uint32_t ends[] = {(uint32_t)(subject.n / 2), (uint32_t)subject.n};
    uint64_t bits = 0;
    if (!regex_sift(r, subject.p, ends, 0, 2, &bits))
        return;
    struct str half = str_sub(subject, 0, ends[0]), rest = str_sub(subject, ends[0], subject.n);
    check(regex_match(r, half) != 1 || bits & 1 || !str_is_utf8(half));
    check(regex_match(r, rest) != 1 || bits & 2 || !str_is_utf8(rest));
}

static void check_search(struct str pattern, struct str subject, int whole)
{
    struct regex *r = NULL;
    if (regex_new_search(pattern, &r, NULL) != 0)
        return;
    int rc = regex_match(r, subject);
    struct str required = regex_required(r);
    check(rc != 1 || required.n == 0 || str_find(subject, required) < subject.n);
    check(whole != 1 || rc != 0); // what matches whole is found
    check_sieve(r, subject);
    regex_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str subject = str_of((const char *)data, size);
    struct str pattern = str_cut(&subject, '\n');
    struct regex *r = NULL;
    struct err err = {0};
    if (regex_new(pattern, &r, &err) != 0) {
        check(err.code != 0 && err.message[0] != '\0');
        return 0;
    }
    int rc = regex_match(r, subject);
    check_search(pattern, subject, rc);
    if (rc == 1) {
        check(str_starts(subject, regex_prefix(r)));
        check(is_literal(r, subject));
        check_expand(r, subject);
    }
    const struct str *literals;
    size_t n = regex_literals(r, &literals);
    for (size_t i = 0; i < n; i++)
        check(regex_match(r, literals[i]) == 1);
    regex_free(r);
    return 0;
}
