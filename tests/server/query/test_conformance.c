/* Runs every file of the PromQL conformance suite and compares the number of evals that pass with
 * the checked-in minimum of each file. Prints TAP, one test a file. The suite lies beside the
 * repository; without it the tests are skipped. The store is the real one on a file system in
 * memory; every other load is moved to parts, so that scripts read both from there and from the
 * head.
 *
 *   test_conformance                 all files
 *   test_conformance --rolled-up     all files (or FILE...) over samples that were rolled up
 *   test_conformance --http PROGRAM  all files (or FILE...) through a server's HTTP API
 *   test_conformance FILE...         these, and each eval that fails with its line and reason */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "http_driver.h"
#include "model/batch.h"
#include "query/query.h"
#include "query/script/script.h"
#include "store/store.h"
#include "support/crash_fs.h"

struct bench {
    struct crash_fs *disk;
    struct store *store;
    struct query_engine *engine;
    bool verbose;
    const char *name;
    unsigned loads;
};

/* Every load is rolled up, and read so wherever the answer has to stay the same. */
static bool rolled_up;
static unsigned long rolled_answers;

static void tear_down(struct bench *b)
{
    query_engine_free(b->engine);
    (void)store_close(b->store, NULL); // what it could not write is of no use any more
    if (b->disk)
        crash_fs_free(b->disk);
    b->engine = NULL;
    b->store = NULL;
    b->disk = NULL;
}

static int reset(void *self, struct err *err)
{
    struct bench *b = self;
    struct query_options query = {.features = QUERY_ALL_FEATURES};
    tear_down(b);
    b->disk = crash_fs_new(1);
    struct store_options options = {
        .dir = "data", .fs = crash_fs_vtable(b->disk), .retention_ms = STORE_RETENTION_FOREVER};
    if (rolled_up) {
        options.aggregates.enabled = true;
        options.aggregates.after_ms = 1;
        options.aggregates.retention_ms = STORE_RETENTION_FOREVER;
        options.aggregates.resolutions_ms[0] = 10000;
        options.aggregates.resolutions_ms[1] = 60000;
        options.aggregates.resolutions_ms[2] = 300000;
        options.aggregates.n_resolutions = 3;
        query.aggregates_from_ms = 1;
    }
    int rc = store_open(&options, &b->store, err);
    if (rc == 0)
        rc = store_replay(b->store, NULL, err);
    return rc ? rc : query_engine_new(b->store, &query, &b->engine, err);
}

static int load(void *self, const struct batch *batch, struct err *err)
{
    struct bench *b = self;
    struct sink_result result;
    int rc = store_append(b->store, batch, &result, err);
    if (rc == 0 && sink_result_rejected(&result))
        rc = err_set(err, ERR_INVALID, "the store rejected samples: %s", result.message);
    if (rc == 0 && (b->loads++ % 2 || rolled_up))
        rc = store_flush(b->store, err);
    if (rc == 0 && rolled_up)
        rc = store_maintain(b->store, true, err);
    return rc;
}

static int query(void *self, const struct query_request *request, struct query_result *out,
                 struct err *err)
{
    int rc = query_run(((struct bench *)self)->engine, request, out, err);
    rolled_answers += rc == 0 && out->stats.aggregates.days > 0;
    return rc;
}

static void failed(void *self, size_t line, const char *message)
{
    const struct bench *b = self;
    if (b->verbose)
        printf("# %s:%zu: %s\n", b->name, line, message);
}

struct wire {
    struct bench *bench;
    struct http_driver *http;
};

static int wire_reset(void *self, struct err *err)
{
    return http_driver_reset(((struct wire *)self)->http, err);
}

static int wire_load(void *self, const struct batch *batch, struct err *err)
{
    return http_driver_load(((struct wire *)self)->http, batch, err);
}

static int wire_query(void *self, const struct query_request *request, struct query_result *out,
                      struct err *err)
{
    return http_driver_query(((struct wire *)self)->http, request, out, err);
}

static void wire_failed(void *self, size_t line, const char *message)
{
    failed(((struct wire *)self)->bench, line, message);
}

static char *read_file(const char *path, size_t *out_n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;
    size_t n = 0, got;
    if (!f)
        return NULL;
    do {
        text = realloc(text, n + 65536);
        got = fread(text + n, 1, 65536, f);
        n += got;
    } while (got);
    (void)fclose(f); // read only
    *out_n = n;
    return text;
}

/* NULL: the store in this process; else the program whose server is asked. */
static const char *program;

static int run_script(struct bench *b, struct str text, struct script_report *out, struct err *err)
{
    struct script_driver driver = {
        .reset = reset, .load = load, .query = query, .failed = failed, .self = b};
    int rc = script_run(text, &driver, out, err);
    tear_down(b);
    return rc;
}

