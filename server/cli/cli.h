/* The command line: one table of commands, each a file of its own. */
#ifndef TELLTALE_CLI_CLI_H
#define TELLTALE_CLI_CLI_H

#include <stddef.h>

/* Exit statuses of all commands. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli_command {
    const char *name;                  /* "query", "check metrics" */
    const char *summary;               /* one line, for the list */
    const char *help;                  /* the whole page; ends with a newline */
    int (*run)(int argc, char **argv); /* argv[0] is the first argument behind the name */
};

extern const struct cli_command cli_serve, cli_check_config, cli_check_metrics, cli_format,
    cli_logs, cli_query, cli_store_check, cli_store_export, cli_store_import, cli_store_stats,
    cli_test_promql, cli_traces, cli_test_rules, cli_version, cli_help;

extern const struct cli_command *const cli_commands[];
extern const size_t cli_commands_n;

/* Runs the command that argv[1…] names; --help anywhere shows its page. */
int cli_main(int argc, char **argv);

#endif
