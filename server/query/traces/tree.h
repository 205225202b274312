/* One trace understood: who called whom, where the time went, what failed, what it cost. */
#ifndef TELLTALE_QUERY_TRACES_TREE_H
#define TELLTALE_QUERY_TRACES_TREE_H

#include "query/traces/traces.h"

/* --- what spans of AI systems used ------------------------------------------------------------ */

/* The attributes that usage is told from. */
enum { USAGE_ATTRIBUTES = 21 };
extern const char *const usage_attributes[USAGE_ATTRIBUTES];

/* Of a span, or of a subtree. Tokens are numbers as sent; input includes what was read from a
 * cache, output includes reasoning, where the sender follows the conventions. */
struct usage {
    uint64_t spans, errors, model_calls, tool_calls, agent_calls;
    double input_tokens, output_tokens, cached_tokens, reasoning_tokens;
    double cost; /* as sent by the instrumentation, in its currency */
    bool has_cost;
};

enum ai_operation { AI_NONE, AI_MODEL, AI_TOOL, AI_AGENT };

/* What the span says it does; `out`: what it says it used. */
enum ai_operation usage_of_span(const struct span *s, struct usage *out);

void usage_add(struct usage *to, const struct usage *u);

/* --- the tree --------------------------------------------------------------------------------- */

struct trace_node {
    const struct span *span;
    struct trace_node *parent, *first_child, *next; /* children by start */
    unsigned depth;
    int64_t end_unix_ns;     /* not before the start */
    int64_t self_ns;         /* of its time, what none of its children was running in */
    int64_t critical_ns;     /* of its self time, what is on the critical path */
    bool is_critical;        /* the trace would have been shorter without it */
    bool lost_parent;        /* it has a parent that is not among the spans */
    bool broke_cycle;        /* its ancestors lead back to it; it is shown as a root */
    int64_t skew_ns;         /* its clock seems to be so much behind its parent's; 0: no hint */
    struct usage own, total; /* total: of the subtree, each model call once */
};

struct trace_tree {
    struct trace_node **nodes; /* parents before children, depth first */
    size_t n, roots;
    struct trace_node *root; /* the first that is no orphan, else the first; NULL without spans */
    int64_t start_unix_ns, end_unix_ns;
    size_t services, lost_parents;
    struct usage usage;
};

/* Borrows the spans of `t`. False: the arena is spent. */
bool trace_tree_make(const struct trace *t, struct arena *a, struct trace_tree *out);

#endif
