/* telltale store import: a file of samples, piece by piece, into a directory or a server. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "cli/cli.h"
#include "cli/remote.h"
#include "cli/store_target.h"
#include "receive/import.h"

enum {
    PIECE = 4 << 20,      /* text that is imported at a time */
    PIECE_MAX = 64 << 20, /* … when a line is longer */
    FLUSH_TRIES = 16
};

struct import {
    struct store_target target;
    const char *path, *format_name;
    enum import_format format;
    struct import_totals totals;
    uint64_t line; /* of the first one that is not imported yet */
    bool ended;    /* "# EOF" was read */
};

/* --- where it goes ---------------------------------------------------------------------------- */

static struct str without_lines(struct str text, uint64_t n)
{
    for (; n > 0; n--)
        (void)str_cut(&text, '\n');
    return text;
}

/* What a refused piece stored of samples comes again, which changes nothing. */
static int to_data(struct import *m, struct str lines, struct err *err)
{
    const struct sink sink = store_sink(m->target.store);
    int rc = ERR_BUSY;
    for (int i = 0; rc == ERR_BUSY && i < FLUSH_TRIES; i++) {
        struct import_totals totals = m->totals;
        rc = i ? store_flush(m->target.store, err) : 0;
        if (rc == 0)
            rc = import_piece(&sink, m->format, lines, m->line, &totals, err);
        if (rc != 0 && totals.lines == 0)
            continue;
        m->totals = totals;
        m->line += totals.lines;
        lines = without_lines(lines, totals.lines);
        i = 0;
    }
    return rc;
}

/* Returns how many lines are stored. */
static uint64_t add_answer(struct import *m, const struct http_answer *answer)
{
    json_t *root = remote_json(buf_str(&answer->body));
    const json_t *data = json_object_get(root, "data");
    const char *message = json_string_value(json_object_get(data, "message"));
    uint64_t lines = (uint64_t)json_integer_value(json_object_get(data, "lines"));
    m->totals.samples += (uint64_t)json_integer_value(json_object_get(data, "samples"));
    m->totals.rejected += (uint64_t)json_integer_value(json_object_get(data, "rejected"));
    if (m->totals.message[0] == '\0' && message)
        (void)snprintf(m->totals.message, sizeof m->totals.message, "%s", message);
    json_decref(root);
    return lines;
}

static int post(struct import *m, struct str lines, uint64_t *out_lines, struct err *err)
{
    static const char *const headers[] = {"Content-Type: text/plain; charset=utf-8", NULL};
    char path[96];
    struct http_answer answer = {0};
    (void)snprintf(path, sizeof path, "/api/v1/import?format=%s&line=%" PRIu64, m->format_name,
                   m->line);
    int rc = store_target_call(&m->target, "POST", path, headers, lines, &answer, err);
    if (rc != 0)
        return rc;
    *out_lines = add_answer(m, &answer);
    buf_done(&answer.body);
    return 0;
}

/* A busy server may take some of the lines. */
static int to_url(struct import *m, struct str lines, struct err *err)
{
    int rc = 0;
    while (rc == 0 && lines.n) {
        uint64_t stored = 0;
        rc = post(m, lines, &stored, err);
        if (rc == 0 && stored == 0)
            rc = err_set(err, ERR_INVALID, "%s: an answer that stores nothing", m->target.url);
        m->line += stored;
        lines = without_lines(lines, stored);
    }
    return rc;
}

/* --- pieces ----------------------------------------------------------------------------------- */

static bool ends_with_mark(struct str lines)
{
    while (lines.n && lines.p[lines.n - 1] == '\n')
        lines.n--;
    return str_eq(lines, STR("# EOF")) || str_ends(lines, STR("\n# EOF"));
}

static int take_piece(struct import *m, struct str lines, struct err *err)
{
    if (lines.n == 0)
        return 0;
    if (m->ended)
        return err_set(err, ERR_INVALID, "line %" PRIu64 ": text behind # EOF", m->line);
    m->ended = m->format == IMPORT_OPENMETRICS && ends_with_mark(lines);
    return m->target.store ? to_data(m, lines, err) : to_url(m, lines, err);
}

static size_t last_line(struct str text)
{
    size_t at = text.n ? text.n - 1 : 0;
    while (at > 0 && text.p[at - 1] != '\n')
        at--;
    return at;
}

/* The end of the last whole line. TYPE, HELP and UNIT of a family stay together: comments at the
 * end wait for what follows. */
static size_t cut(const struct import *m, struct str text)
{
    size_t end = text.n;
    while (end > 0 && text.p[end - 1] != '\n')
        end--;
    size_t whole = end;
    while (m->format != IMPORT_OTLP_JSON && end > 0) {
        size_t at = last_line(str_sub(text, 0, end));
        if (text.p[at] != '#')
            return end;
        end = at;
    }
    return end ? end : whole;
}

