/* A label set is read once per new series (known ones are recognised by their text), yet a target's
 * first scrape is nothing but new series, so this too looks at each byte once or twice only. */
#include "codec/prom_labels.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Which characters may start a name (1) and which may follow in it (2). Colons are for metrics
 * alone; labels are checked for them. */
/* clang-format off */
static const unsigned char name_class[256] = {
    [':'] = 3,
    ['_'] = 3,
    ['0'] = 2, ['1'] = 2, ['2'] = 2, ['3'] = 2, ['4'] = 2,
    ['5'] = 2, ['6'] = 2, ['7'] = 2, ['8'] = 2, ['9'] = 2,
    ['A'] = 3, ['B'] = 3, ['C'] = 3, ['D'] = 3, ['E'] = 3, ['F'] = 3, ['G'] = 3,
    ['H'] = 3, ['I'] = 3, ['J'] = 3, ['K'] = 3, ['L'] = 3, ['M'] = 3, ['N'] = 3,
    ['O'] = 3, ['P'] = 3, ['Q'] = 3, ['R'] = 3, ['S'] = 3, ['T'] = 3, ['U'] = 3,
    ['V'] = 3, ['W'] = 3, ['X'] = 3, ['Y'] = 3, ['Z'] = 3,
    ['a'] = 3, ['b'] = 3, ['c'] = 3, ['d'] = 3, ['e'] = 3, ['f'] = 3, ['g'] = 3,
    ['h'] = 3, ['i'] = 3, ['j'] = 3, ['k'] = 3, ['l'] = 3, ['m'] = 3, ['n'] = 3,
    ['o'] = 3, ['p'] = 3, ['q'] = 3, ['r'] = 3, ['s'] = 3, ['t'] = 3, ['u'] = 3,
    ['v'] = 3, ['w'] = 3, ['x'] = 3, ['y'] = 3, ['z'] = 3,
};
/* clang-format on */
enum { NAME_FIRST = 1, NAME_NEXT = 2 };

const char *prom_name_end(const char *p, const char *end)
{
    if (p == end || !(name_class[(unsigned char)*p] & NAME_FIRST))
        return p;
    do
        p++;
    while (p < end && name_class[(unsigned char)*p] & NAME_NEXT);
    return p;
}

const char *prom_quoted_end(const char *p, const char *end)
{
    const char *start = p;
    while ((p = memchr(p, '"', (size_t)(end - p)))) {
        size_t backslashes = 0;
        while (p - backslashes > start && p[-1 - (long)backslashes] == '\\')
            backslashes++;
        p++;
        if (backslashes % 2 == 0)
            return p;
    }
    return NULL;
}

const char *prom_braces_end(const char *p, const char *end)
{
    while (p && p < end) {
        char c = *p++;
        if (c == '}')
            return p;
        if (c == '\n')
            return NULL;
        if (c == '"')
            p = prom_quoted_end(p, end);
    }
    return NULL;
}

struct str prom_unescape(struct str text, bool quotes, struct arena *arena)
{
    if (text.n == 0 || !memchr(text.p, '\\', text.n))
        return text;
    char *to = arena_alloc(arena, text.n);
    if (!to)
        return (struct str){0};

    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char next = i + 1 < text.n ? text.p[i + 1] : '\0';
        bool escape = text.p[i] == '\\' && (next == '\\' || next == 'n' || (quotes && next == '"'));
        if (escape) {
            to[n++] = next == 'n' ? '\n' : next;
            i++;
        } else {
            to[n++] = text.p[i];
        }
    }
    return (struct str){to, n};
}

/* The state of one label set's parsing. */
struct cursor {
    const char *at, *end;
    struct str whole; /* for messages */
    enum prom_format format;
    struct arena *arena;
    struct label *v; /* of the arena */
    size_t n, cap;
    struct err *err;
};

static int expected(const struct cursor *c, const char *what)
{
    struct str shown = str_sub(c->whole, 0, 200);
    if (c->at >= c->end)
        return err_set(c->err, ERR_INVALID, "expected %s, but the label set ends: %.*s", what,
                       STR_ARG(shown));
    return err_set(c->err, ERR_INVALID, "expected %s, got \"%.*s\" at byte %zu of %.*s", what,
                   (int)MIN(c->end - c->at, 20), c->at, (size_t)(c->at - c->whole.p),
                   STR_ARG(shown));
}

