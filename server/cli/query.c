#include "cli/query.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/query_table.h"
#include "net/client.h"

enum { EXIT_ANSWERED, EXIT_REFUSED, EXIT_USAGE };

#define ANSWER_MAX_BYTES ((size_t)256 << 20)
#define TABLE_MAX_BYTES ((size_t)256 << 20)
#define TIMEOUT_MS INT64_C(150000) /* longer than a query may take */

struct query_args {
    const char *url, *time, *expr;
    bool json;
};

static int usage(const char *complaint, const char *word)
{
    fprintf(stderr, "telltale query: %s%s\n", complaint, word);
    fputs("usage: telltale query [--url URL] [--time TIME] [--json] EXPR\n", stderr);
    return EXIT_USAGE;
}

static int parse_args(int argc, char **argv, struct query_args *out)
{
    for (int i = 0; i < argc; i++) {
        bool last = i + 1 >= argc;
        if (strcmp(argv[i], "--json") == 0)
            out->json = true;
        else if (strcmp(argv[i], "--url") == 0 && !last)
            out->url = argv[++i];
        else if (strcmp(argv[i], "--time") == 0 && !last)
            out->time = argv[++i];
        else if (strncmp(argv[i], "--", 2) == 0 && argv[i][2])
            return usage("unknown option or missing value: ", argv[i]);
        else if (out->expr)
            return usage("one expression, in quotes; not also: ", argv[i]);
        else
            out->expr = argv[i];
    }
    return out->expr ? 0 : usage("an expression is missing", "");
}

static void put_encoded(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') ||
                     (*p >= 'A' && *p <= 'Z') || strchr("-._~", *p);
        if (plain) {
            buf_putc(out, (char)*p);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[*p >> 4]);
            buf_putc(out, hex[*p & 15]);
        }
    }
}

/* Sends the query as a form, so that its length is no matter. */
static int ask(const struct query_args *args, struct http_answer *out, struct err *err)
{
    struct buf url = BUF_MAX(64 * 1024), form = BUF_MAX(4 << 20);
    size_t n = strlen(args->url);
    while (n > 0 && args->url[n - 1] == '/')
        n--;
    buf_put(&url, args->url, n);
    buf_put(&url, "/api/v1/query", sizeof "/api/v1/query"); /* with its NUL */
    buf_puts(&form, "query=");
    put_encoded(&form, args->expr);
    if (args->time) {
        buf_puts(&form, "&time=");
        put_encoded(&form, args->time);
    }

    struct http_client *client = NULL;
    int rc = ERR_TOO_BIG;
    if (buf_failed(&url) || buf_failed(&form)) {
        (void)err_set(err, rc, "the expression or the URL is too long");
    } else {
        const struct http_client_options options = {0};
        rc = http_client_new(&options, &client, err);
    }
    if (rc == 0) {
        static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                              NULL};
        const struct http_call call = {
            .method = "POST",
            .url = url.p,
            .headers = headers,
            .body = buf_str(&form),
            .timeout_ms = TIMEOUT_MS,
            .max_body_bytes = ANSWER_MAX_BYTES,
        };
        rc = http_client_call(client, &call, out, err);
    }
    http_client_free(client);
    buf_done(&url);
    buf_done(&form);
    return rc;
}

static int print_answer(const struct query_args *args, const struct http_answer *answer)
{
    struct buf table = BUF_MAX(TABLE_MAX_BYTES);
    struct err err = {0};
    int rc = query_table(buf_str(&answer->body), &table, &err);
    if (rc == 0 && buf_failed(&table))
        rc = err_set(&err, ERR_TOO_BIG, "the answer is too large for a table; try --json");
    if (args->json)
        printf("%.*s\n", STR_ARG(buf_str(&answer->body)));
    else if (rc == 0)
        printf("%.*s", STR_ARG(buf_str(&table)));
    if (rc != 0)
        fprintf(stderr, "telltale query: %s (HTTP status %d)\n", err.message, answer->status);
    buf_done(&table);
    return rc == 0 ? EXIT_ANSWERED : EXIT_REFUSED;
}

int cli_query(int argc, char **argv)
{
    struct query_args args = {.url = "http://127.0.0.1:9090"};
    int status = parse_args(argc, argv, &args);
    if (status != 0)
        return status;
    struct http_answer answer = {0};
    struct err err = {0};
    if (ask(&args, &answer, &err) != 0) {
        fprintf(stderr, "telltale query: %s: %s\n", args.url, err.message);
        return EXIT_REFUSED;
    }
    status = print_answer(&args, &answer);
    buf_done(&answer.body);
    return status;
}
