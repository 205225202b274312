#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "codec/prom_check.h"

#define PAGE_MAX_BYTES ((size_t)256 << 20)
#define CHECK_MEMORY_BYTES ((size_t)2 << 30)

static int read_all(FILE *in, struct buf *out)
{
    for (;;) {
        char *room = buf_reserve(out, 64 * 1024);
        if (!room)
            return ERR_TOO_BIG;
        size_t n = fread(room, 1, 64 * 1024, in);
        buf_advance(out, n);
        if (n == 0)
            return ferror(in) ? ERR_IO : 0;
    }
}

/* The whole page, of a file or, for "-", of standard input. Complains itself. */
static int read_page(const char *path, struct buf *out)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    int rc = in ? read_all(in, out) : ERR_IO;
    if (rc == ERR_TOO_BIG)
        fprintf(stderr, "%s: larger than %zu MiB\n", path, PAGE_MAX_BYTES >> 20);
    else if (rc != 0)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (in && in != stdin)
        (void)fclose(in); /* it was only read */
    return rc;
}

static int check_page(const char *path, enum prom_format format)
{
    struct buf page = BUF_MAX(PAGE_MAX_BYTES);
    int status = CLI_USAGE;
    if (read_page(path, &page) == 0) {
        struct arena arena;
        struct err err = {0};
        arena_init(&arena, CHECK_MEMORY_BYTES);
        status = CLI_OK;
        if (prom_check(buf_str(&page), format, &arena, &err) != 0) {
            fprintf(stderr, "%s: %s\n", strcmp(path, "-") == 0 ? "<stdin>" : path, err.message);
            status = CLI_FAILED;
        }
        arena_done(&arena);
    }
    buf_done(&page);
    return status;
}

static int run(int argc, char **argv)
{
    const char *word = "text", *path = "-";
    size_t n;
    const struct cli_option options[] = {{.name = "--format", .value = &word}};
    if (!cli_options(options, 1, argc, argv, &path, 1, &n))
        return CLI_USAGE;
    bool openmetrics = strcmp(word, "openmetrics") == 0;
    if (!openmetrics && strcmp(word, "text") != 0) {
        (void)fprintf(stderr, "telltale: --format is text or openmetrics, not \"%s\"\n", word);
        return CLI_USAGE;
    }
    return check_page(path, openmetrics ? PROM_OPENMETRICS : PROM_TEXT);
}

const struct cli_command cli_check_metrics = {
    .name = "check metrics",
    .summary = "check a page of metrics",
    .help = "Usage: telltale check metrics [--format text|openmetrics] [FILE|-]\n"
            "\n"
            "Reads a page in Prometheus's text format 0.0.4 (or OpenMetrics 1.0) from FILE, or\n"
            "from standard input, and says what is wrong with it and in which line.\n"
            "\n"
            "Exit status: 0 valid, 1 not valid, 2 wrong usage or unreadable file.\n"
            "\n"
            "  curl -s localhost:9100/metrics | telltale check metrics\n",
    .run = run,
};
