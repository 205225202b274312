#include "receive/import_records.h"

#include <stdio.h>

#include "base/time.h"
#include "codec/json_read.h"
#include "codec/otlp_records.h"
#include "receive/otlp_records.h"

enum {
    BATCH_BYTES = 1 << 30,
    TEXT_BYTES = 8 << 20, /* of lines that are stored together */
    VALUE_MAX = 64 << 20, /* nothing is cut that a receiver has let through */
    PEEK_BYTES = 1 << 10,
    PEEK_DEPTH = 64
};

enum import_kind import_kind_of(struct str line)
{
    static const struct {
        const char *name;
        enum import_kind kind;
    } members[] = {
        {"resourceSpans", IMPORT_SPANS},     {"resource_spans", IMPORT_SPANS},
        {"resourceLogs", IMPORT_LOGS},       {"resource_logs", IMPORT_LOGS},
        {"resourceMetrics", IMPORT_METRICS}, {"resource_metrics", IMPORT_METRICS},
    };
    struct arena arena;
    struct str key;
    enum import_kind kind = IMPORT_METRICS;
    bool known = false;
    arena_init(&arena, PEEK_BYTES);
    struct json_reader r = json_reader_of(line, &arena, PEEK_DEPTH);
    if (json_peek(&r) == JSON_KIND_OBJECT) {
        json_enter_object(&r);
        while (!known && json_next_member(&r, &key)) {
            for (size_t i = 0; !known && i < sizeof members / sizeof *members; i++)
                if ((known = str_eq(key, str_c(members[i].name))))
                    kind = members[i].kind;
            if (!known)
                json_skip(&r);
        }
    }
    arena_done(&arena);
    return kind;
}

void import_records_init(struct import_records *r, const struct sink *sink,
                         struct import_totals *totals)
{
    *r = (struct import_records){.sink = sink, .totals = totals};
    record_batch_init(&r->batch, RECORD_SPANS, BATCH_BYTES);
}

void import_records_done(struct import_records *r)
{
    record_batch_done(&r->batch);
}

static bool is_empty(const struct import_records *r)
{
    return r->batch.n_groups == 0;
}

bool import_records_must_end(const struct import_records *r, enum import_kind kind)
{
    return !is_empty(r) && (kind != r->kind || r->text_bytes >= TEXT_BYTES);
}

static void note_rejected(struct import_totals *t, size_t n, const char *message)
{
    t->rejected += n;
    if (n && t->message[0] == '\0')
        (void)snprintf(t->message, sizeof t->message, "%s", message); // cut when too long
}

int import_records_add(struct import_records *r, enum import_kind kind, struct str line,
                       struct err *err)
{
    struct otlp_records request;
    struct otlp_records_outcome outcome = {0};
    size_t groups = r->batch.n_groups;
    bool spans = kind == IMPORT_SPANS;
    if (is_empty(r)) {
        r->kind = kind;
        r->batch.table = spans ? RECORD_SPANS : RECORD_LOGS;
    }
    const struct otlp_limits limits = {.max_attributes = OTLP_RECORD_LIST_READ};
    int rc = (spans ? otlp_traces_json_decode
                    : otlp_logs_json_decode)(line, &limits, &r->batch.arena, &request, err);
    if (rc == 0)
        rc = otlp_records_translate(&request, VALUE_MAX, time_now_unix_ns(), &r->batch, &outcome);
    if (rc != 0) {
        r->batch.n_groups = groups; // none of it
        return rc == ERR_NOMEM ? err_set(err, ERR_TOO_BIG, "the request is too large") : rc;
    }
    r->text_bytes += line.n;
    note_rejected(r->totals, outcome.rejected, outcome.message);
    return 0;
}

int import_records_end(struct import_records *r, struct err *err)
{
    struct sink_result result = {0};
    int rc = is_empty(r) ? 0 : sink_append_records(r->sink, &r->batch, &result, err);
    if (rc == 0) {
        r->totals->samples += result.accepted;
        note_rejected(r->totals, sink_result_rejected(&result), result.message);
    }
    record_batch_reset(&r->batch);
    r->text_bytes = 0;
    return rc;
}
