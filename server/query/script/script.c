#include "query/script/script.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "model/batch.h"
#include "query/promql/parser.h"
#include "query/query.h"
#include "query/script/expect.h"
#include "query/script/load.h"
#include "query/script/pin.h"

enum { SCRIPT_MEMORY_MAX = 256 << 20 };

struct script {
    struct str rest; /* not yet read */
    size_t line;     /* number of the line last read */
    const struct script_driver *driver;
    struct script_report *report;
    struct err *err;
};

/* --- lines ------------------------------------------------------------------------------------ */

/* The next line, trimmed, comments as empty lines. False at the end. */
static bool next_line(struct script *s, struct str *out)
{
    if (!s->rest.p)
        return false;
    *out = str_trim(str_cut(&s->rest, '\n'));
    s->line++;
    if (out->n && out->p[0] == '#')
        *out = STR("");
    return true;
}

static int at_line(struct script *s, int rc)
{
    return err_prefix(s->err, rc, "line %zu", s->line);
}

/* --- load ------------------------------------------------------------------------------------- */

static int run_load(struct script *s, struct str rest, bool with_nhcb)
{
    struct arena arena;
    struct batch batch;
    struct str line;
    arena_init(&arena, SCRIPT_MEMORY_MAX);
    batch_init(&batch, SCRIPT_MEMORY_MAX);
    struct script_load load = {.arena = &arena, .with_nhcb = with_nhcb};
    int rc = duration_parse(rest, &load.step_ms, s->err);
    while (rc == 0 && next_line(s, &line) && line.n)
        rc = script_load_line(&load, line, s->err);
    if (rc == 0)
        rc = script_load_batch(&load, &batch, s->err);
    if (rc == 0)
        rc = s->driver->load(s->driver->self, &batch, s->err);
    batch_done(&batch);
    arena_done(&arena);
    return rc ? at_line(s, rc) : 0;
}

/* --- eval ------------------------------------------------------------------------------------- */

struct eval_command {
    struct query_request request;
    struct expectation expected;
    size_t line;
};

/* "at <time> <expression>" or "from <start> to <end> step <step> <expression>" */
static int parse_times(struct script *s, struct str rest, struct eval_command *c)
{
    static const char *const words[] = {"from", "to", "step"};
    struct query_request *q = &c->request;
    struct str kind = str_cut_word(&rest);
    q->instant = str_eq(kind, STR("instant"));
    if (!q->instant && !str_eq(kind, STR("range")))
        return err_set(s->err, ERR_INVALID, "expected instant or range, found \"%.*s\"",
                       STR_ARG(kind));
    int64_t *times[] = {&q->start_ms, &q->end_ms, &q->step_ms};
    int rc = 0;
    for (size_t i = 0; i < (q->instant ? 1u : 3u) && rc == 0; i++) {
        const char *word = q->instant ? "at" : words[i];
        struct str found = str_cut_word(&rest);
        rc = str_eq(found, str_c(word))
                 ? duration_parse(str_cut_word(&rest), times[i], s->err)
                 : err_set(s->err, ERR_INVALID, "expected \"%s\", found \"%.*s\"", word,
                           STR_ARG(found));
    }
    if (rc == 0 && !q->instant && q->end_ms < q->start_ms)
        rc = err_set(s->err, ERR_INVALID, "the end of the range is before its start");
    q->expr = rest;
    return rc;
}

/* eval_fail and the like. */
static int parse_mode(struct script *s, struct str word, struct expectation *e)
{
    e->fail = str_eq(word, STR("eval_fail"));
    e->ordered = str_eq(word, STR("eval_ordered"));
    e->n_warn = str_eq(word, STR("eval_warn"));
    e->n_info = str_eq(word, STR("eval_info"));
    if (e->fail || e->ordered || e->n_warn || e->n_info || str_eq(word, STR("eval")))
        return 0;
    return err_set(s->err, ERR_INVALID, "unknown command \"%.*s\"", STR_ARG(word));
}

static void report_failure(struct script *s, const struct eval_command *c, const char *message)
{
    if (s->driver->failed)
        s->driver->failed(s->driver->self, c->line, message);
}

/* start(), end(), step() and range() are other values in a range query. */
static bool depends_on_range(struct str expr)
{
    struct ast ast = {0};
    bool depends = promql_parse(expr, ~0u, &ast, NULL) != 0 || ast.of_query;
    ast_done(&ast);
    return depends;
}

