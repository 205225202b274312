#include "cli/trace_tree.h"

#include <stdlib.h>

#include "cli/remote.h"
#include "cli/terminal.h"

enum { NAME_SHOWN = 80, TEXT_SHOWN = 160, DEPTH_SHOWN = 40, TIME_WIDTH = 10, SELF_WIDTH = 20 };

static struct str member_text(const json_t *o, const char *name)
{
    return remote_text(json_object_get(o, name));
}

static int64_t member_int(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static bool member_true(const json_t *o, const char *name)
{
    return json_is_true(json_object_get(o, name));
}

/* --- what was used ---------------------------------------------------------------------------- */

/* "1 error", "1,200 tokens in": `one` and `many` are what is counted. */
static void put_count(struct buf *out, int64_t n, const char *one, const char *many)
{
    terminal_count(out, n);
    buf_putc(out, ' ');
    buf_puts(out, n == 1 ? one : many);
}

static void put_number(struct buf *out, const json_t *usage, const char *name, const char *one,
                       const char *many)
{
    double n = json_number_value(json_object_get(usage, name));
    if (!(n > 0 && n < 1e18))
        return;
    buf_puts(out, "  ");
    put_count(out, (int64_t)n, one, many);
}

static void put_tokens(struct buf *out, const json_t *usage, const char *in, const char *out_of)
{
    put_number(out, usage, in, "token in", "tokens in");
    put_number(out, usage, out_of, "token out", "tokens out");
}

static void put_usage(struct buf *out, const json_t *usage)
{
    const json_t *cost = json_object_get(usage, "cost");
    put_number(out, usage, "model_calls", "model call", "model calls");
    put_number(out, usage, "tool_calls", "tool call", "tool calls");
    put_tokens(out, usage, "input_tokens", "output_tokens");
    if (cost)
        buf_printf(out, "  cost %.6g", json_number_value(cost));
}

/* Of a model call: what its attributes say. */
static void put_own_tokens(struct buf *out, const json_t *span)
{
    put_tokens(out, json_object_get(span, "attributes"), "gen_ai.usage.input_tokens",
               "gen_ai.usage.output_tokens");
}

/* --- branches --------------------------------------------------------------------------------- */

/* Which ancestors of the span have a sibling to come, by depth; and which spans have one. */
struct branches {
    bool more[DEPTH_SHOWN + 1];
    bool *sibling;
};

static size_t depth_of(const json_t *spans, size_t i, size_t n)
{
    int64_t depth = member_int(json_array_get(spans, i), "depth");
    return depth < 0 || (size_t)depth >= n ? 0 : (size_t)depth; // as the server counts, below n
}

/* From the last to the first: a span has a sibling to come when one of its depth was met since the
 * last of a smaller depth. */
static bool find_siblings(struct branches *b, const json_t *spans)
{
    size_t n = json_array_size(spans), deepest = 0;
    bool *open = calloc(n + 1, sizeof *open);
    b->sibling = calloc(n + 1, sizeof *b->sibling);
    bool ok = open && b->sibling;
    for (size_t i = n; ok && i-- > 0;) {
        size_t depth = depth_of(spans, i, n);
        for (; deepest > depth; deepest--)
            open[deepest] = false;
        b->sibling[i] = open[depth];
        open[depth] = true;
        deepest = depth;
    }
    free(open);
    return ok;
}

static void put_branch(struct buf *out, struct branches *b, int64_t depth, bool sibling)
{
    int64_t shown = depth < DEPTH_SHOWN ? depth : DEPTH_SHOWN;
    for (int64_t i = 1; i < shown; i++)
        buf_puts(out, b->more[i] ? "│ " : "  ");
    if (depth > DEPTH_SHOWN)
        buf_printf(out, "(%lld deep) ", (long long)depth);
    if (depth > 0)
        buf_puts(out, sibling ? "├ " : "└ ");
    b->more[shown] = sibling;
}

/* --- spans ------------------------------------------------------------------------------------ */

static void put_hints(struct buf *out, const json_t *span, bool colours)
{
    struct str message = member_text(span, "status_message");
    if (str_eq(member_text(span, "status"), STR("error"))) {
        terminal_colour(out, colours, RED);
        buf_puts(out, "  ERROR");
        if (message.n) {
            buf_puts(out, ": ");
            terminal_text(out, message, TEXT_SHOWN);
        }
        terminal_colour(out, colours, PLAIN);
    }
    terminal_colour(out, colours, YELLOW);
    if (member_true(span, "parent_is_missing"))
        buf_puts(out, "  (its parent is missing)");
    if (member_true(span, "parents_are_circular"))
        buf_puts(out, "  (its parents are circular)");
    if (member_true(span, "has_no_end"))
        buf_puts(out, "  (no end)");
    if (json_object_get(span, "clock_skew_ns")) {
        buf_puts(out, "  (its clock seems to differ by ");
        terminal_duration(out, member_int(span, "clock_skew_ns"));
        buf_putc(out, ')');
    }
    terminal_colour(out, colours, PLAIN);
}

static void put_span(struct buf *out, struct branches *b, const json_t *spans, size_t i,
                     bool colours)
{
    const json_t *span = json_array_get(spans, i), *usage = json_object_get(span, "usage");
    int64_t depth = member_int(span, "depth");
    size_t from = out->n;
    buf_puts(out, member_true(span, "critical") ? "* " : "  ");
    terminal_duration(out, member_int(span, "duration_ns"));
    terminal_pad(out, from, TIME_WIDTH);
    terminal_colour(out, colours, DIM);
    terminal_duration(out, member_int(span, "self_ns"));
    terminal_colour(out, colours, PLAIN);
    terminal_pad(out, from, SELF_WIDTH);
    put_branch(out, b, depth, b->sibling[i]);
    terminal_colour(out, colours, BLUE);
    terminal_text(out, member_text(span, "service"), NAME_SHOWN);
    terminal_colour(out, colours, PLAIN);
    buf_puts(out, "  ");
    terminal_text(out, member_text(span, "name"), NAME_SHOWN);
    if (usage)
        put_usage(out, usage);
    else
        put_own_tokens(out, span);
    put_hints(out, span, colours);
    size_t logs = json_array_size(json_object_get(span, "logs"));
    if (logs) {
        buf_puts(out, "  ");
        put_count(out, (int64_t)logs, "log record", "log records");
    }
    buf_putc(out, '\n');
}

static void put_head(struct buf *out, const json_t *data, bool colours)
{
    terminal_colour(out, colours, BOLD);
    buf_puts(out, "trace ");
    terminal_text(out, member_text(data, "trace_id"), 32);
    terminal_colour(out, colours, PLAIN);
    buf_puts(out, "  ");
    terminal_time(out, member_text(data, "start"));
    buf_puts(out, "  ");
    terminal_duration(out, member_int(data, "duration_ns"));
    buf_puts(out, "  ");
    put_count(out, member_int(data, "span_count"), "span", "spans");
    if (member_int(data, "spans_left_out")) {
        buf_puts(out, " (and ");
        put_count(out, member_int(data, "spans_left_out"), "more that is", "more that are");
        buf_puts(out, " not shown)");
    }
    buf_puts(out, "  ");
    put_count(out, member_int(data, "errors"), "error", "errors");
    put_usage(out, json_object_get(data, "usage"));
    buf_puts(out, "\n\n  TIME    SELF      SPAN (* on the critical path)\n");
}

void trace_tree_put(struct buf *out, const json_t *data, bool colours)
{
    struct branches b = {.sibling = NULL};
    const json_t *spans = json_object_get(data, "spans");
    out->failed |= !find_siblings(&b, spans);
    put_head(out, data, colours);
    for (size_t i = 0; i < json_array_size(spans) && !buf_failed(out); i++)
        put_span(out, &b, spans, i, colours);
    free(b.sibling);
}
