/* telltale traces: a table of those that match, or one as a tree. */
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/trace_tree.h"

enum { TEXT_MAX = 64 << 20, NAME_MAX_SHOWN = 50 };

struct question {
    struct remote remote;
    const char *start, *end, *limit;
    const char *what; /* a filter, or an id */
    bool json, slowest;
};

static bool is_id(const char *text)
{
    size_t n = strspn(text, "0123456789abcdefABCDEF");
    return text[n] == '\0' && n >= 16 && n <= 32;
}

/* --- the table -------------------------------------------------------------------------------- */

static struct str member_text(const json_t *o, const char *name)
{
    return remote_text(json_object_get(o, name));
}

static int64_t member_int(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}

static void put_tokens(struct buf *out, const json_t *usage)
{
    double tokens = json_number_value(json_object_get(usage, "input_tokens")) +
                    json_number_value(json_object_get(usage, "output_tokens"));
    if (tokens > 0 && tokens < 1e18)
        terminal_count(out, (int64_t)tokens);
    else
        buf_putc(out, '-');
}

static void put_row(struct buf *out, const json_t *trace, bool colours)
{
    const json_t *root = json_object_get(trace, "root");
    int64_t errors = member_int(trace, "errors");
    size_t from = out->n;
    terminal_time(out, member_text(trace, "start"));
    terminal_pad(out, from, 25);
    terminal_duration(out, member_int(trace, "duration_ns"));
    terminal_pad(out, from, 34);
    terminal_count(out, member_int(trace, "span_count"));
    buf_puts(out, member_int(trace, "spans_left_out") ? "+" : "");
    terminal_pad(out, from, 41);
    terminal_colour(out, colours && errors, RED);
    terminal_count(out, errors);
    terminal_colour(out, colours && errors, PLAIN);
    terminal_pad(out, from, 48);
    put_tokens(out, json_object_get(trace, "usage"));
    terminal_pad(out, from, 59);
    terminal_text(out, member_text(trace, "trace_id"), 32);
    buf_puts(out, "  ");
    terminal_colour(out, colours, BLUE);
    terminal_text(out, member_text(root, "service"), NAME_MAX_SHOWN);
    terminal_colour(out, colours, PLAIN);
    buf_puts(out, "  ");
    terminal_text(out, member_text(root, "name"), NAME_MAX_SHOWN);
    buf_putc(out, '\n');
}

static void put_table(struct buf *out, const json_t *data, bool colours)
{
    const json_t *traces = json_object_get(data, "traces");
    if (json_array_size(traces) == 0) {
        buf_puts(out, "no traces\n");
        return;
    }
    terminal_colour(out, colours, BOLD);
    buf_puts(out, "START                    DURATION SPANS  ERRORS TOKENS     "
                  "TRACE                             SERVICE  ROOT\n");
    terminal_colour(out, colours, PLAIN);
    for (size_t i = 0; i < json_array_size(traces); i++)
        put_row(out, json_array_get(traces, i), colours);
}

/* --- asking ----------------------------------------------------------------------------------- */

static int show(const json_t *data, void (*put)(struct buf *out, const json_t *data, bool colours))
{
    struct buf text = BUF_MAX(TEXT_MAX);
    put(&text, data, terminal_has_colours());
    bool fits = !buf_failed(&text);
    if (fits)
        (void)fwrite(text.p, 1, text.n, stdout);
    else
        (void)fputs("telltale: the answer is too large to show; try --json\n", stderr);
    buf_done(&text);
    return fits ? CLI_OK : CLI_FAILED;
}

static int ask(const struct question *q)
{
    char start[32], end[32];
    char path[128] = "/api/v1/traces";
    bool one = q->what && is_id(q->what);
    struct buf form = BUF_MAX(1 << 20);
    json_t *data;
    if (one) {
        (void)snprintf(path, sizeof path, "/api/v1/traces/%s", q->what);
    } else {
        remote_param(&form, "where", q->what);
        remote_param(&form, "start", remote_time(q->start, start));
        remote_param(&form, "end", remote_time(q->end, end));
        remote_param(&form, "limit", q->limit);
        remote_param(&form, "order", q->slowest ? "slowest" : NULL);
    }
    int rc = remote_ask(&q->remote, path, &form, q->json, &data);
    buf_done(&form);
    if (data)
        rc = show(data, one ? trace_tree_put : put_table);
    json_decref(data);
    return rc;
}

static int run(int argc, char **argv)
{
    struct question q = {.remote = REMOTE_DEFAULT};
    const struct cli_option options[] = {
        REMOTE_OPTIONS(&q.remote),
        {.name = "--json", .flag = &q.json},
        {.name = "--start", .value = &q.start},
        {.name = "--end", .value = &q.end},
        {.name = "--limit", .value = &q.limit},
        {.name = "--slowest", .flag = &q.slowest},
    };
    size_t n;
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &q.what, 1, &n))
        return CLI_USAGE;
    return ask(&q);
}

const struct cli_command cli_traces = {
    .name = "traces",
    .summary = "find traces on a running server, or show one",
    .help =
        "Usage: telltale traces [OPTIONS] [FILTER]\n"
        "       telltale traces [OPTIONS] TRACE-ID\n"
        "\n"
        "Lists the newest traces with a span that matches the filter; or shows one trace as a\n"
        "tree with durations, errors and what model calls used.\n"
        "\n"
        "  --start T       spans that start at T or later: Unix seconds, RFC 3339, or a duration\n"
        "                  before now (1h)\n"
        "  --end T         … and at T at the latest\n"
        "  --limit N       how many (20)\n"
        "  --slowest       the slowest first, by the span that matches\n"
        "  --json          print the server's JSON answer\n" REMOTE_HELP "\n"
        "A filter compares fields with =, !=, =~, !~, <, <=, >, >= and : (contains), joined by\n"
        "and, or, not and parentheses. Fields: service, name, kind, status, duration, session,\n"
        "trace_id, span_id, scope, and any attribute by its name.\n"
        "\n"
        "Exit status: 0 the server answered, 1 it failed, 2 wrong usage.\n"
        "\n"
        "  telltale traces 'service = checkout and status = error and duration > 1s'\n"
        "  telltale traces --start 1h 'gen_ai.agent.name = planner'\n"
        "  telltale traces 0af7651916cd43dd8448eb211c80319c\n",
    .run = run,
};
