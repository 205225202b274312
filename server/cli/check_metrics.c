#include "cli/check_metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "codec/prom_check.h"

enum { EXIT_VALID, EXIT_INVALID, EXIT_USAGE };

#define PAGE_MAX_BYTES ((size_t)256 << 20)
#define CHECK_MEMORY_BYTES ((size_t)2 << 30)

static int usage(const char *complaint, const char *word)
{
    fprintf(stderr, "telltale check metrics: %s%s\n", complaint, word);
    fputs("usage: telltale check metrics [--format text|openmetrics] [FILE|-]\n", stderr);
    return EXIT_USAGE;
}

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
    int status = EXIT_USAGE;
    if (read_page(path, &page) == 0) {
        struct arena arena;
        struct err err = {0};
        arena_init(&arena, CHECK_MEMORY_BYTES);
        status = EXIT_VALID;
        if (prom_check(buf_str(&page), format, &arena, &err) != 0) {
            fprintf(stderr, "%s: %s\n", strcmp(path, "-") == 0 ? "<stdin>" : path, err.message);
            status = EXIT_INVALID;
        }
        arena_done(&arena);
    }
    buf_done(&page);
    return status;
}

int cli_check_metrics(int argc, char **argv)
{
    enum prom_format format = PROM_TEXT;
    const char *path = NULL;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--format") == 0) {
            const char *word = i + 1 < argc ? argv[++i] : "";
            if (strcmp(word, "openmetrics") == 0)
                format = PROM_OPENMETRICS;
            else if (strcmp(word, "text") != 0)
                return usage("--format is text or openmetrics, not ", word);
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return usage("unknown option ", argv[i]);
        } else if (path) {
            return usage("one file at a time, not also ", argv[i]);
        } else {
            path = argv[i];
        }
    }
    return check_page(path ? path : "-", format);
}
