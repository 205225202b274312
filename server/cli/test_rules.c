/* Unit tests in the YAML of Prometheus's rule tests: input series, and expressions with the samples
 * they must give. Each test has a store of its own, with samples from the Unix epoch on, or from
 * its start_timestamp.
 *
 * promtool evaluates rules at each evaluation_interval up to the latest eval_time of the test,
 * loads samples as it comes by them, and asks the expressions in the end. So what lies behind the
 * last such moment is never there. Nor is it here.
 *
 * Rules are not evaluated: a file that names rule files or expects alerts fails, with a message at
 * each such place, whatever its expressions give. A test must not pass for what was not tested. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/scratch.h"
#include "cli/settings.h"
#include "config/tree.h"
#include "model/batch.h"
#include "query/script/unit.h"

enum { FILES_MAX = 1024, MEMORY_MAX = 256 << 20, MINUTE_MS = 60000 };

struct run {
    struct query_options options;
    struct scratch scratch;
    const char *file; /* being run */
    struct arena arena;
    struct str test;                          /* the name of the one being run */
    int64_t interval_ms, start_ms, latest_ms; /* latest_ms: eval_time of the test */
    bool fuzzy, broken;                       /* broken: something failed that is no check */
    size_t checks, passed;
};

/* --- reading the YAML ------------------------------------------------------------------------- */

static void tell(struct run *r, const struct node *at, const char *message)
{
    r->broken = true;
    (void)fprintf(stderr, "%s:%u:%u: %s%.*s%s%s\n", r->file, at->line, at->column,
                  r->test.n ? "test \"" : "", STR_ARG(r->test), r->test.n ? "\": " : "", message);
}

static const char *const kind_names[] = {"a value", "a list", "a map"};

/* Is it of this kind? Tells when not. */
static bool is_kind(struct run *r, const struct node *n, enum node_kind kind, const char *what)
{
    struct err err = {0};
    if (n->kind == kind)
        return true;
    (void)err_set(&err, ERR_INVALID, "%s: expected %s, found %s", what, kind_names[kind],
                  kind_names[n->kind]);
    tell(r, n, err.message);
    return false;
}

/* A map whose keys are all among `known`, a list of words. */
static bool is_map_of(struct run *r, const struct node *n, const char *what, const char *known)
{
    if (!is_kind(r, n, NODE_MAP, what))
        return false;
    for (size_t i = 0; i < n->n; i++) {
        struct str rest = str_c(known);
        bool found = false;
        while (rest.p && !found)
            found = str_eq(str_cut(&rest, ' '), n->keys[i]->text);
        if (found)
            continue;
        struct err err = {0};
        (void)err_set(&err, ERR_INVALID, "%s has no field \"%.*s\"; expected one of %s", what,
                      STR_ARG(str_sub(n->keys[i]->text, 0, 100)), known);
        tell(r, n->keys[i], err.message);
        return false;
    }
    return true;
}

/* A field's value, or NULL when nothing stands there. */
static const struct node *field(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, str_c(key));
    return n && !node_is_null(n) ? n : NULL;
}

/* "" when it is missing; false (told) when it is no text. */
static bool text_field(struct run *r, const struct node *map, const char *key, struct str *out)
{
    const struct node *n = field(map, key);
    *out = n && n->kind == NODE_SCALAR ? n->text : STR("");
    return !n || is_kind(r, n, NODE_SCALAR, key);
}

static bool duration_field(struct run *r, const struct node *map, const char *key, int64_t *out)
{
    struct str text;
    struct err err = {0};
    if (!text_field(r, map, key, &text))
        return false;
    if (text.n == 0 || duration_parse(text, out, &err) == 0)
        return true;
    (void)err_prefix(&err, ERR_INVALID, "%s", key);
    tell(r, field(map, key), err.message);
    return false;
}

/* As YAML and as Prometheus write numbers. */
static bool number_field(struct run *r, const struct node *map, const char *key, double *out)
{
    struct str text;
    if (!text_field(r, map, key, &text))
        return false;
    bool minus = str_starts(text, STR("-"));
    struct str word = str_sub(text, minus || str_starts(text, STR("+")), text.n);
    *out = 0;
    if (str_eq_nocase(word, STR(".inf")))
        *out = minus ? -INFINITY : INFINITY;
    else if (str_eq_nocase(word, STR(".nan")))
        *out = NAN;
    else if (text.n && num_parse_double(text, out) != 0) {
        tell(r, field(map, key), "value: expected a number");
        return false;
    }
    return true;
}

/* Calls `each` for the items of a list; a missing list has none. False as soon as one is. */
static bool each_item(struct run *r, const struct node *map, const char *key,
                      bool (*each)(struct run *r, const struct node *item, void *self), void *self)
{
    const struct node *list = field(map, key);
    if (!list)
        return true;
    bool ok = is_kind(r, list, NODE_LIST, key);
    for (size_t i = 0; ok && i < list->n; i++)
        ok = each(r, list->items[i], self);
    return ok;
}