/* An instant query is also the middle step of a range query from a minute before to one after. */
static int check_as_range(struct script *s, const struct eval_command *c, struct err *why)
{
    const struct expectation *e = &c->expected;
    struct query_request q = c->request;
    struct query_result result;
    struct err query_err = {0};
    if (!q.instant || e->fail || e->ordered || e->is_string || e->is_matrix ||
        depends_on_range(q.expr))
        return 0;
    q.instant = false;
    q.end_ms = q.start_ms + 60 * MS_PER_S;
    q.start_ms -= 60 * MS_PER_S;
    q.step_ms = 60 * MS_PER_S;
    int rc = s->driver->query(s->driver->self, &q, &result, &query_err);
    if (rc != 0)
        return err_set(why, ERR_INVALID, "as a range query it failed: %.300s", query_err.message);
    rc = expect_check_step(e, &result, c->request.start_ms, why);
    query_result_done(&result);
    return err_prefix(why, rc, "as a range query");
}

static int check_pinned_at(struct script *s, const struct eval_command *c, struct str expr,
                           int64_t at_ms, struct err *why)
{
    struct query_request q = c->request;
    struct query_result result;
    struct err query_err = {0};
    q.expr = expr;
    q.start_ms = at_ms;
    int rc = s->driver->query(s->driver->self, &q, &result, &query_err);
    if (rc != 0)
        return err_set(why, ERR_INVALID, "as %.*s it failed: %.300s",
                       STR_ARG(str_sub(expr, 0, 300)), query_err.message);
    rc = expect_check_step(&c->expected, &result, at_ms, why);
    query_result_done(&result);
    return err_prefix(why, rc, "as %.*s asked at %lld ms", STR_ARG(str_sub(expr, 0, 300)),
                      (long long)at_ms);
}

/* With @ at all selectors the answer is the same at other times. */
static int check_pinned(struct script *s, const struct eval_command *c, struct err *why)
{
    const struct expectation *e = &c->expected;
    int64_t t = c->request.start_ms;
    const int64_t times[] = {t ? -10 * t : -MS_PER_S, 0, t ? t / 5 : MS_PER_S, t, 10 * t};
    struct buf pinned;
    int rc = 0;
    buf_init(&pinned, 1 << 20);
    if (c->request.instant && !e->fail && !e->is_string && !e->is_matrix &&
        script_pin(c->request.expr, t, &pinned))
        for (size_t i = 0; i < ARRAY_LEN(times) && rc == 0; i++)
            rc = check_pinned_at(s, c, buf_str(&pinned), times[i], why);
    buf_done(&pinned);
    return rc;
}

static void run_query(struct script *s, const struct eval_command *c)
{
    struct query_result result = {0};
    struct err query_err = {0}, why = {0};
    int rc = s->driver->query(s->driver->self, &c->request, &result, &query_err);
    int checked = expect_check(&c->expected, &c->request, rc, &query_err, &result, &why);
    if (rc == 0)
        query_result_done(&result);
    if (checked == 0)
        checked = check_as_range(s, c, &why);
    if (checked == 0)
        checked = check_pinned(s, c, &why);
    s->report->evals++;
    if (checked == 0)
        s->report->passed++;
    else
        report_failure(s, c, why.message);
}

static int run_eval(struct script *s, struct str word, struct str rest)
{
    struct arena arena;
    struct str line;
    arena_init(&arena, SCRIPT_MEMORY_MAX);
    struct eval_command c = {
        .expected = {.arena = &arena, .same_histogram = s->driver->same_histogram},
        .line = s->line};
    int rc = parse_mode(s, word, &c.expected);
    if (rc == 0)
        rc = parse_times(s, rest, &c);
    c.expected.instant = c.request.instant;
    while (rc == 0 && next_line(s, &line) && line.n)
        rc = expect_line(&c.expected, line, s->err);
    if (rc == 0)
        run_query(s, &c);
    arena_done(&arena);
    return rc ? at_line(s, rc) : 0;
}

/* --- commands --------------------------------------------------------------------------------- */

static int run_command(struct script *s, struct str line)
{
    struct str rest = line, word = str_cut_word(&rest);
    if (str_eq(word, STR("clear")))
        return s->driver->reset(s->driver->self, s->err);
    if (str_eq(word, STR("load")))
        return run_load(s, rest, false);
    if (str_eq(word, STR("load_with_nhcb")))
        return run_load(s, rest, true);
    if (str_starts(word, STR("eval")))
        return run_eval(s, word, rest);
    return at_line(s, err_set(s->err, ERR_INVALID, "unknown command \"%.*s\"", STR_ARG(word)));
}

int script_run(struct str text, const struct script_driver *driver, struct script_report *out,
               struct err *err)
{
    struct err own = {0};
    struct script s = {.rest = text, .driver = driver, .report = out, .err = err ? err : &own};
    struct str line;
    *out = (struct script_report){0};
    int rc = driver->reset(driver->self, s.err);
    while (rc == 0 && next_line(&s, &line))
        if (line.n)
            rc = run_command(&s, line);
    return rc;
}
