/* Regular expressions as Prometheus's users know them: fully anchored (but for searching), RE2-like
 * syntax, `.` matches a newline too. Executed by PCRE2 with limits on steps and depth, so a hostile
 * pattern ends in an error, not in a hang. Compiled patterns are immutable: one may be used by many
 * threads at once.
 */
#ifndef TELLTALE_BASE_REGEX_H
#define TELLTALE_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct buf;
struct regex;

/* `pattern` must match the whole subject. ERR_INVALID with the position and reason; patterns over
 * 64 KiB are ERR_TOO_BIG, alternations of literals over 1 MiB. */
int regex_new(struct str pattern, struct regex **out, struct err *err);
void regex_free(struct regex *r);

/* The same, but a match anywhere within the subject is one, as who searches text expects; ^ and $
 * are the ends of the subject. It has no literals and no prefix. Of a subject that is not UTF-8 the
 * sound stretches are searched. */
int regex_new_search(struct str pattern, struct regex **out, struct err *err);

/* 1 match, 0 no match, ERR_TOO_BIG when the match ran into its limit. */
int regex_match(const struct regex *r, struct str subject);

/* What the subjects of one scan have taken together; {0} at first. Behind REGEX_HARD_MAX of those
 * that take much, and behind two seconds, the others get ERR_TOO_BIG after little, so that many
 * cannot add up to minutes. */
enum { REGEX_HARD_MAX = 16 };
#define REGEX_TOIL_MAX_NS INT64_C(2000000000)
struct regex_toil {
    unsigned hard;
    int64_t ns; /* of subjects that were not decided at once */
};

/* As regex_match, for one of many subjects. */
int regex_match_among(const struct regex *r, struct str subject, struct regex_toil *toil);

/* Of a search, many texts at once: text i is text[ends[i - 1], ends[i]). Sets bit i for each i in
 * [from, n) that regex_match might find a match in, which is to be asked of those, and leaves the
 * other bits. False: nothing is known but by regex_match, and the bits say nothing. */
bool regex_sift(const struct regex *r, const char *text, const uint32_t *ends, uint32_t from,
                uint32_t n, uint64_t *bits);

/* When `subject` matches, appends `template` to `out` with $1, ${1}, $name, ${name} and $$ expanded
 * as Go's Regexp.Expand does (unknown groups are empty) and returns 1; else 0 or ERR_…. */
int regex_expand(const struct regex *r, struct str subject, struct str template, struct buf *out);

/* If the pattern is a plain alternation of literals ("a|b|c", or one literal), their number and the
 * texts (borrowed from `r`, of more than a few in no order of the pattern), so that a look-up can
 * replace matching; else 0. */
size_t regex_literals(const struct regex *r, const struct str **out);

/* The literal text that every match starts with (may be empty); borrowed from `r`. */
struct str regex_prefix(const struct regex *r);

/* Literal text that every subject contains which matches, the longest that is easily found (may be
 * empty); borrowed from `r`. */
struct str regex_required(const struct regex *r);

#endif
