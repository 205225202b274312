#include <stdio.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/query_table.h"
#include "cli/remote.h"

enum { ANSWER_MAX = 512 << 20 };

struct question {
    struct remote remote;
    const char *time, *start, *end, *step;
    const char *expr;
    bool json;
};

static void write_form(const struct question *q, struct buf *form)
{
    char start[32], end[32], time[32], now[32];
    (void)snprintf(now, sizeof now, "%.3f", (double)time_now_unix_ms() / 1000);
    remote_param(form, "query", q->expr);
    remote_param(form, "time", remote_time(q->time, time));
    remote_param(form, "start", remote_time(q->start, start));
    if (q->start)
        remote_param(form, "end", q->end ? remote_time(q->end, end) : now);
    if (q->start)
        remote_param(form, "step", q->step ? q->step : "1m");
}

static int ask(const struct question *q, struct http_answer *out, struct err *err)
{
    struct buf form = BUF_MAX(1 << 20);
    write_form(q, &form);
    int rc = remote_post(&q->remote, q->start ? "/api/v1/query_range" : "/api/v1/query", &form, out,
                         err);
    buf_done(&form);
    return rc;
}

static int show(const struct http_answer *answer)
{
    struct buf table = BUF_MAX(ANSWER_MAX);
    struct err err = {0};
    int rc = query_table(buf_str(&answer->body), &table, &err);
    if (rc == 0 && buf_failed(&table))
        rc = err_set(&err, ERR_TOO_BIG, "the answer is too large for a table; try --json");
    if (rc == 0)
        (void)fwrite(table.p, 1, table.n, stdout);
    else
        (void)fprintf(stderr, "telltale: %s (HTTP status %d)\n", err.message, answer->status);
    buf_done(&table);
    return rc == 0 ? CLI_OK : CLI_FAILED;
}

static int run(int argc, char **argv)
{
    struct question q = {.remote = REMOTE_DEFAULT};
    const struct cli_option options[] = {
        REMOTE_OPTIONS(&q.remote),
        {.name = "--json", .flag = &q.json},
        {.name = "--time", .value = &q.time},
        {.name = "--start", .value = &q.start},
        {.name = "--end", .value = &q.end},
        {.name = "--step", .value = &q.step},
    };
    size_t n;
    if (!cli_options(options, ARRAY_LEN(options), argc, argv, &q.expr, 1, &n))
        return CLI_USAGE;
    if (n == 0) {
        (void)fputs(cli_query.help, stderr);
        return CLI_USAGE;
    }
    struct http_answer answer;
    struct err err;
    if (ask(&q, &answer, &err) != 0) {
        (void)fprintf(stderr, "telltale: %s\n", err.message);
        return CLI_FAILED;
    }
    int rc;
    if (q.json) {
        (void)fwrite(answer.body.p, 1, answer.body.n, stdout);
        (void)putchar('\n');
        rc = answer.status == 200 ? CLI_OK : CLI_FAILED;
    } else {
        rc = show(&answer);
    }
    buf_done(&answer.body);
    return rc;
}

const struct cli_command cli_query = {
    .name = "query",
    .summary = "ask a running server in PromQL",
    .help = "Usage: telltale query [OPTIONS] EXPR\n"
            "\n"
            "Asks a server and prints the answer as a table.\n"
            "\n"
            "  --time T        evaluate at T: Unix seconds, RFC 3339, or a duration before now\n"
            "  --start T       ask for a range that begins at T …\n"
            "  --end T         … and ends at T (now)\n"
            "  --step D        one point every D (1m)\n"
            "  --json          print the server's JSON answer\n" REMOTE_HELP "\n"
            "Exit status: 0 the query succeeded, 1 it failed, 2 wrong usage.\n"
            "\n"
            "  telltale query 'sum by (job) (up)'\n"
            "  telltale query --start 1h --step 5m 'rate(telltale_http_requests_total[5m])'\n",
    .run = run,
};
