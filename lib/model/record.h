/* Spans and log records as they travel from receivers to the store: rows with the fixed fields of
 * their table and any attributes, in groups that share where they come from (resource and scope).
 *
 * Both tables use one row type: a field is a value at an index. Adding a table is adding a list of
 * fields here. */
#ifndef TELLTALE_MODEL_RECORD_H
#define TELLTALE_MODEL_RECORD_H

#include "base/arena.h"
#include "model/any.h"

enum record_table { RECORD_SPANS, RECORD_LOGS, RECORD_TABLES };

/* The row's time is the span's start. */
enum span_field {
    SPAN_TRACE_ID,    /* 16 bytes */
    SPAN_SPAN_ID,     /* 8 bytes */
    SPAN_PARENT_ID,   /* 8 bytes; absent for a root */
    SPAN_NAME,        /* string */
    SPAN_KIND,        /* int: OTLP's numbers, 0 unspecified … 5 consumer */
    SPAN_DURATION_NS, /* int: end - start, negative when the sender said so */
    SPAN_STATUS_CODE, /* int: 0 unset, 1 ok, 2 error */
    SPAN_STATUS_MESSAGE,
    SPAN_TRACE_STATE,
    SPAN_FLAGS,              /* int */
    SPAN_EVENTS,             /* array of maps: time_unix_ns, name, attributes, dropped_attributes */
    SPAN_LINKS,              /* … trace_id, span_id, trace_state, attributes, dropped…, flags */
    SPAN_DROPPED_ATTRIBUTES, /* ints; absent when zero, as all numbers but kind and status */
    SPAN_DROPPED_EVENTS,
    SPAN_DROPPED_LINKS,
    SPAN_FIELDS
};

/* The row's time is the record's, or when that is unknown the time it was observed. */
enum log_record_field {
    LOG_OBSERVED_NS, /* int: observed time - row's time; absent when unknown */
    LOG_SEVERITY,    /* int: 1 … 24; absent: unspecified */
    LOG_SEVERITY_TEXT,
    LOG_BODY, /* any type */
    LOG_TRACE_ID,
    LOG_SPAN_ID,
    LOG_FLAGS,
    LOG_EVENT_NAME,
    LOG_DROPPED_ATTRIBUTES,
    LOG_NO_TIME, /* bool true: the sender gave no time, the row's is the observed one */
    LOG_FIELDS
};

enum { RECORD_FIELDS_MAX = 16 };

struct record {
    int64_t t_unix_ns;
    struct any fields[RECORD_FIELDS_MAX]; /* by span_field or log_record_field; ANY_NONE: absent */
    const struct attribute *attributes;
    uint32_t n_attributes;
};

/* Where records come from. Empty strings, no attributes and zeros when the sender gave none. */
struct record_source {
    const struct attribute *resource, *scope; /* attributes */
    uint32_t n_resource, n_scope, resource_dropped, scope_dropped;
    struct str resource_schema_url, scope_schema_url, scope_name, scope_version;
};

struct record_group {
    struct record_source source;
    struct record *records;
    size_t n, cap;
};

/* Lives until record_batch_done. Everything inside is borrowed from `arena` or from buffers that
 * outlive the batch (the request body). */
struct record_batch {
    struct arena arena;
    enum record_table table;
    struct record_group *groups;
    size_t n_groups, cap_groups;
};

void record_batch_init(struct record_batch *b, enum record_table table, size_t budget_bytes);
void record_batch_done(struct record_batch *b);

/* Empty again, one arena block kept. */
void record_batch_reset(struct record_batch *b);

/* A group, then its records, zeroed. NULL when the budget is spent. Pointers are valid until the
 * next call of the same function. */
struct record_group *record_batch_add_group(struct record_batch *b);
struct record *record_batch_add(struct record_batch *b, struct record_group *g);

size_t record_batch_count(const struct record_batch *b);

/* "spans", "logs". */
const char *record_table_name(enum record_table t);

/* The fields of a table, by their index. */
struct record_field {
    const char *name;   /* as queries call it: "trace_id" */
    enum any_type type; /* what it usually holds; ANY_NONE: anything (a body) */
};
const struct record_field *record_fields(enum record_table t, size_t *out_n);

#endif
