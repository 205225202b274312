/* A whole OpenMetrics page: its types and samples, written again, are read as the same rows. */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/prom_text.h"
#include "codec/prom_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static const struct prom_content content = {PROM_OPENMETRICS, PROM_ALLOW_UTF8};

/* One row that is written again, with its labels. 1, 0 at the end, negative for no page. */
static int next_row(struct prom_parser *p, struct prom_row *row, struct labels *labels)
{
    struct err err = {0};
    int rc;
    do
        rc = prom_parser_next(p, (struct str){0}, row, &err);
    while (rc == 1 && row->kind != PROM_ROW_TYPE && row->kind != PROM_ROW_SERIES);
    if (rc == 1 && row->kind == PROM_ROW_SERIES && prom_parser_labels(p, row, labels, &err) != 0)
        return ERR_INVALID;
    CHECK(rc >= 0 || err.message[0]);
    return rc;
}

static bool rewrite(struct str page, struct arena *arena, struct buf *out)
{
    struct prom_parser p;
    struct prom_row row;
    struct labels labels;
    int rc;
    prom_parser_init(&p, page, PROM_OPENMETRICS, arena);
    while ((rc = next_row(&p, &row, &labels)) == 1) {
        if (row.kind == PROM_ROW_SERIES)
            prom_write_sample(out, content, &labels, row.value,
                              row.has_time ? &row.t_unix_ms : NULL, row.exemplar);
        else
            prom_write_metadata(out, content,
                                &(struct metric_metadata){.family = row.family, .type = row.type});
    }
    prom_write_end(out, content);
    return rc == 0 && !buf_failed(out);
}

static void compare(struct str page, struct str again, struct arena *arena)
{
    struct prom_parser p, q;
    struct prom_row a, b;
    struct labels x, y;
    int rc;
    prom_parser_init(&p, page, PROM_OPENMETRICS, arena);
    prom_parser_init(&q, again, PROM_OPENMETRICS, arena);
    do {
        rc = next_row(&p, &a, &x);
        CHECK(next_row(&q, &b, &y) == rc);
        if (rc != 1)
            break;
        CHECK(a.kind == b.kind && a.type == b.type && str_eq(a.family, b.family));
        CHECK(memcmp(&a.value, &b.value, sizeof a.value) == 0);
        CHECK(a.has_time == b.has_time && !a.exemplar == !b.exemplar);
        CHECK(a.kind != PROM_ROW_SERIES || labels_eq(&x, &y));
    } while (rc == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf again = BUF_MAX(64 << 20);
    struct str page = {(const char *)data, size};
    arena_init(&arena, 64 << 20);
    if (rewrite(page, &arena, &again))
        compare(page, buf_str(&again), &arena);
    buf_done(&again);
    arena_done(&arena);
    return 0;
}
