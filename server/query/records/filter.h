/* The language of searches: text in, a predicate out.
 *
 *   service = shop and (duration > 1.5s or status = error) and not exists attributes.retry
 *   severity >= warn "connection refused" http.route =~ "^/cart"
 *
 *   expr     = both { "or" both }
 *   both     = term { ["and"] term }
 *   term     = "not" term | "!" term | "(" expr ")" | "exists" field | field op value | text
 *   op       = "=" | "!=" | "=~" | "!~" | "<" | "<=" | ">" | ">=" | ":" | "!:"
 *   field    = word | "…"      value = word | "…"      text = word | "…"  (log records only)
 *
 * A field is a column by its name (store/records.h), one of the short names below, or an attribute
 * of the row or of its resource. ":" is "contains, whatever the case"; a regular expression matches
 * anywhere. What is negated is true of rows without the field, too. A text alone is looked for in
 * the body as a phrase of whole words, whatever the case. A number or truth value without quotes
 * equals the text that looks like it, too. In quotes, '…' as
 * well as "…", \\ stands for \ and the quote behind a \ for itself.
 *
 *   both    service, scope, session, trace_id, span_id (hexadecimal), time
 *   spans   name, kind, status, duration (1.5s, 300ms), parent_id
 *   logs    severity or level (none, debug, warn, …, or the number), body */
#ifndef TELLTALE_QUERY_RECORDS_FILTER_H
#define TELLTALE_QUERY_RECORDS_FILTER_H

#include "query/records/records.h"

struct record_filter {
    struct predicate where; /* in the arena */
    struct regex **regexes; /* owned; the array is in the arena */
    size_t n_regexes;
};

/* Empty text is true of all rows. ERR_INVALID with the position, ERR_NOMEM; then there is nothing
 * to release. */
int record_filter_parse(enum record_table table, struct str text, struct arena *a,
                        struct record_filter *out, struct err *err);
void record_filter_done(struct record_filter *f);

/* What a field of the language means for equality with a text, as who completes or groups by it
 * needs: the columns to look at, the first that has a value counts. At most FIELD_COLUMNS_MAX;
 * 0: no such field. */
enum { FIELD_COLUMNS_MAX = 4 };
size_t record_field_columns(enum record_table table, struct str field,
                            struct column_ref out[FIELD_COLUMNS_MAX]);

/* Whether only texts that are not empty are values of the field: `service` and `session`.
 * *out_none: what stands for rows without any; empty: nothing. */
bool record_field_is_text(struct str field, struct str *out_none);

/* "trace" … "fatal" for 1 … 24, "fatal" for what is above, "none" for what is below. The other way
 * round: the first number of the word, 0 for "none", or -1. */
const char *severity_name(int64_t severity);
int severity_parse(struct str word);

#endif
