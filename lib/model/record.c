#include "model/record.h"

#include "base/compiler.h"

static const struct record_field span_fields[] = {
    [SPAN_TRACE_ID] = {"trace_id", ANY_BYTES},
    [SPAN_SPAN_ID] = {"span_id", ANY_BYTES},
    [SPAN_PARENT_ID] = {"parent_span_id", ANY_BYTES},
    [SPAN_NAME] = {"name", ANY_STRING},
    [SPAN_KIND] = {"kind", ANY_INT},
    [SPAN_DURATION_NS] = {"duration_ns", ANY_INT},
    [SPAN_STATUS_CODE] = {"status_code", ANY_INT},
    [SPAN_STATUS_MESSAGE] = {"status_message", ANY_STRING},
    [SPAN_TRACE_STATE] = {"trace_state", ANY_STRING},
    [SPAN_FLAGS] = {"flags", ANY_INT},
    [SPAN_EVENTS] = {"events", ANY_ARRAY},
    [SPAN_LINKS] = {"links", ANY_ARRAY},
    [SPAN_DROPPED_ATTRIBUTES] = {"dropped_attributes", ANY_INT},
    [SPAN_DROPPED_EVENTS] = {"dropped_events", ANY_INT},
    [SPAN_DROPPED_LINKS] = {"dropped_links", ANY_INT},
};
_Static_assert(ARRAY_LEN(span_fields) == SPAN_FIELDS, "a name for each field");
_Static_assert(ARRAY_LEN(span_fields) <= RECORD_FIELDS_MAX, "fields fit into a record");

static const struct record_field log_fields[] = {
    [LOG_OBSERVED_NS] = {"observed_ns", ANY_INT},
    [LOG_SEVERITY] = {"severity", ANY_INT},
    [LOG_SEVERITY_TEXT] = {"severity_text", ANY_STRING},
    [LOG_BODY] = {"body", ANY_NONE},
    [LOG_TRACE_ID] = {"trace_id", ANY_BYTES},
    [LOG_SPAN_ID] = {"span_id", ANY_BYTES},
    [LOG_FLAGS] = {"flags", ANY_INT},
    [LOG_EVENT_NAME] = {"event_name", ANY_STRING},
    [LOG_DROPPED_ATTRIBUTES] = {"dropped_attributes", ANY_INT},
    [LOG_NO_TIME] = {"no_time", ANY_BOOL},
};
_Static_assert(ARRAY_LEN(log_fields) == LOG_FIELDS, "a name for each field");

const char *record_table_name(enum record_table t)
{
    return t == RECORD_SPANS ? "spans" : "logs";
}

const struct record_field *record_fields(enum record_table t, size_t *out_n)
{
    *out_n = t == RECORD_SPANS ? ARRAY_LEN(span_fields) : ARRAY_LEN(log_fields);
    return t == RECORD_SPANS ? span_fields : log_fields;
}

void record_batch_init(struct record_batch *b, enum record_table table, size_t budget_bytes)
{
    *b = (struct record_batch){.table = table};
    arena_init(&b->arena, budget_bytes);
}

void record_batch_done(struct record_batch *b)
{
    arena_done(&b->arena);
    b->groups = NULL;
    b->n_groups = b->cap_groups = 0;
}

void record_batch_reset(struct record_batch *b)
{
    arena_reset(&b->arena);
    b->groups = NULL;
    b->n_groups = b->cap_groups = 0;
}

struct record_group *record_batch_add_group(struct record_batch *b)
{
    struct record_group *v =
        arena_room(&b->arena, b->groups, b->n_groups, &b->cap_groups, 4, sizeof *v);
    if (!v)
        return NULL;
    b->groups = v;
    struct record_group *g = &b->groups[b->n_groups++];
    *g = (struct record_group){0};
    return g;
}

struct record *record_batch_add(struct record_batch *b, struct record_group *g)
{
    struct record *v = arena_room(&b->arena, g->records, g->n, &g->cap, 16, sizeof *v);
    if (!v)
        return NULL;
    g->records = v;
    struct record *r = &g->records[g->n++];
    *r = (struct record){0};
    return r;
}

size_t record_batch_count(const struct record_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_groups; i++)
        n += b->groups[i].n;
    return n;
}