static int read_some(FILE *in, struct buf *piece, struct err *err, bool *out_end)
{
    char *room = buf_reserve(piece, PIECE);
    if (!room)
        return err_set(err, ERR_TOO_BIG, "a line is over %d MiB", PIECE_MAX >> 20);
    size_t n = fread(room, 1, PIECE, in);
    buf_advance(piece, n);
    *out_end = n < PIECE;
    return ferror(in) ? err_errno(err, "read") : 0;
}

static int import_stream(struct import *m, FILE *in, struct err *err)
{
    struct buf piece = BUF_MAX(PIECE_MAX);
    bool end = false;
    int rc = 0;
    while (rc == 0 && !end) {
        rc = read_some(in, &piece, err, &end);
        if (rc != 0)
            break;
        size_t n = end ? piece.n : cut(m, buf_str(&piece));
        rc = take_piece(m, str_sub(buf_str(&piece), 0, n), err);
        memmove(piece.p, piece.p + n, piece.n - n);
        piece.n -= n;
    }
    buf_done(&piece);
    if (rc == 0 && m->format == IMPORT_OPENMETRICS && !m->ended)
        rc = err_set(err, ERR_INVALID,
                     "line %" PRIu64 ": the file ends without # EOF; all of it is imported, but "
                     "was it cut off?",
                     m->line);
    return rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static int import_file(struct import *m, struct err *err)
{
    bool standard = strcmp(m->path, "-") == 0;
    FILE *in = standard ? stdin : fopen(m->path, "rb");
    if (!in)
        return err_errno(err, "%s", m->path);
    int rc = import_stream(m, in, err);
    if (!standard)
        (void)fclose(in); // it was only read
    return rc == 0 ? 0 : err_prefix(err, rc, "%s", standard ? "<stdin>" : m->path);
}

static void tell(const struct import *m)
{
    (void)fprintf(stderr, "%" PRIu64 " %s imported", m->totals.samples,
                  m->format == IMPORT_OTLP_JSON ? "rows" : "samples");
    if (m->totals.rejected)
        (void)fprintf(stderr, ", %" PRIu64 " rejected; first: %s", m->totals.rejected,
                      m->totals.message);
    (void)fputc('\n', stderr);
}

static int import(struct import *m)
{
    struct err err = {0}, closing = {0};
    int rc = store_target_open(&m->target, &err);
    bool usage = rc == ERR_INVALID;
    if (rc == 0) {
        rc = import_file(m, &err);
        tell(m);
    }
    if (store_target_close(&m->target, &closing) != 0 && rc == 0)
        rc = err_set(&err, closing.code, "%s", closing.message);
    if (rc != 0)
        (void)fprintf(stderr, "telltale: %s\n", err.message);
    return rc == 0 && m->totals.rejected == 0 ? CLI_OK : usage ? CLI_USAGE : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    struct import m = {.line = 1, .format_name = "openmetrics"};
    struct cli_option options[STORE_TARGET_OPTIONS + 1];
    size_t n;
    store_target_options(&m.target, options);
    options[STORE_TARGET_OPTIONS] =
        (struct cli_option){.name = "--format", .value = &m.format_name};
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &m.path, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_store_import.help, stderr);
        return CLI_USAGE;
    }
    if (!import_format_parse(str_c(m.format_name), &m.format)) {
        (void)fprintf(stderr,
                      "telltale: --format is openmetrics, prometheus or otlp-json, not \"%s\"\n",
                      m.format_name);
        return CLI_USAGE;
    }
    return import(&m);
}

const struct cli_command cli_store_import = {
    .name = "store import",
    .summary = "read a file into a store",
    .help =
        "Usage: telltale store import --data DIR | --url URL [OPTIONS] FILE|-\n"
        "\n"
        "Reads a file of any length, or standard input, into a data directory that no\n"
        "server has open, or into a running server. Importing samples twice changes nothing;\n"
        "spans and log records are then there twice, for nothing identifies them.\n"
        "\n"
        "  --data DIR         the data directory; made when there is none\n"
        "  --url URL          the server\n"
        "  --format FORMAT    openmetrics (default): OpenMetrics text in which every sample\n"
        "                     has its timestamp, ending with \"# EOF\"; prometheus: text 0.0.4,\n"
        "                     timestamps in ms; or otlp-json: one OTLP/JSON request of metrics\n"
        "                     (not of delta temporality), traces or logs a line\n"
        "  --token TOKEN, --user NAME:PW, --ca FILE   as for \"telltale query\"\n"
        "\n"
        "A wrong line is named, and what came before it is imported. A server leaves out\n"
        "what is older than its retention; a directory takes all, and the server\n"
        "that is started on it applies its retention.\n"
        "\n"
        "Exit status: 0 all is imported, 1 not all, 2 wrong usage.\n"
        "\n"
        "  telltale store import --data /var/lib/telltale dump.txt\n",
    .run = run,
};
