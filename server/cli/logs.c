/* telltale logs: the newest records that match, oldest of them first as in a file; or as they come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/terminal.h"

enum { TEXT_MAX = 64 << 20, BODY_SHOWN = 4096, VALUE_SHOWN = 256, EVENT_MAX = 4 << 20 };

struct question {
    struct remote remote;
    const char *filter, *start, *end, *limit, *rate;
    bool json, follow;
};

/* --- one line --------------------------------------------------------------------------------- */

static void put_value(struct buf *out, const json_t *v, size_t max)
{
    if (json_is_string(v)) {
        terminal_text(out, remote_text(v), max);
        return;
    }
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    terminal_text(out, str_c(text ? text : "?"), max);
    free(text);
}

static enum colour colour_of(int64_t severity)
{
    return severity >= 17 ? RED : severity >= 13 ? YELLOW : severity >= 9 ? GREEN : DIM;
}

static void put_level(struct buf *out, const json_t *record, bool colours)
{
    const char *level = json_string_value(json_object_get(record, "level"));
    struct str text = remote_text(json_object_get(record, "severity_text"));
    size_t from = out->n;
    terminal_colour(out, colours,
                    colour_of(json_integer_value(json_object_get(record, "severity"))));
    bool has_level = level && strcmp(level, "none") != 0;
    terminal_text(out, has_level ? str_c(level) : text.p ? text : STR("-"), 8);
    terminal_colour(out, colours, PLAIN);
    terminal_pad(out, from, 6);
}

static void put_attributes(struct buf *out, json_t *attributes, bool colours)
{
    const char *key;
    json_t *value;
    terminal_colour(out, colours, DIM);
    json_object_foreach(attributes, key, value)
    {
        buf_puts(out, "  ");
        terminal_text(out, str_c(key), VALUE_SHOWN);
        buf_putc(out, '=');
        put_value(out, value, VALUE_SHOWN);
    }
    terminal_colour(out, colours, PLAIN);
}

static void put_record(struct buf *out, const json_t *record, bool colours)
{
    const json_t *body = json_object_get(record, "body");
    const char *trace = json_string_value(json_object_get(record, "trace_id"));
    terminal_time(out, str_c(json_string_value(json_object_get(record, "time"))));
    buf_putc(out, ' ');
    put_level(out, record, colours);
    terminal_colour(out, colours, BLUE);
    terminal_text(out, remote_text(json_object_get(record, "service")), VALUE_SHOWN);
    terminal_colour(out, colours, PLAIN);
    buf_puts(out, "  ");
    if (body)
        put_value(out, body, BODY_SHOWN);
    put_attributes(out, json_object_get(record, "attributes"), colours);
    if (trace) {
        buf_puts(out, "  trace=");
        terminal_text(out, str_c(trace), 32);
    }
    buf_putc(out, '\n');
}

static int print(struct buf *text)
{
    bool fits = !buf_failed(text);
    if (fits)
        (void)fwrite(text->p, 1, text->n, stdout);
    else
        (void)fputs("telltale: the answer is too large to show; try --json\n", stderr);
    buf_done(text);
    return fits ? CLI_OK : CLI_FAILED;
}

/* --- a page ----------------------------------------------------------------------------------- */

static void write_form(const struct question *q, struct buf *form)
{
    char start[32], end[32];
    remote_param(form, "where", q->filter);
    if (q->follow) {
        remote_param(form, "lines", q->limit ? q->limit : "10");
        remote_param(form, "rate", q->rate);
        return;
    }
    remote_param(form, "start", remote_time(q->start, start));
    remote_param(form, "end", remote_time(q->end, end));
    remote_param(form, "limit", q->limit);
}

static int show_page(const json_t *data)
{
    const json_t *logs = json_object_get(data, "logs");
    struct buf text = BUF_MAX(TEXT_MAX);
    bool colours = terminal_has_colours();
    if (json_array_size(logs) == 0)
        buf_puts(&text, "no log records\n");
    for (size_t i = json_array_size(logs); i-- > 0;)
        put_record(&text, json_array_get(logs, i), colours);
    return print(&text);
}

static int ask(const struct question *q, const struct buf *form)
{
    json_t *data;
    int rc = remote_ask(&q->remote, "/api/v1/logs", form, q->json, &data);
    if (data)
        rc = show_page(data);
    json_decref(data);
    return rc;
}

/* --- following -------------------------------------------------------------------------------- */

