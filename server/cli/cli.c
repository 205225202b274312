#include "cli/cli.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "cli/check_config.h"
#include "cli/check_metrics.h"
#include "cli/query.h"
#include "cli/serve.h"
#include "config/config.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static int help(int argc, char **argv);
static int version(int argc, char **argv);

struct command {
    const char *name;                  /* one or two words */
    int (*run)(int argc, char **argv); /* argv[0] is the first word behind the name */
    const char *what;                  /* one line, for the list */
    const char *usage;                 /* all that help COMMAND says */
};

/* In the order of the list that `telltale help` prints. */
static const struct command commands[] = {
    {"serve", cli_serve, "run the server",
     "telltale serve [--config FILE] [--set KEY=VALUE]… [flags]\n"
     "\n"
     "Runs the server until SIGTERM or Ctrl-C; SIGHUP reads the configuration again.\n"
     "\n"
     "  --config FILE          configuration (./telltale.yml if there is one); a prometheus.yml works\n"
     "  --set KEY=VALUE        any key of the configuration; may be repeated, wins over the file\n"
     "  --http ADDR:PORT       HTTP: API, page, remote write, OTLP (http.address, 127.0.0.1:9090)\n"
     "  --otlp-http ADDR:PORT  OTLP over HTTP (otlp.http.address, 127.0.0.1:4318), or off\n"
     "  --otlp-grpc ADDR:PORT  OTLP over gRPC (otlp.grpc.address, 127.0.0.1:4317), or off\n"
     "  --data DIR             where data is kept (storage.path, ./telltale-data)\n"
     "\n"
     "Port 0 takes any free port; the log says which. `telltale help config` lists all keys.\n"},
    {"check config", cli_check_config, "check a configuration file",
     "telltale check config FILE\n"
     "\n"
     "Prints what is wrong as FILE:LINE:COLUMN: KEY: MESSAGE, and warnings. Exits 0 when the file can\n"
     "be used, 1 when not.\n"},
    {"check metrics", cli_check_metrics, "check a page of metrics",
     "telltale check metrics [--format text|openmetrics] [FILE|-]\n"
     "\n"
     "Reads a page in the Prometheus text format (or OpenMetrics) from FILE or standard input. Exits 0\n"
     "when it is valid, 1 with the first wrong line and the reason when not.\n"},
    {"query", cli_query, "ask a running server in PromQL",
     "telltale query [--url URL] [--time TIME] [--json] EXPR\n"
     "\n"
     "  --url URL     the server (http://127.0.0.1:9090); any with Prometheus's HTTP API\n"
     "  --time TIME   evaluate then: Unix seconds or RFC 3339 (now)\n"
     "  --json        print the answer as it came\n"},
    {"version", version, "print the version", "telltale version\n"},
    {"help", help, "explain a command or the configuration",
     "telltale help [COMMAND | config [KEY]]\n"
     "\n"
     "`help config storage` lists the keys that begin with storage.\n"},
};

/* --- finding ---------------------------------------------------------------------------------- */

/* The number of words of argv that name the command: 0, 1 or 2. */
static int words_matched(const struct command *c, int argc, char **argv)
{
    struct str rest = str_c(c->name);
    int n = 0;
    while (rest.p) {
        struct str word = str_cut(&rest, ' ');
        if (n >= argc || !str_eq(word, str_c(argv[n])))
            return 0;
        n++;
    }
    return n;
}

static const struct command *find(int argc, char **argv, int *out_words)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int n = words_matched(&commands[i], argc, argv);
        if (n > 0) {
            *out_words = n;
            return &commands[i];
        }
    }
    return NULL;
}

/* Complains of an unknown command and names the one that was probably meant. */
static int unknown(int argc, char **argv)
{
    struct buf said = BUF_MAX(256);
    buf_puts(&said, argv[0]);
    bool group = false; /* "check" alone, or "check confg" */
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct str rest = str_c(commands[i].name), first = str_cut(&rest, ' ');
        group = group || (rest.p && str_eq(first, str_c(argv[0])));
    }
    if (group && argc > 1 && argv[1][0] != '-')
        buf_printf(&said, " %s", argv[1]);

    const char *nearest = NULL;
    size_t best = 4; /* further away is no suggestion */
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t d = str_distance(str_c(commands[i].name), buf_str(&said));
        if (d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    fprintf(stderr, "telltale: unknown command \"%.*s\"", STR_ARG(buf_str(&said)));
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?", nearest);
    fputs("\n`telltale help` lists the commands.\n", stderr);
    buf_done(&said);
    return EXIT_USAGE;
}

/* --- help, version ---------------------------------------------------------------------------- */

static void list_commands(FILE *out)
{
    fputs("Telltale receives, stores and answers questions about metrics.\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  telltale %-15s %s\n", commands[i].name, commands[i].what);
    fputs("\n`telltale help COMMAND` explains one.\n", out);
}

static int help_config(const char *only)
{
    struct buf text = BUF_MAX(4 << 20);
    int rc = config_help(&text, only, false);
    if (rc == 0)
        printf("%.*s", STR_ARG(buf_str(&text)));
    else
        fprintf(stderr, "telltale: no key of the configuration begins with \"%s\"\n", only);
    buf_done(&text);
    return rc == 0 ? EXIT_OK : EXIT_FAILED;
}

static int help(int argc, char **argv)
{
    if (argc == 0) {
        list_commands(stdout);
        return EXIT_OK;
    }
    if (strcmp(argv[0], "config") == 0)
        return help_config(argc > 1 ? argv[1] : NULL);
    int words = 0;
    const struct command *c = find(argc, argv, &words);
    if (!c)
        return unknown(argc, argv);
    fputs(c->usage, stdout);
    return EXIT_OK;
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("telltale " TELLTALE_VERSION);
    return EXIT_OK;
}

/* --- main ------------------------------------------------------------------------------------- */

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_main(int argc, char **argv)
{
    argc--;
    argv++;
    if (argc <= 0) {
        list_commands(stderr);
        return EXIT_USAGE;
    }
    if (asks_for_help(argv[0]))
        return help(0, NULL);
    if (strcmp(argv[0], "--version") == 0)
        return version(0, NULL);

    int words = 0;
    const struct command *c = find(argc, argv, &words);
    if (!c)
        return unknown(argc, argv);
    for (int i = words; i < argc; i++)
        if (asks_for_help(argv[i]))
            return help(argc, argv);
    return c->run(argc - words, argv + words);
}
