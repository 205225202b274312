/* The protobuf format of scrapes, by the first byte native, classic or both: labels are canonical,
 * histograms well-formed, one text means one series, a right guess of each next series changes
 * nothing, and no read is outside. */
#include <stdlib.h>

#include "codec/prom_text.h"
#include "model/histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

enum { ROWS_MAX = 64 };

/* The first series of the body, to compare later ones with. */
static struct {
    struct str text;
    struct labels labels;
} seen[ROWS_MAX];

static void start(struct prom_parser *p, struct str body, uint8_t how, struct arena *arena)
{
    prom_parser_init(p, body, PROM_PROTOBUF, arena);
    p->native = how & 1;
    p->classic = how & 2;
    p->max_bytes = 1 << 20;
}

static void check_labels(const struct labels *labels)
{
    CHECK(labels_are_canonical(labels) && labels_metric_name(labels).n > 0);
    for (size_t i = 0; i < labels->n; i++)
        CHECK(str_is_utf8(labels->v[i].name) && str_is_utf8(labels->v[i].value));
}

static void check_series(const struct prom_parser *p, const struct prom_row *row, size_t *n)
{
    struct labels labels;
    struct err err = {0};
    CHECK(!row->histogram || histogram_validate(row->histogram, &err) == 0);
    CHECK((row->exemplar != NULL) == (row->n_exemplars > 0));
    for (size_t i = 0; i < row->n_exemplars; i++)
        CHECK(row->exemplar[i].labels.n == 0 || labels_are_canonical(&row->exemplar[i].labels));
    if (prom_parser_labels(p, row, &labels, &err) != 0)
        return;
    check_labels(&labels);
    for (size_t i = 0; i < *n; i++)
        CHECK(!str_eq(seen[i].text, row->series) || labels_eq(&seen[i].labels, &labels));
    if (*n < ROWS_MAX) {
        seen[*n].text = arena_str(p->arena, row->series);
        seen[*n].labels = labels;
        *n += !arena_failed(p->arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct prom_parser p, again;
    struct prom_row row, same;
    struct err err = {0};
    struct str body = str_of((const char *)data + 1, size - 1);
    size_t n = 0;
    int rc;
    start(&p, body, data[0], &arena);
    start(&again, body, data[0], &arena);
    while ((rc = prom_parser_next(&p, (struct str){0}, &row, &err)) == 1) {
        struct str guess = row.kind == PROM_ROW_SERIES ? row.series : (struct str){0};
        rc = prom_parser_next(&again, guess, &same, &err);
        CHECK(rc == 1 || arena_failed(&arena));
        if (rc != 1)
            break;
        CHECK(same.kind == row.kind && (row.kind != PROM_ROW_SERIES || same.expected));
        if (row.kind == PROM_ROW_SERIES)
            check_series(&p, &row, &n);
    }
    CHECK(rc >= 0 || err.message[0]);
    arena_done(&arena);
    return 0;
}
