#include "receive/import.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/otlp.h"
#include "codec/prom_text.h"
#include "model/batch.h"
#include "receive/import_records.h"
#include "receive/otlp_translate.h"

enum {
    BATCH_BYTES = 512 << 20,
    BATCH_SAMPLES = 20000,
    BATCH_DAYS = 16 /* the store has a limit of days that are written at a time */
};

bool import_format_parse(struct str word, enum import_format *out)
{
    static const char *const words[] = {[IMPORT_OPENMETRICS] = "openmetrics",
                                        [IMPORT_PROMETHEUS] = "prometheus",
                                        [IMPORT_OTLP_JSON] = "otlp-json"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(word, str_c(words[i]))) {
            *out = (enum import_format)i;
            return true;
        }
    return false;
}

static int append(const struct sink *sink, const struct batch *b, struct import_totals *totals,
                  struct err *err)
{
    struct sink_result result = {0};
    if (b->n_series + b->n_metadata == 0)
        return 0;
    int rc = sink_append(sink, b, &result, err);
    if (rc != 0)
        return rc;
    totals->samples += result.accepted;
    totals->rejected += sink_result_rejected(&result);
    if (totals->message[0] == '\0')
        memcpy(totals->message, result.message, sizeof totals->message);
    return 0;
}

/* Messages of the parsers count lines from the start of what they were given. */
static int in_line(struct err *err, int rc, uint64_t before)
{
    struct str rest = str_c(err->message), word = str_cut(&rest, ' ');
    uint64_t line;
    char text[ERR_MESSAGE_MAX];
    if (!str_eq(word, STR("line")) || num_parse_u64(str_cut(&rest, ':'), &line) != 0)
        return err_prefix(err, rc, "line %llu", (unsigned long long)before + 1);
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(rest)); // cut when too long
    line += before;
    return err_set(err, rc, "line %llu:%s", (unsigned long long)line, text);
}

/* --- OpenMetrics ------------------------------------------------------------------------------ */

struct text_import {
    const struct sink *sink;
    struct import_totals *totals;
    struct batch batch;
    struct prom_parser parser;
    struct str last;        /* text of the series that `samples` are of */
    struct labels labels;   /* its */
    struct sample *samples; /* in the batch's arena, not in the batch yet */
    size_t n, cap, in_batch;
    int64_t days[BATCH_DAYS]; /* that the batch has samples of */
    size_t n_days;
    struct err *err;
};

static int no_memory(struct text_import *t)
{
    return err_set(t->err, ERR_TOO_BIG, "line %zu: a batch does not fit into memory",
                   prom_parser_line(&t->parser));
}

static int end_series(struct text_import *t)
{
    if (t->n == 0)
        return 0;
    struct batch_series *s = batch_add_series(&t->batch, t->labels);
    if (!s)
        return no_memory(t);
    s->samples = t->samples;
    s->n_samples = (uint32_t)t->n;
    t->samples = NULL;
    t->n = t->cap = 0;
    t->last = (struct str){0};
    return 0;
}

static int end_batch(struct text_import *t)
{
    int rc = end_series(t);
    if (rc == 0)
        rc = append(t->sink, &t->batch, t->totals, t->err);
    batch_reset(&t->batch);
    t->in_batch = t->n_days = 0;
    return rc;
}

/* False when the batch has as many days as it may. */
static bool note_day(struct text_import *t, int64_t t_unix_ms)
{
    int64_t day = t_unix_ms / MS_PER_DAY - (t_unix_ms % MS_PER_DAY < 0);
    for (size_t i = t->n_days; i-- > 0;)
        if (t->days[i] == day)
            return true;
    if (t->n_days == BATCH_DAYS)
        return false;
    t->days[t->n_days++] = day;
    return true;
}

static int begin_series(struct text_import *t, const struct prom_row *row)
{
    int rc = end_series(t);
    if (rc == 0)
        rc = prom_parser_labels(&t->parser, row, &t->labels, t->err);
    t->last = row->series;
    return rc;
}

static int add_sample(struct text_import *t, const struct prom_row *row)
{
    struct sample *v = arena_room(&t->batch.arena, t->samples, t->n, &t->cap, 16, sizeof *v);
    if (!v)
        return no_memory(t);
    t->samples = v;
    t->samples[t->n++] = (struct sample){.t_unix_ms = row->t_unix_ms, .value = row->value};
    t->in_batch++;
    return 0;
}

static int take_sample(struct text_import *t, const struct prom_row *row)
{
    int rc = 0;
    if (!row->has_time)
        return err_set(t->err, ERR_INVALID, "line %zu: the sample has no timestamp",
                       prom_parser_line(&t->parser));
    if (t->in_batch >= BATCH_SAMPLES || !note_day(t, row->t_unix_ms)) {
        rc = end_batch(t); // and what the parser has put into its arena goes with it
        (void)note_day(t, row->t_unix_ms);
    }
    if (rc == 0 && (t->n == 0 || !str_eq(row->series, t->last)))
        rc = begin_series(t, row);
    return rc == 0 ? add_sample(t, row) : rc;
}

