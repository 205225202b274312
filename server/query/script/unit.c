#include "query/script/unit.h"

#include <string.h>

#include "base/buf.h"
#include "query/script/expect.h"
#include "query/script/load.h"

struct unit_loader {
    struct script_load load;
};

struct unit_loader *unit_loader_new(struct arena *arena, int64_t from_ms, int64_t interval_ms)
{
    struct unit_loader *l = arena_zalloc(arena, sizeof *l);
    if (l)
        l->load = (struct script_load){.arena = arena, .from_ms = from_ms, .step_ms = interval_ms};
    return l;
}

/* "a b" on one line, whatever white space there was. */
static int join(struct arena *arena, struct str a, struct str b, struct str *out, struct err *err)
{
    char *p = arena_alloc(arena, a.n + 1 + b.n);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a series");
    memcpy(p, a.p ? a.p : "", a.n);
    p[a.n] = ' ';
    memcpy(p + a.n + 1, b.p ? b.p : "", b.n);
    for (size_t i = 0; i < a.n + 1 + b.n; i++)
        p[i] = p[i] == '\n' || p[i] == '\r' || p[i] == '\t' ? ' ' : p[i];
    *out = str_trim(str_of(p, a.n + 1 + b.n));
    return 0;
}

int unit_loader_add(struct unit_loader *l, struct str series, struct str values, struct err *err)
{
    struct str line;
    int rc = join(l->load.arena, str_trim(series), str_trim(values), &line, err);
    return rc ? rc : script_load_line(&l->load, line, err);
}

int unit_loader_batch(struct unit_loader *l, int64_t until_ms, struct batch *out, struct err *err)
{
    l->load.until_ms = until_ms;
    l->load.until_set = true;
    return script_load_batch(&l->load, out, err);
}

static int add_sample(struct expectation *e, const struct unit_sample *s, struct err *err)
{
    struct script_series *out = &e->series[e->n];
    struct str labels = str_trim(s->labels), line;
    int rc = join(e->arena, labels.n ? labels : STR("{}"), s->histogram.n ? s->histogram : STR("0"),
                  &line, err);
    if (rc == 0 && (rc = script_parse_series(e->arena, line, out, err)) != 0)
        rc = err_prefix(err, rc, "labels \"%.*s\"", STR_ARG(str_sub(labels, 0, 200)));
    if (rc == 0 && out->n != 1)
        rc = err_set(err, ERR_INVALID, "expected one value, found %zu in \"%.*s\"", out->n,
                     STR_ARG(str_sub(line, 0, 200)));
    if (rc == 0 && !s->histogram.n)
        out->values[0].v = s->value;
    e->n += rc == 0;
    return rc;
}

int unit_check(struct arena *arena, const struct unit_sample *want, size_t n, bool fuzzy,
               const struct query_result *got, struct err *err)
{
    struct expectation e = {
        .arena = arena, .floats = fuzzy ? FLOATS_NEXT : FLOATS_SAME, .scalar_as_vector = true};
    struct query_request q = {.instant = true};
    if (got->type != QUERY_VECTOR && got->type != QUERY_SCALAR)
        return err_set(err, ERR_INVALID, "the expression gives neither a vector nor a scalar");
    e.series = arena_array(arena, n + 1, sizeof *e.series);
    int rc = e.series ? 0 : err_set(err, ERR_NOMEM, "out of memory for expectations");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_sample(&e, &want[i], err);
    return rc ? rc : expect_check(&e, &q, 0, NULL, got, err);
}
