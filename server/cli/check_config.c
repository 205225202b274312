#include "cli/check_config.h"

#include <stdio.h>

#include "base/buf.h"
#include "config/config.h"

enum { EXIT_GOOD, EXIT_BAD, EXIT_USAGE };

int cli_check_config(int argc, char **argv)
{
    if (argc != 1 || argv[0][0] == '-') {
        fputs("usage: telltale check config FILE\n", stderr);
        return EXIT_USAGE;
    }
    struct config *config = NULL;
    struct buf problems = BUF_MAX(1 << 20);
    struct err err = {0};
    const struct config_source source = {.file = argv[0]};
    int rc = config_load(&source, &config, &problems, &err);
    if (rc == 0) {
        fputs(config->warnings, stderr);
        printf("%s: valid\n", argv[0]);
    } else if (problems.n > 0) {
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&problems)));
    } else {
        fprintf(stderr, "%s: %s\n", argv[0], err.message);
    }
    config_free(config);
    buf_done(&problems);
    return rc == 0 ? EXIT_GOOD : EXIT_BAD;
}