/* HELP, TYPE and UNIT come one by one; what is known so far stands in place of what was known
 * before, or half of it would be news to a store that has all of it. */
static int take_metadata(struct text_import *t, const struct prom_row *row,
                         struct metric_metadata *family)
{
    struct str name = family->family;
    if (!str_eq(name, row->family))
        *family = (struct metric_metadata){.family = row->family};
    if (row->kind == PROM_ROW_TYPE)
        family->type = row->type;
    else if (row->kind == PROM_ROW_HELP)
        family->help = row->text;
    else
        family->unit = row->text;
    struct metric_metadata whole = *family; // in the batch's own memory
    whole.family = arena_str(&t->batch.arena, whole.family);
    whole.help = arena_str(&t->batch.arena, whole.help);
    whole.unit = arena_str(&t->batch.arena, whole.unit);
    struct batch *b = &t->batch;
    if (b->n_metadata && str_eq(b->metadata[b->n_metadata - 1].family, whole.family))
        b->n_metadata--;
    return batch_add_metadata(&t->batch, &whole) == 0 ? 0 : no_memory(t);
}

static int take_rows(struct text_import *t, struct arena *keep)
{
    struct metric_metadata family = {0};
    struct prom_row row;
    int rc;
    while ((rc = prom_parser_next(&t->parser, t->last, &row, t->err)) == 1) {
        if (row.kind == PROM_ROW_SERIES) {
            rc = take_sample(t, &row);
        } else if (row.kind != PROM_ROW_COMMENT) {
            row.text = arena_str(keep, row.text); // unescaped text goes with the batch
            row.family = arena_str(keep, row.family);
            rc = take_metadata(t, &row, &family);
        }
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* Is it the sender's fault, so that what stood before it is good? */
static bool is_fault_of_text(int rc)
{
    return rc == ERR_INVALID || rc == ERR_TOO_BIG || rc == ERR_UNSUPPORTED;
}

/* Whatever the outcome of the rows, those before a fault are stored. */
static int end_rows(struct text_import *t, int rc)
{
    struct err *told = t->err, why = {0};
    if (rc != 0 && !is_fault_of_text(rc))
        return rc;
    t->err = &why;
    int end = end_batch(t);
    t->err = told;
    return end != 0 ? err_set(told, end, "%s", why.message) : rc;
}

static int import_text(const struct sink *sink, enum prom_format format, struct str body,
                       struct import_totals *totals, struct err *err)
{
    struct text_import t = {.sink = sink, .totals = totals, .err = err};
    struct arena keep;
    arena_init(&keep, BATCH_BYTES);
    batch_init(&t.batch, BATCH_BYTES);
    prom_parser_init(&t.parser, body, format, &t.batch.arena);
    int rc = end_rows(&t, take_rows(&t, &keep));
    batch_done(&t.batch);
    arena_done(&keep);
    return rc;
}

/* The parser wants its end mark, which only the last piece has. */
static int import_openmetrics(const struct sink *sink, struct str lines,
                              struct import_totals *totals, struct err *err)
{
    static const char mark[] = "# EOF\n";
    struct str trimmed = lines;
    while (trimmed.n && trimmed.p[trimmed.n - 1] == '\n')
        trimmed.n--;
    if (str_ends(trimmed, STR("# EOF")))
        return import_text(sink, PROM_OPENMETRICS, lines, totals, err);
    struct buf marked = BUF_MAX(lines.n + sizeof mark + 1);
    buf_put_str(&marked, lines);
    if (lines.n && lines.p[lines.n - 1] != '\n')
        buf_putc(&marked, '\n');
    buf_puts(&marked, mark);
    int rc = buf_failed(&marked)
                 ? err_set(err, ERR_NOMEM, "out of memory")
                 : import_text(sink, PROM_OPENMETRICS, buf_str(&marked), totals, err);
    buf_done(&marked);
    return rc;
}

/* --- OTLP/JSON -------------------------------------------------------------------------------- */

struct otlp_import {
    const struct sink *sink;
    struct import_totals *totals;
    struct otlp_rules rules;
    struct otlp_delta *delta;
    struct batch batch;
    struct import_records records;
};

/* A gauge without a word about it says nothing that is worth keeping: what the export writes for
 * series of which it knows nothing. target_info is what a receiver adds to resources. */
static void drop_empty_metadata(struct batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_metadata; i++) {
        const struct metric_metadata *m = &b->metadata[i];
        bool says = m->type != METRIC_GAUGE || m->help.n || m->unit.n;
        if (says && !str_eq(m->family, STR("target_info")))
            b->metadata[n++] = *m;
    }
    b->n_metadata = n;
}

/* What deltas add up to is not known from a piece of a file. */
static bool has_deltas(const struct otlp_request *request)
{
    for (size_t i = 0; i < request->n_resources; i++)
        for (size_t k = 0; k < request->resources[i].n_scopes; k++) {
            const struct otlp_scope_metrics *scope = &request->resources[i].scopes[k];
            for (size_t m = 0; m < scope->n_metrics; m++)
                if (scope->metrics[m].data.temporality == OTLP_DELTA)
                    return true;
        }
    return false;
}

static int import_line(struct otlp_import *o, struct str line, struct err *err)
{
    struct otlp_request request;
    struct otlp_outcome outcome = {0};
    batch_reset(&o->batch);
    int rc = otlp_json_decode(line, NULL, &o->batch.arena, &request, err);
    if (rc == 0 && has_deltas(&request))
        rc = err_set(err, ERR_UNSUPPORTED, "points of delta temporality cannot be imported");
    if (rc == 0)
        rc = otlp_translate(&request, &o->rules, NULL, o->delta, &o->batch, &outcome, err);
    if (rc != 0)
        return rc == ERR_NOMEM ? err_set(err, ERR_TOO_BIG, "the request is too large") : rc;
    if (otlp_outcome_rejected(&outcome) && o->totals->message[0] == '\0')
        (void)snprintf(o->totals->message, sizeof o->totals->message, "%.*s",
                       (int)sizeof o->totals->message - 1, outcome.message);
    o->totals->rejected += otlp_outcome_rejected(&outcome);
    drop_empty_metadata(&o->batch);
    return append(o->sink, &o->batch, o->totals, err);
}

/* A line of spans or log records waits for those that follow it. */
static int take_line(struct otlp_import *o, struct str line, uint64_t before, struct err *err)
{
    enum import_kind kind = line.n ? import_kind_of(line) : o->records.kind;
    int rc = 0;
    if (import_records_must_end(&o->records, kind)) {
        rc = import_records_end(&o->records, err);
        o->totals->lines = rc == 0 ? before : o->totals->lines;
    }
    if (rc != 0 || line.n == 0)
        return rc;
    if (kind != IMPORT_METRICS)
        return import_records_add(&o->records, kind, line, err);
    rc = import_line(o, line, err);
    o->totals->lines = rc == 0 ? before + 1 : o->totals->lines;
    return rc;
}

/* What was added before a wrong line is stored all the same. */
static int import_lines(struct otlp_import *o, struct str lines, struct err *err)
{
    struct err why = {0};
    uint64_t n = 0;
    int rc = 0;
    for (; rc == 0 && lines.n; n += rc == 0) {
        rc = take_line(o, str_trim(str_cut(&lines, '\n')), n, err);
        if (rc != 0)
            err_prefix(err, rc, "line %llu", (unsigned long long)n + 1);
    }
    if (rc != 0 && !is_fault_of_text(rc))
        return rc;
    int end = import_records_end(&o->records, &why);
    if (end != 0)
        return err_set(err, end, "%s", why.message);
    o->totals->lines = n;
    return rc;
}

static int import_otlp(const struct sink *sink, struct str lines, struct import_totals *totals,
                       struct err *err)
{
    struct otlp_import o = {.sink = sink, .totals = totals};
    const struct receiver_options options = {
        .limits = {.max_labels = 1024,
                   .max_label_name_bytes = 64 << 10, // what the store takes
                   .max_label_value_bytes = 64 << 10},
        .otlp = {.translation = OTLP_NO_TRANSLATION, .convert_histograms_to_nhcb = true}};
    const struct otlp_delta_options delta = {0};
    if (otlp_rules_init(&o.rules, &options) != 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    o.rules.exact_zero_threshold = true;
    batch_init(&o.batch, BATCH_BYTES);
    import_records_init(&o.records, sink, totals);
    int rc = otlp_delta_new(&delta, &o.delta);
    rc = rc == 0 ? import_lines(&o, lines, err) : err_set(err, rc, "out of memory");
    otlp_delta_free(o.delta);
    import_records_done(&o.records);
    batch_done(&o.batch);
    otlp_rules_done(&o.rules);
    return rc;
}

uint64_t import_count_lines(struct str text)
{
    uint64_t n = 0;
    for (; text.n; n++)
        (void)str_cut(&text, '\n');
    return n;
}

int import_piece(const struct sink *sink, enum import_format format, struct str lines,
                 uint64_t first_line, struct import_totals *totals, struct err *err)
{
    struct err why = {0};
    totals->lines = 0;
    int rc = format == IMPORT_OTLP_JSON    ? import_otlp(sink, lines, totals, &why)
             : format == IMPORT_PROMETHEUS ? import_text(sink, PROM_TEXT, lines, totals, &why)
                                           : import_openmetrics(sink, lines, totals, &why);
    if (rc == ERR_INVALID || rc == ERR_TOO_BIG || rc == ERR_UNSUPPORTED)
        rc = in_line(&why, rc, first_line - 1);
    if (rc == 0 && format != IMPORT_OTLP_JSON)
        totals->lines = import_count_lines(lines);
    return rc == 0 ? 0 : err_set(err, rc, "%s", why.message[0] ? why.message : err_name(rc));
}
