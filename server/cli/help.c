#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "config/config.h"

static void list(void)
{
    (void)puts("Telltale: observability for systems of AI agents, in one program.\n\n"
               "Usage: telltale COMMAND [OPTIONS]\n\nCommands:");
    for (size_t i = 0; i < cli_commands_n; i++)
        (void)printf("  %-15s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    (void)puts("\n\"telltale help COMMAND\" explains one; \"telltale help config\" lists every "
               "option of\nthe configuration file. Start with: telltale serve");
}

static int config_page(const char *only, bool markdown)
{
    struct buf out = BUF_MAX(1 << 20);
    int rc = config_help(&out, only, markdown);
    if (rc == 0)
        (void)fwrite(out.p, 1, out.n, stdout);
    else
        (void)fprintf(stderr, "telltale: no option of the configuration begins with \"%s\"\n",
                      only);
    buf_done(&out);
    return rc == 0 ? CLI_OK : CLI_USAGE;
}

static int command_page(const char *first, const char *second)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s%s", first, second ? " " : "", second ? second : "");
    for (size_t i = 0; i < cli_commands_n; i++)
        if (strcmp(cli_commands[i]->name, name) == 0) {
            (void)fputs(cli_commands[i]->help, stdout);
            return CLI_OK;
        }
    char program[] = "telltale";
    char *words[] = {program, name};
    return cli_main(2, words); // says what is wrong with it
}

static int run(int argc, char **argv)
{
    bool markdown = false;
    const char *words[2] = {NULL, NULL};
    size_t n;
    const struct cli_option options[] = {{.name = "--markdown", .flag = &markdown}};
    if (!cli_options(options, 1, argc, argv, words, 2, &n))
        return CLI_USAGE;
    if (n == 0) {
        list();
        return CLI_OK;
    }
    if (strcmp(words[0], "config") == 0)
        return config_page(words[1], markdown);
    return command_page(words[0], words[1]);
}

const struct cli_command cli_help = {
    .name = "help",
    .summary = "explain a command, or the options of the configuration",
    .help = "Usage: telltale help [COMMAND]\n"
            "       telltale help config [KEY] [--markdown]\n"
            "\n"
            "Without a command: the list of commands. \"config\" lists the options of the\n"
            "configuration file with their types and defaults, those that begin with KEY if one\n"
            "is given; --markdown writes the page that is in docs/.\n",
    .run = run,
};
