#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/server.h"
#include "log/log.h"

enum { SETS_MAX = 256 };

/* What the command line makes of itself: a file and settings. */
struct arguments {
    const char *file;
    char *sets[SETS_MAX]; /* "key=value", owned */
    size_t n;
};

/* A flag that stands for a key of the configuration. */
struct shortcut {
    struct arguments *arguments;
    const char *key;
};

static bool add_set(struct arguments *a, const char *key, const char *value)
{
    size_t room = (key ? strlen(key) + 1 : 0) + strlen(value) + 1;
    char *text = a->n < SETS_MAX ? malloc(room) : NULL;
    if (!text) {
        (void)fprintf(stderr, "telltale: too many settings (at most %d)\n", SETS_MAX);
        return false;
    }
    (void)snprintf(text, room, "%s%s%s", key ? key : "", key ? "=" : "", value);
    a->sets[a->n++] = text;
    return true;
}

static bool take_set(void *self, const char *value)
{
    return add_set(self, NULL, value);
}

static bool take_shortcut(void *self, const char *value)
{
    const struct shortcut *s = self;
    return add_set(s->arguments, s->key, value);
}

/* --enable-feature=a,b as Prometheus takes it; the configuration wants a list. */
static bool take_features(void *self, const char *value)
{
    char text[1024];
    (void)snprintf(text, sizeof text, "[%s]", value);
    return add_set(self, "query.features", text);
}

/* Flags that Prometheus needs and we do not: what they ask for is always on. */
static bool ignored;

static bool read_arguments(struct arguments *a, int argc, char **argv)
{
    struct shortcut http = {a, "http.address"}, grpc = {a, "otlp.grpc.address"},
                    otlp = {a, "otlp.http.address"}, data = {a, "storage.path"},
                    retention = {a, "storage.retention.metrics"}, level = {a, "log.level"},
                    format = {a, "log.format"};
    bool lifecycle = false;
#define SHORTCUT(option, s)                                                                        \
    {                                                                                              \
        .name = (option), .take = take_shortcut, .self = &(s)                                      \
    }
    const struct cli_option options[] = {
        {.name = "--config", .value = &a->file},
        {.name = "--config.file", .value = &a->file},
        {.name = "--set", .take = take_set, .self = a},
        SHORTCUT("--http", http),
        SHORTCUT("--web.listen-address", http),
        SHORTCUT("--otlp-grpc", grpc),
        SHORTCUT("--otlp-http", otlp),
        SHORTCUT("--data", data),
        SHORTCUT("--storage.tsdb.path", data),
        SHORTCUT("--storage.tsdb.retention.time", retention),
        SHORTCUT("--log.level", level),
        SHORTCUT("--log.format", format),
        {.name = "--enable-feature", .take = take_features, .self = a},
        {.name = "--web.enable-lifecycle", .flag = &lifecycle},
        {.name = "--web.enable-remote-write-receiver", .flag = &ignored},
        {.name = "--web.enable-otlp-receiver", .flag = &ignored},
        {.name = "--web.enable-admin-api", .flag = &ignored},
    };
#undef SHORTCUT
    const char *none[1];
    size_t n;
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, none, 0, &n))
        return false;
    return !lifecycle || add_set(a, "http.lifecycle", "true");
}

static void arguments_done(struct arguments *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->sets[i]);
}

static void ask_to_quit(void)
{
    (void)kill(getpid(), SIGTERM); // the main thread waits for it; we always may
}

static void block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Until a signal ends the server; a hang-up reloads. */
static void wait_for_end(struct server *s, const sigset_t *set)
{
    for (;;) {
        int number = 0;
        if (sigwait(set, &number) != 0)
            continue;
        if (number != SIGHUP) {
            log_info("serve", "stopping", LOG_STR("signal", number == SIGINT ? "INT" : "TERM"));
            return;
        }
        struct err err;
        (void)server_reload(s, &err); // logs its outcome
    }
}

/* From here on a second signal ends the process at once. */
static void unblock_signals(const sigset_t *set)
{
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "telltale: %s\n", err->message);
    return CLI_FAILED;
}

static int serve(const struct config_source *source)
{
    struct config *config = NULL;
    struct server *server = NULL;
    struct buf problems = BUF_MAX(64 << 10);
    struct err err;
    sigset_t signals;
    if (config_load(source, &config, &problems, &err) != 0) {
        if (problems.n)
            (void)fwrite(problems.p, 1, problems.n, stderr);
        else
            (void)fail(&err);
        buf_done(&problems);
        return CLI_FAILED;
    }
    buf_done(&problems);
    block_signals(&signals);
    if (server_start(config, source, ask_to_quit, &server, &err) != 0)
        return fail(&err);
    if (*server_url(server)) {
        (void)printf("Telltale is up: open %s\n", server_url(server));
        (void)fflush(stdout);
    }
    wait_for_end(server, &signals);
    unblock_signals(&signals);
    if (server_stop(server, &err) != 0)
        return fail(&err);
    log_info("serve", "stopped");
    return CLI_OK;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {0};
    int rc = CLI_USAGE;
    if (read_arguments(&arguments, argc, argv)) {
        if (!arguments.file && access("telltale.yml", R_OK) == 0)
            arguments.file = "telltale.yml";
        struct config_source source = {.file = arguments.file,
                                       .sets = (const char *const *)arguments.sets,
                                       .n_sets = arguments.n};
        rc = serve(&source);
    }
    arguments_done(&arguments);
    return rc;
}

const struct cli_command cli_serve = {
    .name = "serve",
    .summary = "run the server",
    .help =
        "Usage: telltale serve [OPTIONS]\n"
        "\n"
        "Receives, stores and answers until it is told to stop. Every option has a default:\n"
        "\"telltale serve\" alone listens on this machine and keeps its data in\n"
        "./telltale-data.\n"
        "\n"
        "  --config FILE          read FILE (./telltale.yml if there is one); a prometheus.yml\n"
        "                         will do\n"
        "  --set KEY=VALUE        set any option of the file; may stand several times\n"
        "  --http ADDR:PORT|off   API and page (127.0.0.1:9090)\n"
        "  --otlp-grpc ADDR:PORT|off   OTLP over gRPC (127.0.0.1:4317)\n"
        "  --otlp-http ADDR:PORT|off   OTLP over HTTP (127.0.0.1:4318); the main address takes it\n"
        "                         too\n"
        "  --data DIR             where the data is kept (./telltale-data)\n"
        "  --log.level LEVEL      debug, info, warn, error\n"
        "  --log.format FORMAT    logfmt, json\n"
        "  --enable-feature LIST  optional parts of PromQL, by Prometheus's names\n"
        "\n"
        "Prometheus's flags for the same things work too: --config.file,\n"
        "--web.listen-address, --storage.tsdb.path, --storage.tsdb.retention.time,\n"
        "--web.enable-lifecycle, and others.\n"
        "\n"
        "SIGHUP, or POST /-/reload, reads the configuration again. SIGTERM and SIGINT write\n"
        "everything to disk and end with status 0; a second one ends at once.\n"
        "\n"
        "\"telltale help config\" lists what the file may say.\n",
    .run = run,
};
