#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "query/query.h"

enum { EXPR_MAX_BYTES = 1 << 20 };

static bool read_stdin(struct buf *out)
{
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, stdin)) > 0;)
        buf_put(out, part, n);
    return !buf_failed(out) && !ferror(stdin);
}

static int format(struct str expr)
{
    struct buf text = BUF_MAX(8 * EXPR_MAX_BYTES);
    struct err err = {0};
    int rc = query_format(expr, QUERY_ALL_FEATURES, &text, &err);
    if (rc == 0) {
        buf_putc(&text, '\n');
        (void)fwrite(text.p, 1, text.n, stdout);
    } else {
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    }
    buf_done(&text);
    return rc == 0 ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    const char *expr = NULL;
    size_t n;
    if (!cli_options(NULL, 0, argc, argv, &expr, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_format.help, stderr);
        return CLI_USAGE;
    }
    if (!str_eq(str_c(expr), STR("-")))
        return format(str_c(expr));
    struct buf text = BUF_MAX(EXPR_MAX_BYTES);
    int status = CLI_FAILED;
    if (read_stdin(&text))
        status = format(str_trim(buf_str(&text)));
    else
        (void)fprintf(stderr, "telltale: standard input cannot be read, or is over %d bytes\n",
                      EXPR_MAX_BYTES);
    buf_done(&text);
    return status;
}

const struct cli_command cli_format = {
    .name = "format",
    .summary = "lay out a PromQL expression",
    .help = "Usage: telltale format EXPR|-\n"
            "\n"
            "Prints EXPR (or standard input, for \"-\") as Prometheus's formatter lays it out:\n"
            "on one line, or broken where it is longer than 100 columns.\n"
            "\n"
            "Exit status: 0 formatted, 1 not a valid expression, 2 wrong usage.\n"
            "\n"
            "  telltale format 'sum(rate(x[5m]))by(job)'\n",
    .run = run,
};