/* --- a test ----------------------------------------------------------------------------------- */

static bool add_series(struct run *r, const struct node *n, void *self)
{
    struct str series, values;
    struct err err = {0};
    if (!is_map_of(r, n, "input_series", "series values") || !text_field(r, n, "series", &series) ||
        !text_field(r, n, "values", &values))
        return false;
    if (unit_loader_add(self, series, values, &err) == 0)
        return true;
    tell(r, n, err.message);
    return false;
}

/* When rules would be evaluated for the last time. */
static int64_t last_evaluation(const struct run *r)
{
    return r->start_ms + r->latest_ms / r->interval_ms * r->interval_ms;
}

static bool load(struct run *r, const struct node *test, int64_t interval_ms)
{
    struct batch batch;
    struct err err = {0};
    struct unit_loader *loader = unit_loader_new(&r->arena, r->start_ms, interval_ms);
    if (!loader || !each_item(r, test, "input_series", add_series, loader))
        return false;
    batch_init(&batch, MEMORY_MAX);
    int rc = unit_loader_batch(loader, last_evaluation(r), &batch, &err);
    if (rc == 0)
        rc = scratch_append(&r->scratch, &batch, &err);
    batch_done(&batch);
    if (rc != 0)
        tell(r, test, err.message);
    return rc == 0;
}

struct samples {
    struct unit_sample *v;
    size_t n;
};

static bool add_sample(struct run *r, const struct node *n, void *self)
{
    struct samples *s = self;
    struct unit_sample *out = &s->v[s->n++];
    return is_map_of(r, n, "exp_samples", "labels value histogram") &&
           text_field(r, n, "labels", &out->labels) && number_field(r, n, "value", &out->value) &&
           text_field(r, n, "histogram", &out->histogram);
}

static int ask(struct run *r, struct str expr, int64_t at_ms, const struct samples *want,
               struct err *err)
{
    struct query_request q = {.expr = expr, .instant = true, .start_ms = at_ms};
    struct query_result result;
    int rc = query_run(r->scratch.engine, &q, &result, err);
    if (rc != 0)
        return rc;
    rc = unit_check(&r->arena, want->v, want->n, r->fuzzy, &result, err);
    query_result_done(&result);
    return rc;
}

static bool check_expr(struct run *r, const struct node *n, void *self)
{
    struct str expr;
    int64_t at_ms = 0;
    struct err err = {0};
    (void)self;
    if (!is_map_of(r, n, "promql_expr_test", "expr eval_time exp_samples") ||
        !text_field(r, n, "expr", &expr) || !duration_field(r, n, "eval_time", &at_ms))
        return false;
    const struct node *list = field(n, "exp_samples");
    struct samples want = {
        .v = arena_zalloc(&r->arena, ((list ? list->n : 0) + 1) * sizeof *want.v)};
    if (!want.v || !each_item(r, n, "exp_samples", add_sample, &want))
        return false;
    r->checks++;
    int rc = ask(r, expr, r->start_ms + at_ms, &want, &err);
    r->passed += rc == 0;
    if (rc != 0) {
        (void)err_prefix(&err, rc, "%.*s at %lld ms", STR_ARG(str_sub(str_trim(expr), 0, 300)),
                         (long long)at_ms);
        tell(r, n, err.message);
    }
    return true; // the others are checked all the same
}

static bool check_alert(struct run *r, const struct node *n, void *self)
{
    (void)self;
    r->checks++;
    tell(r, n, "alert_rule_test: not checked, because this version evaluates no alerting rules");
    return true;
}

static bool look_at_time(struct run *r, const struct node *n, void *self)
{
    int64_t at_ms = 0;
    (void)self;
    if (n->kind != NODE_MAP)
        return true; // told when it is run
    if (!duration_field(r, n, "eval_time", &at_ms))
        return false;
    r->latest_ms = at_ms > r->latest_ms ? at_ms : r->latest_ms;
    return true;
}

/* Unix seconds or RFC 3339. */
static bool start_field(struct run *r, const struct node *test)
{
    struct str text;
    struct err err = {0};
    double seconds;
    r->start_ms = 0;
    if (!text_field(r, test, "start_timestamp", &text))
        return false;
    if (text.n == 0)
        return true;
    if (num_parse_double(text, &seconds) == 0 && fabs(seconds) < 1e12)
        r->start_ms = (int64_t)(seconds * MS_PER_S);
    else if (time_parse_rfc3339(text, &r->start_ms, &err) != 0) {
        tell(r, field(test, "start_timestamp"),
             "start_timestamp: expected Unix seconds or a time as 2006-01-02T15:04:05Z");
        return false;
    }
    return true;
}

