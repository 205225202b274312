/* The text parsers, by the first byte 0.0.4 or OpenMetrics: what was read, written again, reads as
 * the same; and a guess of each next series changes nothing. */
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

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* Writes the row's sample as a body of its own and reads it back. */
static void check_round_trip(struct arena *arena, enum prom_format format,
                             const struct prom_row *row, const struct labels *labels)
{
    const struct prom_content content = {format, PROM_ALLOW_UTF8};
    struct buf out = BUF_MAX(1 << 20);
    prom_write_sample(&out, content, labels, row->value, row->has_time ? &row->t_unix_ms : NULL,
                      row->exemplar);
    prom_write_end(&out, content);
    CHECK(!buf_failed(&out));

    struct prom_parser p;
    struct prom_row again;
    struct labels labels_again;
    struct err err = {0};
    prom_parser_init(&p, buf_str(&out), format, arena);
    CHECK(prom_parser_next(&p, (struct str){0}, &again, &err) == 1);
    CHECK(prom_parser_labels(&p, &again, &labels_again, &err) == 0);
    CHECK(labels_eq(labels, &labels_again));
    CHECK(same_double(row->value, again.value) && row->has_time == again.has_time);
    if (llabs(row->t_unix_ms) < INT64_C(4000000000000)) // seconds in a double have no more digits
        CHECK(row->t_unix_ms == again.t_unix_ms);
    CHECK(!row->exemplar == !again.exemplar);
    if (row->exemplar) {
        CHECK(labels_eq(&row->exemplar->labels, &again.exemplar->labels));
        CHECK(same_double(row->exemplar->value, again.exemplar->value));
    }
    CHECK(prom_parser_next(&p, (struct str){0}, &again, &err) == 0);
    buf_done(&out);
}

static void check_guess(struct prom_parser before, const struct prom_row *row, const char *after)
{
    struct prom_row again;
    CHECK(prom_parser_next(&before, row->series, &again, NULL) == 1);
    CHECK(str_eq(again.series, row->series) && same_double(again.value, row->value));
    CHECK(before.at == after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum prom_format format = data[0] == 'o' ? PROM_OPENMETRICS : PROM_TEXT;
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct prom_parser p;
    struct prom_row row;
    prom_parser_init(&p, str_of((const char *)data + 1, size - 1), format, &arena);
    for (;;) {
        struct prom_parser before = p;
        struct labels labels;
        struct err err = {0};
        if (prom_parser_next(&p, (struct str){0}, &row, &err) <= 0)
            break;
        if (row.kind != PROM_ROW_SERIES || prom_parser_labels(&p, &row, &labels, &err) != 0)
            continue;
        check_guess(before, &row, p.at);
        check_round_trip(&arena, format, &row, &labels);
    }
    arena_done(&arena);
    return 0;
}
