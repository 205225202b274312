/* Start times in scripts: a line before that of the values says, for each of them, how far from the
 * sample its start lies.
 *
 *   x@st  _ -30s-1mx2 *     x has five samples: none, -30s, -1m30s, -2m30s, and the last again
 *   x     1 2 3 4 5
 *   @st   -1m               from here on, for series without a line of their own */
#include "query/script/starts.h"

#include "base/time.h"

#define MARK "@st"

bool script_is_starts(struct str line)
{
    return str_ends(str_sub(line, 0, script_labels_end(line)), STR(MARK));
}

/* Signed durations: 0, -30s, +1m. */
static bool signed_duration(struct str text, int64_t *out)
{
    bool minus = text.n && text.p[0] == '-';
    bool sign = minus || (text.n && text.p[0] == '+');
    text = str_sub(text, sign, text.n);
    if (duration_parse(text, out, NULL) != 0)
        return false;
    *out = minus ? -*out : *out;
    return true;
}

static size_t duration_length(struct str text)
{
    size_t n = text.n > 0;
    while (n < text.n && text.p[n] != 'x' && text.p[n] != '-' && text.p[n] != '+')
        n++;
    return n;
}

struct item {
    bool omitted, again; /* again: as the one before */
    int64_t first, step;
    long times;
};

/* As with values: _x3 is three, 1mx3 is four. */
static int count_of(struct str rest, struct item *out, struct err *err)
{
    long more;
    int rc = script_repeat_of(rest, &more, err);
    if (rc == 0 && out->omitted && more == 0)
        return err_set(err, ERR_INVALID, "_x0 stands for nothing");
    out->times = more < 0 ? 1 : more + !out->omitted;
    return rc;
}

static int parse_item(struct str text, struct item *out, struct err *err)
{
    *out = (struct item){.omitted = text.p[0] == '_', .again = text.p[0] == '*'};
    size_t n = out->omitted || out->again ? 1 : duration_length(text);
    bool ok = out->omitted || out->again || signed_duration(str_sub(text, 0, n), &out->first);
    struct str rest = str_sub(text, n, text.n);
    if (ok && rest.n && rest.p[0] != 'x') {
        n = duration_length(rest);
        ok = signed_duration(str_sub(rest, 0, n), &out->step);
        rest = str_sub(rest, n, rest.n);
        ok &= rest.n > 0; // a step is for more than one
    }
    if (!ok)
        return err_set(err, ERR_INVALID, "\"%.*s\" is not a start time", STR_ARG(text));
    return count_of(rest, out, err);
}

static bool grow(struct arena *arena, struct script_starts *s)
{
    size_t cap = s->cap ? s->cap * 2 : 16;
    struct script_start *v = arena_grow(arena, s->v, s->n, cap, sizeof *v);
    if (!v)
        return false;
    s->v = v;
    s->cap = cap;
    return true;
}

static int append(struct arena *arena, struct script_starts *out, const struct item *item,
                  struct err *err)
{
    struct script_start last = out->n ? out->v[out->n - 1] : (struct script_start){0};
    if (item->again && out->n == 0)
        return err_set(err, ERR_INVALID, "* repeats a start time, and there is none before it");
    for (long i = 0; i < item->times; i++) {
        if (out->n == out->cap && !grow(arena, out))
            return err_set(err, ERR_NOMEM, "out of memory for start times");
        out->v[out->n++] =
            item->again ? last
                        : (struct script_start){!item->omitted, item->first + i * item->step};
    }
    return 0;
}

int script_parse_starts(struct arena *arena, struct str line, struct script_starts *out,
                        struct err *err)
{
    size_t end = script_labels_end(line);
    struct str labels = str_sub(line, 0, end - (sizeof MARK - 1));
    struct str rest = str_trim(str_sub(line, end, line.n));
    *out = (struct script_starts){.any_series = labels.n == 0};
    int rc = labels.n ? script_labels_of(arena, labels, &out->labels, err) : 0;
    while (rc == 0 && rest.n) {
        struct item item;
        rc = parse_item(script_next_item(&rest), &item, err);
        if (rc == 0)
            rc = append(arena, out, &item, err);
    }
    if (rc == 0 && out->n == 0)
        rc = err_set(err, ERR_INVALID, "expected start times behind " MARK);
    return rc;
}