static bool run_test(struct run *r, const struct node *test, void *self)
{
    struct err err = {0};
    int64_t interval_ms = r->interval_ms;
    (void)self;
    r->test = STR("");
    if (!is_map_of(r, test, "tests",
                   "name interval input_series promql_expr_test alert_rule_test external_labels "
                   "external_url start_timestamp") ||
        !text_field(r, test, "name", &r->test) ||
        !duration_field(r, test, "interval", &interval_ms) || !start_field(r, test))
        return false;
    interval_ms = interval_ms ? interval_ms : r->interval_ms;
    r->latest_ms = 0;
    if (!each_item(r, test, "promql_expr_test", look_at_time, NULL) ||
        !each_item(r, test, "alert_rule_test", look_at_time, NULL))
        return false;
    bool ok = scratch_open(&r->options, &r->scratch, &err) == 0;
    if (!ok)
        tell(r, test, err.message);
    ok = ok && load(r, test, interval_ms) &&
         each_item(r, test, "promql_expr_test", check_expr, NULL) &&
         each_item(r, test, "alert_rule_test", check_alert, NULL);
    scratch_close(&r->scratch);
    r->test = STR("");
    return ok;
}

/* --- a file ----------------------------------------------------------------------------------- */

static bool check_rule_file(struct run *r, const struct node *n, void *self)
{
    (void)self;
    tell(r, n, "rule_files: not read, because this version evaluates no rules");
    return true;
}

/* No group's name stands twice. */
static bool check_order(struct run *r, const struct node *root)
{
    const struct node *list = field(root, "group_eval_order");
    if (!list || !is_kind(r, list, NODE_LIST, "group_eval_order"))
        return !list;
    for (size_t i = 0; i < list->n; i++) {
        if (!is_kind(r, list->items[i], NODE_SCALAR, "group_eval_order"))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (str_eq(list->items[i]->text, list->items[k]->text)) {
                tell(r, list->items[i], "group name repeated in evaluation order");
                return false;
            }
        }
    }
    return true;
}

static bool run_document(struct run *r, const struct node *root)
{
    struct str fuzzy;
    r->interval_ms = MINUTE_MS;
    if (!is_map_of(r, root, "a file of tests",
                   "rule_files evaluation_interval group_eval_order fuzzy_compare tests") ||
        !duration_field(r, root, "evaluation_interval", &r->interval_ms) ||
        !text_field(r, root, "fuzzy_compare", &fuzzy) || !check_order(r, root))
        return false;
    r->interval_ms = r->interval_ms ? r->interval_ms : MINUTE_MS;
    r->options.default_step_ms = r->interval_ms; // of subqueries that name none
    r->fuzzy = str_eq(fuzzy, STR("true"));
    return each_item(r, root, "rule_files", check_rule_file, NULL) &&
           each_item(r, root, "tests", run_test, NULL);
}

/* True when all of the file's tests passed. */
static bool run_file(struct run *r, const char *path)
{
    struct err err = {0};
    struct node *root = NULL;
    char *text = NULL;
    size_t n = 0;
    *r = (struct run){.options = r->options, .file = path};
    arena_init(&r->arena, MEMORY_MAX);
    int rc = fs_read_all(fs_real(), path, TREE_BYTES_MAX, &text, &n, &err);
    if (rc == 0) {
        rc = tree_parse(&r->arena, str_of(text, n), &root, &err);
        if (rc != 0)
            err_prefix(&err, rc, "%s", path);
    }
    if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    bool ok = rc == 0 && (!root || run_document(r, root)) && !r->broken;
    (void)printf("%s: %zu of %zu checks pass\n", path, r->passed, r->checks);
    arena_done(&r->arena);
    free(text);
    return ok;
}

static int run(int argc, char **argv)
{
    const char *files[FILES_MAX], *features = "";
    size_t n;
    struct run r = {0};
    const struct cli_option options[] = {{.name = "--enable-feature", .value = &features}};
    if (!cli_options(options, 1, argc, argv, files, FILES_MAX, &n) ||
        (*features && !cli_features(features, &r.options.features)))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_test_rules.help, stderr);
        return CLI_USAGE;
    }
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all = run_file(&r, files[i]) && all;
    return all ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_test_rules = {
    .name = "test rules",
    .summary = "run unit tests of expressions, in the YAML of Prometheus's rule tests",
    .help =
        "Usage: telltale test rules [--enable-feature LIST] FILE...\n"
        "\n"
        "Runs files as `promtool test rules` takes them: input series, and expressions with the\n"
        "samples that they must give (promql_expr_test):\n"
        "\n"
        "  tests:\n"
        "    - interval: 1m\n"
        "      input_series:\n"
        "        - series: 'requests{path=\"/a\"}'\n"
        "          values: '0+10x4'\n"
        "      promql_expr_test:\n"
        "        - expr: increase(requests[2m])\n"
        "          eval_time: 4m\n"
        "          exp_samples:\n"
        "            - labels: '{path=\"/a\"}'\n"
        "              value: 20\n"
        "\n"
        "A check that fails is reported with file, line and column, and what was different.\n"
        "Rules are not evaluated by this version: a file with rule_files or alert_rule_test is\n"
        "reported and fails, after its expressions were checked.\n"
        "\n"
        "Exit status: 0 all checks pass, 1 one does not, 2 wrong usage.\n",
    .run = run,
};
