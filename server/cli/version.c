#include <stdio.h>

#include "cli/cli.h"

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    (void)printf("telltale %s (%s)\n", TELLTALE_VERSION, TELLTALE_REVISION);
    return CLI_OK;
}

const struct cli_command cli_version = {
    .name = "version",
    .summary = "print the version",
    .help = "Usage: telltale version\n\nPrints the version and the revision it was built from.\n",
    .run = run,
};
