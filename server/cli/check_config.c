#include <stdio.h>

#include "base/buf.h"
#include "cli/check_files.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/retention.h"
#include "config/config.h"

static int run(int argc, char **argv)
{
    const char *file = NULL;
    size_t n;
    if (!cli_options(NULL, 0, argc, argv, &file, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_check_config.help, stderr);
        return CLI_USAGE;
    }
    struct config_source source = {.file = file};
    struct config *config = NULL;
    struct buf problems = BUF_MAX(1 << 20);
    struct err err;
    struct retention retention = {0};
    int rc = config_load(&source, &config, &problems, &err);
    if (rc == 0)
        rc = retention_read(config, &retention, &err);
    retention_done(&retention);
    if (rc == 0 && check_files(config, &problems) > 0)
        rc = ERR_INVALID;
    if (rc != 0 && problems.n)
        (void)fwrite(problems.p, 1, problems.n, stderr);
    else if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    else
        (void)printf("%s%s: valid, %zu scrape job%s\n", config->warnings, file,
                     config->n_scrape_configs, config->n_scrape_configs == 1 ? "" : "s");
    config_free(config);
    buf_done(&problems);
    return rc == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_check_config = {
    .name = "check config",
    .summary = "check a configuration file",
    .help = "Usage: telltale check config FILE\n"
            "\n"
            "Reads FILE as \"telltale serve --config FILE\" would and says what is wrong with it,\n"
            "with line and column, and which files it names cannot be read and which targets\n"
            "cannot be scraped. Warnings (keys of Prometheus that have no effect here) do not\n"
            "make it invalid.\n"
            "\n"
            "Exit status: 0 valid, 1 not valid or not to be read, 2 wrong usage.\n",
    .run = run,
};