static void skip_blanks(struct cursor *c)
{
    while (c->format == PROM_TEXT && c->at < c->end && is_blank(*c->at))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* The rest of "text in quotes", the opening quote taken already. `label`: whose value it is, or
 * empty for a name. */
static int quoted(struct cursor *c, struct str label, struct str *out)
{
    const char *reason = NULL;
    const char *end = prom_quoted_end(c->at, c->end);
    struct str raw = {c->at, end ? (size_t)(end - 1 - c->at) : 0};
    if (!end)
        reason = "the closing quote is missing";
    else if (!str_is_utf8(raw))
        reason = "not valid UTF-8";
    else if (c->format == PROM_OPENMETRICS && raw.n && memchr(raw.p, '\n', raw.n))
        reason = "a line feed must be written as \\n";
    if (reason)
        return err_set(c->err, ERR_INVALID, "%s%.*s: %s", label.n ? "value of label " : "name",
                       STR_ARG(label), reason);
    *out = prom_unescape(raw, true, c->arena);
    c->at = end;
    return 0;
}

static int add(struct cursor *c, struct str name, struct str value)
{
    struct label *v = arena_room(c->arena, c->v, c->n, &c->cap, 16, sizeof *v);
    if (!v)
        return err_set(c->err, ERR_NOMEM, "out of memory for labels");
    c->v = v;
    c->v[c->n++] = (struct label){name, value};
    return 0;
}

/* A label's name, plain or quoted. */
static int label_name(struct cursor *c, bool *out_quoted, struct str *out)
{
    *out_quoted = take(c, '"');
    if (*out_quoted)
        return quoted(c, (struct str){0}, out);

    const char *end = prom_name_end(c->at, c->end);
    struct str name = {c->at, (size_t)(end - c->at)};
    if (name.n == 0 || memchr(name.p, ':', name.n))
        return expected(c, "a label name");
    c->at = end;
    *out = name;
    return 0;
}

static int label_value(struct cursor *c, struct str name, struct str *out)
{
    if (!take(c, '='))
        return expected(c, "\"=\" after the label name");
    if (!take(c, '"'))
        return expected(c, "a label value in double quotes");
    return quoted(c, name, out);
}

/* One item between the commas: name="value", or in a series's braces its quoted name. */
static int item(struct cursor *c, bool *metric_missing)
{
    bool is_quoted = false;
    struct str name, value;
    int rc = label_name(c, &is_quoted, &name);
    if (rc != 0)
        return rc;

    skip_blanks(c);
    bool metric = is_quoted && c->at < c->end && (*c->at == ',' || *c->at == '}');
    if (metric && !*metric_missing)
        return err_set(c->err, ERR_INVALID, "\"%.*s\": the metric name is given already",
                       STR_ARG(name));
    if (metric) {
        *metric_missing = false;
        if (name.n == 0)
            return err_set(c->err, ERR_INVALID, "the metric name is empty");
        return add(c, LABEL_NAME, name);
    }
    rc = label_value(c, name, &value);
    return rc != 0 ? rc : add(c, name, value);
}

/* Between the braces; a comma behind the last item is allowed. */
static int items(struct cursor *c, bool *metric_missing)
{
    while (!take(c, '}')) {
        int rc = item(c, metric_missing);
        if (rc != 0)
            return rc;
        if (take(c, ','))
            continue;
        if (!take(c, '}'))
            return expected(c, "\",\" or \"}\"");
        break;
    }
    return 0;
}

static int canonicalise(struct cursor *c, struct labels *out)
{
    struct str bad;
    long n = labels_canonicalise(c->v, c->n, &bad);
    if (n < 0)
        return err_set(c->err, ERR_INVALID,
                       bad.n ? "label \"%.*s\" is given twice" : "a label name is empty%.*s",
                       STR_ARG(bad));
    if (arena_failed(c->arena))
        return err_set(c->err, ERR_NOMEM, "out of memory for labels");
    *out = (struct labels){c->v, (size_t)n};
    return 0;
}

int prom_labels_parse(struct str text, enum prom_format format, bool exemplar, struct arena *arena,
                      struct labels *out, struct err *err)
{
    struct cursor c = {text.p, text.p + text.n, text, format, arena, .err = err};
    bool metric_missing = !exemplar;
    int rc = 0;

    const char *name_end = exemplar ? c.at : prom_name_end(c.at, c.end);
    if (name_end > c.at) {
        rc = add(&c, LABEL_NAME, (struct str){c.at, (size_t)(name_end - c.at)});
        c.at = name_end;
        metric_missing = false;
    }
    if (rc == 0 && take(&c, '{'))
        rc = items(&c, &metric_missing);
    if (rc != 0)
        return rc;
    if (metric_missing)
        return err_set(err, ERR_INVALID, "the metric name is missing: %.*s",
                       STR_ARG(str_sub(text, 0, 200)));
    if (c.at != c.end)
        return expected(&c, "the end of the series");
    return canonicalise(&c, out);
}
