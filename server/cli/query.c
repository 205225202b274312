#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/query_table.h"
#include "net/client.h"

enum { ANSWER_MAX = 512 << 20 };

struct question {
    const char *url, *time, *start, *end, *step, *token, *user, *ca_file;
    const char *expr;
    bool json;
};

static void put_param(struct buf *form, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!value)
        return;
    if (form->n)
        buf_putc(form, '&');
    buf_puts(form, name);
    buf_putc(form, '=');
    for (const char *p = value; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-._~", c);
        if (plain) {
            buf_putc(form, (char)c);
        } else {
            const char escape[] = {'%', hex[c >> 4], hex[c & 15]};
            buf_put(form, escape, sizeof escape);
        }
    }
}

/* "1h" before now, or a time as the server takes it. */
static const char *time_text(const char *text, char room[32])
{
    int64_t ms;
    if (!text || duration_parse(str_c(text), &ms, NULL) != 0 || strcmp(text, "0") == 0)
        return text;
    (void)snprintf(room, 32, "%.3f", (double)(time_now_unix_ms() - ms) / 1000);
    return room;
}

static void write_form(const struct question *q, struct buf *form)
{
    char start[32], end[32], time[32], now[32];
    (void)snprintf(now, sizeof now, "%.3f", (double)time_now_unix_ms() / 1000);
    put_param(form, "query", q->expr);
    put_param(form, "time", time_text(q->time, time));
    put_param(form, "start", time_text(q->start, start));
    if (q->start)
        put_param(form, "end", q->end ? time_text(q->end, end) : now);
    if (q->start)
        put_param(form, "step", q->step ? q->step : "1m");
}

static int ask(const struct question *q, struct http_answer *out, struct err *err)
{
    char url[1024], user[256] = "";
    struct http_client_options options = {.bearer_token = q->token, .ca_file = q->ca_file};
    if (q->user) {
        struct str rest = str_c(q->user);
        struct str name = str_cut(&rest, ':');
        (void)snprintf(user, sizeof user, "%.*s", STR_ARG(name));
        options.basic_user = user;
        options.basic_password = rest.p ? rest.p : "";
    }
    size_t n = strlen(q->url);
    n -= n > 0 && q->url[n - 1] == '/';
    (void)snprintf(url, sizeof url, "%.*s/api/v1/query%s", (int)n, q->url,
                   q->start ? "_range" : "");
    struct http_client *client = NULL;
    int rc = http_client_new(&options, &client, err);
    if (rc != 0)
        return rc;
    struct buf form = BUF_MAX(1 << 20);
    write_form(q, &form);
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct http_call call = {.method = "POST",
                             .url = url,
                             .headers = headers,
                             .body = buf_str(&form),
                             .timeout_ms = 180000,
                             .max_body_bytes = ANSWER_MAX};
    rc = http_client_call(client, &call, out, err);
    if (rc != 0)
        err_prefix(err, rc, "%s", q->url);
    buf_done(&form);
    http_client_free(client);
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
    struct question q = {.url = "http://127.0.0.1:9090"};
    const struct cli_option options[] = {
        {.name = "--url", .value = &q.url},     {.name = "--json", .flag = &q.json},
        {.name = "--time", .value = &q.time},   {.name = "--start", .value = &q.start},
        {.name = "--end", .value = &q.end},     {.name = "--step", .value = &q.step},
        {.name = "--token", .value = &q.token}, {.name = "--user", .value = &q.user},
        {.name = "--ca", .value = &q.ca_file},
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
            "  --url URL       the server (http://127.0.0.1:9090)\n"
            "  --time T        evaluate at T: Unix seconds, RFC 3339, or a duration before now\n"
            "  --start T       ask for a range that begins at T …\n"
            "  --end T         … and ends at T (now)\n"
            "  --step D        one point every D (1m)\n"
            "  --json          print the server's JSON answer\n"
            "  --token TOKEN   a bearer token\n"
            "  --user NAME:PW  basic authentication\n"
            "  --ca FILE       trust certificates of this CA\n"
            "\n"
            "Exit status: 0 the query succeeded, 1 it failed, 2 wrong usage.\n"
            "\n"
            "  telltale query 'sum by (job) (up)'\n"
            "  telltale query --start 1h --step 5m 'rate(telltale_http_requests_total[5m])'\n",
    .run = run,
};
