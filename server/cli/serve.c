#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/time.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/server.h"
#include "log/log.h"

#define SAME_REQUEST_NS (NS_PER_S / 2)

/* Nobody sent the signal that comes then. */
static atomic_bool asked_to_quit;

static void ask_to_quit(void)
{
    atomic_set_relaxed(&asked_to_quit, true);
    (void)kill(getpid(), SIGTERM); // the main thread waits for it; we always may
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    (void)sigaction(number, &action, NULL); // fails only for signals that do not exist
}

static void block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN); // a write beyond the limit of a file's size is an error like others
}

/* Until a signal ends the server; a hang-up reloads. */
static void wait_for_end(struct server *s, const sigset_t *set)
{
    for (;;) {
        int number = 0;
        if (sigwait(set, &number) != 0)
            continue;
        if (number != SIGHUP) {
            if (atomic_get_relaxed(&asked_to_quit))
                log_info("serve", "stopping");
            else
                log_info("serve", "stopping", LOG_STR("signal", number == SIGINT ? "INT" : "TERM"));
            return;
        }
        struct err err;
        (void)server_reload(s, &err); // logs its outcome
    }
}

/* When stopping began; written before the handler that reads it is installed. */
static int64_t stopping_since_mono_ns;

/* A signal that comes twice at once is one request: timeout(1) sends one to the program and one to
 * its group, and some supervisors do the like. */
static void end_at_once(int number)
{
    if (time_now_mono_ns() - stopping_since_mono_ns < SAME_REQUEST_NS)
        return;
    handle(number, SIG_DFL);
    (void)raise(number);
}

/* From here on a second signal ends the process at once. */
static void unblock_signals(const sigset_t *set)
{
    stopping_since_mono_ns = time_now_mono_ns();
    handle(SIGTERM, end_at_once);
    handle(SIGINT, end_at_once);
    handle(SIGHUP, SIG_IGN); // too late to reload
    (void)pthread_sigmask(SIG_UNBLOCK, set, NULL);
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "telltale: %s\n", err->message);
    return CLI_FAILED;
}

/* A heap is a thread's, and what most requests need is less; larger ones end with memory_freed. */
enum { KEPT_OF_A_HEAP = 4 << 20 };

static int serve(const struct config_source *source)
{
    struct config *config = NULL;
    struct server *server = NULL;
    struct buf problems = BUF_MAX(64 << 10);
    struct err err;
    sigset_t signals;
    memory_keep(KEPT_OF_A_HEAP);
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
    if (arguments_read(&arguments, argc, argv)) {
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
