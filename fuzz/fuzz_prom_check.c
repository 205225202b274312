/* The check of pages, by the first byte 0.0.4 or OpenMetrics: what it accepts the parser reads to
 * its end, and the same page twice over is refused, for every sample comes again. */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/prom_check.h"
#include "codec/prom_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

#define BUDGET_BYTES ((size_t)64 << 20)

/* The number of samples; every row parses. */
static size_t count_samples(struct str body, enum prom_format format)
{
    struct arena arena;
    arena_init(&arena, BUDGET_BYTES);
    struct prom_parser p;
    struct prom_row row;
    struct err err = {0};
    size_t n = 0;
    int rc;
    prom_parser_init(&p, body, format, &arena);
    while ((rc = prom_parser_next(&p, STR(""), &row, &err)) == 1) {
        struct labels labels;
        n += row.kind == PROM_ROW_SERIES;
        if (row.kind == PROM_ROW_SERIES)
            CHECK(prom_parser_labels(&p, &row, &labels, &err) == 0);
    }
    CHECK(rc == 0);
    arena_done(&arena);
    return n;
}

static int check(struct str body, enum prom_format format)
{
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, BUDGET_BYTES);
    int rc = prom_check(body, format, &arena, &err);
    CHECK(rc == 0 || err.code == rc);
    arena_done(&arena);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 64 * 1024)
        return 0;
    enum prom_format format = data[0] == 'o' ? PROM_OPENMETRICS : PROM_TEXT;
    struct str body = {(const char *)data + 1, size - 1};
    if (check(body, format) != 0)
        return 0;
    if (count_samples(body, format) > 0 && format == PROM_TEXT) {
        struct buf twice = BUF_MAX(256 * 1024);
        buf_put_str(&twice, body);
        buf_put_str(&twice, body);
        CHECK(check(buf_str(&twice), format) == ERR_INVALID);
        buf_done(&twice);
    }
    return 0;
}
