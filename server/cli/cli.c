#include "cli/cli.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"

const struct cli_command *const cli_commands[] = {
    &cli_serve,        &cli_query,         &cli_traces,      &cli_logs,        &cli_format,
    &cli_check_config, &cli_check_metrics, &cli_store_check, &cli_store_stats, &cli_store_import,
    &cli_store_export, &cli_test_promql,   &cli_test_rules,  &cli_version,     &cli_help,
};
const size_t cli_commands_n = ARRAY_LEN(cli_commands);

/* How many words of argv the command's name takes; 0 when they are others. */
static int name_words(const struct cli_command *c, int argc, char **argv)
{
    struct str rest = str_c(c->name);
    int words = 0;
    while (rest.p) {
        struct str word = str_cut(&rest, ' ');
        if (words >= argc || !str_eq(word, str_c(argv[words])))
            return 0;
        words++;
    }
    return words;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int unknown_command(const char *word)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < cli_commands_n; i++) {
        struct str name = str_c(cli_commands[i]->name);
        size_t distance = str_distance(str_c(word), str_cut(&name, ' '));
        if (distance < best) {
            best = distance;
            nearest = cli_commands[i]->name;
        }
    }
    (void)fprintf(stderr, "telltale: unknown command \"%s\"", word);
    if (nearest && best <= 3)
        (void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
    (void)fprintf(stderr, "\nRun \"telltale help\" for the list of commands.\n");
    return CLI_USAGE;
}

/* "telltale check" alone, and "telltale check whatever". */
static int incomplete_command(const char *word)
{
    bool found = false;
    for (size_t i = 0; i < cli_commands_n; i++) {
        struct str name = str_c(cli_commands[i]->name);
        struct str first = str_cut(&name, ' ');
        if (!name.p || !str_eq(first, str_c(word)))
            continue;
        if (!found)
            (void)fprintf(stderr, "telltale: \"%s\" needs to know what:\n", word);
        found = true;
        (void)fprintf(stderr, "  telltale %-16s %s\n", cli_commands[i]->name,
                      cli_commands[i]->summary);
    }
    return found ? CLI_USAGE : unknown_command(word);
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        (void)cli_help.run(0, argv + argc);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cli_version.run(0, argv + argc);
    if (argv[1][0] == '-' && asks_for_help(1, argv + 1))
        return cli_help.run(0, argv + argc);
    for (size_t i = 0; i < cli_commands_n; i++) {
        const struct cli_command *c = cli_commands[i];
        int words = name_words(c, argc - 1, argv + 1);
        if (words == 0)
            continue;
        if (asks_for_help(argc - 1 - words, argv + 1 + words)) {
            (void)fputs(c->help, stdout);
            return CLI_OK;
        }
        return c->run(argc - 1 - words, argv + 1 + words);
    }
    return incomplete_command(argv[1]);
}
