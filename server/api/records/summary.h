/* What lists say of a trace or session, and where their pages go on. */
#ifndef TELLTALE_API_RECORDS_SUMMARY_H
#define TELLTALE_API_RECORDS_SUMMARY_H

#include "api/records/request.h"
#include "query/traces/tree.h"

/* Members: id, start, duration, root, services, counts, usage. */
void json_summary_members(struct json *j, const struct trace *t, const struct trace_tree *tree,
                          struct arena *scratch);

/* The same as an object. False: the arena is spent. */
bool json_trace_summary(struct json *j, const struct trace *t, struct arena *a);

/* `after`: "<end>.<key>.<id>", the id in hexadecimal or as it is. *end and `out` are set when it is
 * given. */
int page_cursor_read(struct record_request *r, bool hex, int64_t *end_unix_ns,
                     struct trace_key *out, bool *out_given, struct err *err);

/* "next": the cursor behind `last`, or null. */
void page_cursor_write(struct json *j, int64_t end_unix_ns, const struct trace_key *last, bool hex);

/* The end that holds for all pages: now, when none was given. */
int64_t page_end(int64_t max_unix_ns);

#endif
