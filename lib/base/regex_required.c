#include "base/regex_required.h"

#include "base/buf.h"

/* Runs of literal text between the operators of a pattern, outside all groups. */
struct runs {
    struct buf run, longest;
    size_t last; /* where the last character of the run begins */
};

static void end_run(struct runs *r)
{
    if (r->run.n > r->longest.n) {
        buf_reset(&r->longest);
        buf_put_str(&r->longest, buf_str(&r->run));
    }
    buf_reset(&r->run);
    r->last = 0;
}

static void add_to_run(struct runs *r, char c)
{
    if (((unsigned char)c & 0xC0) != 0x80) // not inside a UTF-8 sequence
        r->last = r->run.n;
    buf_putc(&r->run, c);
}

/* How far behind the '[' at `at` the ']' of its class is; 0: not found out. (A '[' within may begin
 * a class of POSIX or be itself.) */
static size_t class_end(struct str pattern, size_t at)
{
    size_t i = at + 1;
    i += i < pattern.n && pattern.p[i] == '^';
    i += i < pattern.n && pattern.p[i] == ']';
    for (; i < pattern.n && pattern.p[i] != ']'; i++) {
        if (pattern.p[i] == '[')
            return 0;
        i += pattern.p[i] == '\\';
    }
    return i < pattern.n ? i - at : 0;
}

/* False: the pattern has something that this does not understand. `*at` is moved to the last byte
 * of what was read. */
static bool read_escape(struct runs *r, struct str pattern, size_t *at, bool in_group)
{
    if (*at + 1 >= pattern.n)
        return false;
    char c = pattern.p[++*at];
    if (!in_group && regex_is_meta(c))
        add_to_run(r, c);
    else
        end_run(r);
    return regex_is_meta(c) || strchr("dDsSwWbBAznrtfv", c);
}

/* How far behind the '{' at `at` the '}' of a count is; 0: it is no count but a brace. */
static size_t counts_end(struct str pattern, size_t at)
{
    size_t i = at + 1;
    while (i < pattern.n && ((pattern.p[i] >= '0' && pattern.p[i] <= '9') || pattern.p[i] == ','))
        i++;
    return i > at + 1 && i < pattern.n && pattern.p[i] == '}' ? i - at : 0;
}

static bool find_runs(struct runs *r, struct str pattern)
{
    size_t depth = 0;
    for (size_t i = 0; i < pattern.n; i++) {
        char c = pattern.p[i];
        if (c == '\\') {
            if (!read_escape(r, pattern, &i, depth > 0))
                return false;
        } else if (c == '|' && depth == 0) {
            return false;
        } else if (c == '(') {
            if (i + 2 < pattern.n && pattern.p[i + 1] == '?' && !strchr(":P<", pattern.p[i + 2]))
                return false; // flags
            end_run(r);
            depth++;
        } else if (c == ')') {
            depth -= depth > 0;
        } else if (c == '[') {
            size_t end = class_end(pattern, i);
            if (end == 0)
                return false;
            end_run(r);
            i += end;
        } else if (depth > 0) {
            continue;
        } else if (c == '*' || c == '?' || (c == '{' && counts_end(pattern, i))) {
            r->run.n = r->last; // the character before may be absent
            end_run(r);
            i += c == '{' ? counts_end(pattern, i) : 0;
        } else if (regex_is_meta(c)) {
            end_run(r);
        } else {
            add_to_run(r, c);
        }
    }
    end_run(r);
    return true;
}

struct str regex_find_required(struct str pattern)
{
    struct runs runs = {BUF_MAX(pattern.n + 1), BUF_MAX(pattern.n + 1), 0};
    struct str found = {0};
    if (find_runs(&runs, pattern) && runs.longest.n && !buf_failed(&runs.run)) {
        char *copy = str_dup(buf_str(&runs.longest));
        found = str_of(copy, copy ? runs.longest.n : 0);
    }
    buf_done(&runs.run);
    buf_done(&runs.longest);
    return found;
}