/* The log of what fails is the bench's; everything else goes over the wire. */
static int run_script_over_http(struct bench *b, struct str text, struct script_report *out,
                                struct err *err)
{
    struct wire w = {.bench = b, .http = http_driver_new(program)};
    struct script_driver driver = {.reset = wire_reset,
                                   .load = wire_load,
                                   .query = wire_query,
                                   .same_histogram = http_driver_same_histogram,
                                   .failed = wire_failed,
                                   .self = &w};
    int rc = script_run(text, &driver, out, err);
    http_driver_free(w.http);
    return rc;
}

static int run_file(const char *path, const char *name, bool verbose, struct script_report *out,
                    struct err *err)
{
    struct bench b = {.verbose = verbose, .name = name};
    size_t n;
    char *text = read_file(path, &n);
    if (!text)
        return err_set(err, ERR_NOT_FOUND, "cannot read %s", path);
    int rc = (program ? run_script_over_http : run_script)(&b, str_of(text, n), out, err);
    free(text);
    return rc;
}

/* " 12 34\n" */
static bool read_two(const char *text, size_t *a, size_t *b)
{
    struct str rest = str_sub(str_c(text), 1, SIZE_MAX);
    struct str line = str_cut(&rest, '\n');
    struct str first = str_cut(&line, ' ');
    uint64_t x, y;
    if (num_parse_u64(first, &x) != 0 || num_parse_u64(line, &y) != 0)
        return false;
    *a = x;
    *b = y;
    return true;
}

/* The line "name passed total" of the list of minima. */
static bool minimum_of(const char *list, const char *name, size_t *passed, size_t *total)
{
    size_t length = strlen(name);
    for (const char *p = list; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, name, length) == 0 && p[length] == ' ')
            return read_two(p + length, passed, total);
        if (*p == '\0')
            break;
    }
    return false;
}

static int run_named(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++) {
        struct script_report r;
        struct err err = {0};
        int rc = run_file(argv[i], argv[i], true, &r, &err);
        printf("%s %zu %zu\n", argv[i], r.passed, r.evals);
        if (rc != 0)
            printf("%s: %s\n", argv[i], err.message);
        bad |= rc != 0 || r.passed != r.evals;
    }
    return bad;
}

static int run_suite(const char *dir, const char *list)
{
    struct dirent **files;
    int n = scandir(dir, &files, NULL, alphasort), tests = 0, failures = 0;
    if (n < 0) {
        printf("1..0 # SKIP the conformance suite is not at %s\n", dir);
        return 0;
    }
    for (int i = 0; i < n; i++) {
        const char *name = files[i]->d_name;
        size_t length = strlen(name), wanted = 0, total = 0;
        char path[8192];
        struct script_report r;
        struct err err = {0};
        if (length > 5 && strcmp(name + length - 5, ".test") == 0) {
            (void)snprintf(path, sizeof path, "%s/%s", dir, name);
            int rc = run_file(path, name, getenv("VERBOSE") != NULL, &r, &err);
            bool listed = minimum_of(list, name, &wanted, &total);
            bool ok = rc == 0 && listed && r.passed >= wanted && r.evals == total;
            printf("%sok %d - %s: %zu of %zu evals pass, at least %zu of %zu are expected%s%s\n",
                   ok ? "" : "not ", ++tests, name, r.passed, r.evals, wanted, total,
                   rc ? "; " : "", rc ? err.message : "");
            failures += !ok;
        }
        free(files[i]);
    }
    free(files);
    if (rolled_up) {
        printf("%sok %d - %lu answers came from aggregates\n", rolled_answers ? "" : "not ",
               ++tests, rolled_answers);
        failures += rolled_answers == 0;
    }
    printf("1..%d\n", tests);
    return failures != 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--http") == 0) {
        program = argv[2];
        argc -= 2;
        argv += 2;
    }
    if (argc > 1 && strcmp(argv[1], "--rolled-up") == 0) {
        rolled_up = true;
        argc--;
        argv++;
    }
    if (argc > 1)
        return run_named(argc, argv);
    char dir[4096], list_path[4096];
    size_t n = 0;
    const char *beside = getenv("TELLTALE_SHARED"); // for a checkout elsewhere
    (void)snprintf(dir, sizeof dir, "%s%s/conformance/promql", beside ? "" : TELLTALE_SOURCE_ROOT,
                   beside ? beside : "/../shared");
    (void)snprintf(list_path, sizeof list_path, "%s/tests/server/query/conformance.txt",
                   TELLTALE_SOURCE_ROOT);
    char *list = read_file(list_path, &n);
    if (!list) {
        printf("Bail out! cannot read %s\n", list_path);
        return 1;
    }
    list = realloc(list, n + 1);
    list[n] = '\0';
    int rc = run_suite(dir, list);
    free(list);
    return rc;
}
