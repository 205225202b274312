/* A piece of an import, by the first byte as OpenMetrics, Prometheus text or OTLP/JSON lines: what
 * is stored is told; lines that a busy store refuses and that are given again are stored once. */
#include <stdlib.h>

#include "model/batch.h"
#include "model/record.h"
#include "receive/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct store {
    bool picky, refused; /* refuses each batch once */
    uint64_t taken;
};

static int take(struct store *s, size_t n, struct sink_result *out, struct err *err)
{
    s->refused = s->picky && !s->refused;
    if (s->refused)
        return err_set(err, ERR_BUSY, "busy");
    *out = (struct sink_result){.accepted = n};
    s->taken += n;
    return 0;
}

static int append(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    return take(self, batch_count_samples(b), out, err);
}

static int append_records(void *self, const struct record_batch *b, struct sink_result *out,
                          struct err *err)
{
    return take(self, record_batch_count(b), out, err);
}

static struct str without_lines(struct str text, uint64_t n)
{
    for (; n > 0; n--)
        (void)str_cut(&text, '\n');
    return text;
}

/* Gives what is left again and again; returns the outcome of the last time. */
static int import_all(struct store *s, enum import_format format, struct str lines,
                      struct import_totals *totals)
{
    const struct sink sink = {.append = append, .append_records = append_records, .self = s};
    struct err err = {0};
    uint64_t before = 0;
    int rc = ERR_BUSY;
    while (rc == ERR_BUSY) {
        uint64_t n = import_count_lines(lines);
        err = (struct err){0};
        rc = import_piece(&sink, format, lines, before + 1, totals, &err);
        if (totals->lines > n || (rc == 0 && totals->lines != n) ||
            (rc != 0) != (err.message[0] != '\0'))
            abort();
        lines = without_lines(lines, totals->lines);
        before += totals->lines;
    }
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum import_format format = (enum import_format)(data[0] % 3);
    const struct str lines = {(const char *)data + 1, size - 1};
    struct store willing = {0}, busy = {.picky = true};
    struct import_totals once = {0}, again = {0};
    int rc = import_all(&willing, format, lines, &once);
    if (willing.taken < once.samples || (rc == 0 && willing.taken != once.samples))
        abort();
    if (format != IMPORT_OTLP_JSON)
        return 0;
    if (import_all(&busy, format, lines, &again) != rc || busy.taken != willing.taken)
        abort();
    return 0;
}