struct following {
    struct buf pending; /* the event that is not whole yet */
    bool json, colours;
};

static void show_event(const struct following *f, struct str data)
{
    struct buf text = BUF_MAX(TEXT_MAX);
    json_t *record = f->json ? NULL : remote_json(data);
    if (f->json) {
        buf_put_str(&text, data);
        buf_putc(&text, '\n');
    } else if (json_object_get(record, "id")) {
        put_record(&text, record, f->colours);
    } else {
        const char *reason = json_string_value(json_object_get(record, "reason"));
        buf_printf(&text, "… some records are left out: %s\n",
                   reason ? reason : "one cannot be read");
    }
    json_decref(record);
    (void)print(&text); // one that is too large is left out, with a word
    (void)fflush(stdout);
}

/* Events end with an empty line; of one only the line "data: …" is of interest. */
static void take_line(struct following *f, struct str line)
{
    struct str head = STR("data: ");
    if (str_starts(line, head))
        show_event(f, str_sub(line, head.n, SIZE_MAX));
}

static bool take(void *self, struct str bytes)
{
    struct following *f = self;
    while (bytes.n) {
        size_t end = str_index(bytes, '\n');
        buf_put_str(&f->pending, str_sub(bytes, 0, end));
        if (end == bytes.n)
            break;
        if (!buf_failed(&f->pending))
            take_line(f, buf_str(&f->pending));
        buf_reset(&f->pending);
        bytes = str_sub(bytes, end + 1, SIZE_MAX);
    }
    return !ferror(stdout);
}

static int follow(const struct question *q, const struct buf *form)
{
    struct following f = {.json = q->json, .colours = terminal_has_colours()};
    struct http_answer answer = {0};
    struct err err = {0};
    json_t *data = NULL;
    buf_init(&f.pending, EVENT_MAX);
    int rc = remote_stream(&q->remote, "/api/v1/logs/tail", form, take, &f, &answer, &err);
    if (rc == 0 && answer.status != 200)
        rc = remote_data(&answer, &data, &err);
    else if (rc == 0)
        rc = err_set(&err, ERR_IO, "%s: the server ended the stream", q->remote.url);
    (void)fprintf(stderr, "telltale: %s\n", err.message);
    json_decref(data);
    buf_done(&answer.body);
    buf_done(&f.pending);
    return rc == 0 ? CLI_OK : CLI_FAILED;
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
        {.name = "--follow", .flag = &q.follow},
        {.name = "-f", .flag = &q.follow},
        {.name = "--rate", .value = &q.rate},
    };
    size_t n;
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &q.filter, 1, &n))
        return CLI_USAGE;
    if (q.follow && (q.start || q.end)) {
        (void)fputs("telltale: --follow shows what comes; leave out --start and --end\n", stderr);
        return CLI_USAGE;
    }
    struct buf form = BUF_MAX(1 << 20);
    write_form(&q, &form);
    int rc = q.follow ? follow(&q, &form) : ask(&q, &form);
    buf_done(&form);
    return rc;
}

const struct cli_command cli_logs = {
    .name = "logs",
    .summary = "search the log records of a running server, or follow them",
    .help =
        "Usage: telltale logs [OPTIONS] [FILTER]\n"
        "\n"
        "Shows the newest log records that match, the last one last.\n"
        "\n"
        "  --start T       from T on: Unix seconds, RFC 3339, or a duration before now (1h)\n"
        "  --end T         … until T\n"
        "  --limit N       how many (100; with --follow how many of those before, 10)\n"
        "  -f, --follow    go on with what arrives, until interrupted\n"
        "  --rate N        with --follow: records a second at most (100)\n"
        "  --json          print the server's JSON answer; with --follow one record a line\n" REMOTE_HELP
        "\n"
        "A filter has words and \"phrases\" that the body must have, and comparisons of fields\n"
        "with =, !=, =~, !~, <, <=, >, >= and : (contains), joined by and, or, not and\n"
        "parentheses. Fields: severity, body, service, session, trace_id, span_id, scope,\n"
        "event_name, and any attribute by its name.\n"
        "\n"
        "Exit status: 0 the server answered, 1 it failed, 2 wrong usage.\n"
        "\n"
        "  telltale logs 'service = checkout severity >= warn'\n"
        "  telltale logs --start 1h '\"connection refused\" and not retry = true'\n"
        "  telltale logs --follow 'body =~ \"timeout after [0-9]+s\"'\n",
    .run = run,
};
