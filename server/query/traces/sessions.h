/* Sessions: what happened under one id of a conversation, over all its traces. */
#ifndef TELLTALE_QUERY_TRACES_SESSIONS_H
#define TELLTALE_QUERY_TRACES_SESSIONS_H

#include "query/traces/tree.h"

/* Where spans name their session, the first that is a text and not empty counts. */
enum { SESSION_COLUMNS = 3 };
extern const char *const session_attributes[SESSION_COLUMNS];
void session_columns(struct column_ref out[SESSION_COLUMNS]);

/* Names that occur in a session, each once, as they come. */
struct session_names {
    struct str *v;
    size_t n, cap;
};

struct session {
    struct str id;
    int64_t start_unix_ns, end_unix_ns; /* of all spans of its traces */
    struct trace *traces;               /* by start; brief */
    size_t n_traces;
    bool cut;         /* there are more than max_traces */
    size_t spans_cut; /* spans left out, of traces that have very many */
    struct usage usage;
    struct session_names agents, tools, models, services;
};

/* The sessions with these ids, in their order. Traces with a span of the session are of it, as a
 * whole; of a session of more than max_traces traces, some. n_traces == 0: there is no such
 * session.
 */
int sessions_load(struct record_query *q, const struct str *ids, size_t n, size_t max_traces,
                  struct session **out, struct err *err);

#endif
