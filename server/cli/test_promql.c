#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/scratch.h"
#include "cli/settings.h"
#include "query/script/script.h"

enum { FILES_MAX = 1024, FILE_MAX_BYTES = 64 << 20 };

struct run {
    struct query_options options;
    struct scratch scratch;
    const char *file; /* being run */
};

static int reset(void *self, struct err *err)
{
    struct run *r = self;
    scratch_close(&r->scratch);
    return scratch_open(&r->options, &r->scratch, err);
}

static int load(void *self, const struct batch *batch, struct err *err)
{
    return scratch_append(&((struct run *)self)->scratch, batch, err);
}

static int query(void *self, const struct query_request *request, struct query_result *out,
                 struct err *err)
{
    return query_run(((struct run *)self)->scratch.engine, request, out, err);
}

static void failed(void *self, size_t line, const char *message)
{
    const struct run *r = self;
    (void)fprintf(stderr, "%s:%zu: %s\n", r->file, line, message);
}

/* True when all of the file's evals passed. */
static bool run_file(struct run *r, const char *path)
{
    const struct script_driver driver = {
        .reset = reset, .load = load, .query = query, .failed = failed, .self = r};
    struct script_report report = {0};
    struct err err = {0};
    char *text = NULL;
    size_t n = 0;
    r->file = path;
    int rc = fs_read_all(fs_real(), path, FILE_MAX_BYTES, &text, &n, &err);
    if (rc == 0) {
        rc = script_run(str_of(text, n), &driver, &report, &err);
        if (rc != 0)
            err_prefix(&err, rc, "%s", path);
    }
    if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    (void)printf("%s: %zu of %zu evals pass\n", path, report.passed, report.evals);
    scratch_close(&r->scratch);
    free(text);
    return rc == 0 && report.passed == report.evals;
}

static int run(int argc, char **argv)
{
    const char *files[FILES_MAX], *features = "all";
    size_t n;
    struct run r = {0};
    const struct cli_option options[] = {{.name = "--enable-feature", .value = &features}};
    if (!cli_options(options, 1, argc, argv, files, FILES_MAX, &n) ||
        !cli_features(features, &r.options.features))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_test_promql.help, stderr);
        return CLI_USAGE;
    }
    bool all = true;
    for (size_t i = 0; i < n; i++)
        all = run_file(&r, files[i]) && all;
    return all ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_test_promql = {
    .name = "test promql",
    .summary = "run scripts that load samples and check PromQL",
    .help = "Usage: telltale test promql [--enable-feature LIST] FILE...\n"
            "\n"
            "Runs scripts in the format of Prometheus's own PromQL tests, each on a store of its\n"
            "own that is gone afterwards:\n"
            "\n"
            "  load 30s\n"
            "      requests{path=\"/a\"}  0+10x4\n"
            "\n"
            "  eval instant at 2m increase(requests[2m])\n"
            "      {path=\"/a\"} 40\n"
            "\n"
            "Samples lie at the Unix epoch plus the given times. An eval whose answer is not the\n"
            "expected one is reported with its line. All optional parts of the language are on\n"
            "unless --enable-feature lists some.\n"
            "\n"
            "Exit status: 0 all evals pass, 1 one does not, 2 wrong usage.\n",
    .run = run,
};
