#include "net/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/thread.h"
#include "net/address.h"
#include "net/client.h"
#include "support/check.h"

/* Lets a handler wait until the test says go. */
static struct lock gate_lock = LOCK_INIT(LOCK_LEAF);
static struct cond gate_cond;
static bool gate_open;
static atomic_int waiting;

static void set_gate(bool open)
{
    lock_take(&gate_lock);
    gate_open = open;
    cond_broadcast(&gate_cond);
    lock_give(&gate_lock);
}

static void handle_echo(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    r->status = 200;
    buf_printf(&r->body, "path=%.*s rest=%.*s body=%.*s", STR_ARG(q->path), STR_ARG(q->rest),
               STR_ARG(q->body));
    for (size_t i = 0; i < q->n_params; i++)
        buf_printf(&r->body, " %.*s:%.*s", STR_ARG(q->params[i].name), STR_ARG(q->params[i].value));
}

static void handle_big(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    for (int i = 0; i < 5000; i++)
        buf_puts(&r->body, "0123456789");
}

static void handle_wait(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    lock_take(&gate_lock);
    atomic_add_relaxed(&waiting, 1);
    while (!gate_open)
        cond_wait(&gate_cond, &gate_lock);
    lock_give(&gate_lock);
    buf_puts(&r->body, http_client_gone(q) ? "gone" : "here");
}

static void handle_until_gone(void *self, const struct http_request *q, struct http_response *r)
{
    (void)r;
    atomic_add_relaxed(&waiting, 1);
    while (!http_client_gone(q))
        (void)usleep(1000);
    atomic_set_relaxed((atomic_int *)self, 1);
}

/* Gives up on an event thread when told to. */
static void handle_alike(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    buf_puts(&r->body, http_is_quick(q) ? "quick" : "worker");
    if (http_is_quick(q) && http_param(q, "later").p)
        http_run_later(q);
}

static uint64_t alike(const struct http_request *q)
{
    return http_param(q, "unknown").p ? 0 : 1;
}

static atomic_int gone_seen;

static const struct http_route routes[] = {
    {HTTP_GET | HTTP_POST, "/echo", AUTH_READ, HTTP_QUERY, handle_echo, NULL, NULL, NULL},
    {HTTP_GET | HTTP_POST, "/admin", AUTH_ADMIN, HTTP_QUERY, handle_echo, NULL, NULL, NULL},
    {HTTP_GET, "/inline", AUTH_NONE, HTTP_INLINE, handle_echo, NULL, NULL, NULL},
    {HTTP_GET, "/prefix/*", AUTH_READ, HTTP_QUERY, handle_echo, NULL, NULL, http_refuse_json},
    {HTTP_POST, "/ingest", AUTH_INGEST, HTTP_INGEST, handle_wait, NULL, NULL, NULL},
    {HTTP_GET, "/big", AUTH_READ, HTTP_QUERY, handle_big, NULL, NULL, NULL},
    {HTTP_GET | HTTP_POST, "/alike", AUTH_READ, HTTP_QUERY, handle_alike, NULL, NULL, NULL, alike},
    {HTTP_GET, "/wait", AUTH_READ, HTTP_QUERY, handle_wait, NULL, NULL, NULL},
    {HTTP_GET, "/brief", AUTH_READ, HTTP_BRIEF, handle_echo, NULL, NULL, NULL},
    {HTTP_GET, "/until-gone", AUTH_READ, HTTP_QUERY, handle_until_gone, &gone_seen, NULL, NULL},
};

static struct http_server *start(struct auth *auth, const char *cors, struct http_limits limits)
{
    struct http_options options = {.address = "127.0.0.1:0",
                                   .name = "test",
                                   .auth = auth,
                                   .cors_origin = cors,
                                   .limits = limits,
                                   .routes = routes,
                                   .n_routes = ARRAY_LEN(routes)};
    struct http_server *s = NULL;
    struct err err;
    if (http_server_start(&options, &s, &err) != 0)
        fail_msg("%s", err.message);
    return s;
}

static int connect_to(const struct http_server *s)
{
    struct address a;
    assert_int_equal(address_parse(http_server_address(s), &a, NULL), 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 10};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a.sa, a.len), 0);
    return fd;
}

/* Sends the text and returns all that comes back until the server closes. */
static const char *raw(const struct http_server *s, const char *text)
{
    static char answer[1 << 17];
    size_t n = 0;
    int fd = connect_to(s);
    assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
    for (ssize_t got; (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0;)
        n += (size_t)got;
    answer[n] = '\0';
    close(fd);
    return answer;
}

static void check_starts(const char *answer, const char *start)
{
    if (strncmp(answer, start, strlen(start)) != 0)
        fail_msg("expected %s…, got %s", start, answer);
}

static void check_has(const char *answer, const char *part)
{
    if (!strstr(answer, part))
        fail_msg("expected …%s…, got %s", part, answer ? answer : "nothing");
}

#define CLOSE "Host: x\r\nConnection: close\r\n"

static void test_requests_reach_their_handler_decoded(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    check_has(raw(s, "GET /echo?a=1%202&b=x+y&&c HTTP/1.1\r\n" CLOSE "\r\n"),
              "path=/echo rest= body= a:1 2 b:x y c:");
    check_has(raw(s, "GET http://x:90/echo?a=1 HTTP/1.1\r\n" CLOSE "\r\n"),
              "path=/echo rest= body= a:1");
    check_starts(raw(s, "GET http://x HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 404");
    check_has(raw(s, "GET /prefix/a%2Fb HTTP/1.1\r\n" CLOSE "\r\n"), "path=/prefix/a/b rest=a/b");
    check_has(raw(s, "GET /inline HTTP/1.1\r\n" CLOSE "\r\n"), "path=/inline");
    check_has(raw(s, "POST /echo?u=1 HTTP/1.1\r\n" CLOSE
                     "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
                     "Content-Length: 7\r\n\r\nq=%2B1+"),
              "body=q=%2B1+ q:+1  u:1");
    check_has(raw(s, "GET /echo?u=1 HTTP/1.1\r\n" CLOSE
                     "Content-Type: application/x-www-form-urlencoded\r\n"
                     "Content-Length: 3\r\n\r\nu=2"),
              "body=u=2 u:1");
    check_has(raw(s, "POST /echo HTTP/1.1\r\n" CLOSE
                     "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              "body=abcde");
    const char *head = raw(s, "HEAD /echo HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(head, "HTTP/1.1 200");
    assert_null(strstr(head, "path="));
    http_server_stop(s, 1000);
}

/* Asks until the answer says so: on a busy machine the handler may not have been quick at first. */
static void ask_until(const struct http_server *s, const char *text, const char *answer)
{
    while (!strstr(raw(s, text), answer)) {
    }
}

static void test_requests_like_quick_ones_are_run_at_once(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    static const char get[] = "GET /alike HTTP/1.1\r\n" CLOSE "\r\n";
    static const char post[] =
        "POST /alike HTTP/1.1\r\n" CLOSE "Content-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 3\r\n\r\na=b";
    check_has(raw(s, get), "worker");
    ask_until(s, get, "quick");
    ask_until(s, post, "quick");
    check_has(raw(s, "GET /alike?unknown HTTP/1.1\r\n" CLOSE "\r\n"), "worker");
    check_starts(raw(s, "POST /alike HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\n"
                        "Content-Type: application/x-www-form-urlencoded\r\n\r\n%"),
                 "HTTP/1.1 400");
    http_server_stop(s, 1000);
}

static void test_what_turns_out_to_be_slow_goes_to_a_worker(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    static const char get[] = "GET /alike HTTP/1.1\r\n" CLOSE "\r\n";
    ask_until(s, get, "quick");
    const char *later = raw(s, "GET /alike?later HTTP/1.1\r\n" CLOSE "\r\n");
    check_has(later, "worker");
    assert_null(strstr(later, "quick"));
    check_has(raw(s, get), "worker"); // and it is remembered
    http_server_stop(s, 1000);
}

static void test_what_cannot_be_served_is_refused_with_its_reason(void **state)
{
    (void)state;
    struct http_limits limits = {.max_body_bytes = 10, .max_params = 2, .max_url_bytes = 100};
    struct http_server *s = start(NULL, NULL, limits);
    const char *missing = raw(s, "GET /nothing HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(missing, "HTTP/1.1 404");
    check_has(missing, "404 page not found");
    const char *method = raw(s, "DELETE /echo HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(method, "HTTP/1.1 405");
    check_has(method, "Allow: GET, HEAD, POST\r\n");
    const char *big =
        raw(s, "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 11\r\n\r\n0123456789a");
    check_starts(big, "HTTP/1.1 413");
    check_has(big, "limits.max_body_bytes");
    check_has(big, "limit of 10 bytes");
    /* Who asks first, or could never be waited for, gets the answer before sending the body. */
    check_starts(raw(s, "POST /echo HTTP/1.1\r\n" CLOSE
                        "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n"),
                 "HTTP/1.1 413");
    check_starts(raw(s, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\n\r\n"),
                 "HTTP/1.1 413");
    check_starts(raw(s, "POST /echo HTTP/1.1\r\n" CLOSE
                        "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"),
                 "HTTP/1.1 413");
    check_starts(raw(s, "GET /echo?a&b&c HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 414");
    check_starts(raw(s, "GET /echo?%zz HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 400");
    char url[400] = "GET /";
    memset(url + 5, 'a', 200);
    (void)snprintf(url + 205, sizeof url - 205, " HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(raw(s, url), "HTTP/1.1 414");
    check_starts(raw(s, "POST /echo HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\n"
                        "Content-Type: application/x-www-form-urlencoded\r\n\r\n%"),
                 "HTTP/1.1 400");
    http_server_stop(s, 1000);
}

static void test_big_answers_are_compressed_when_accepted(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    const char *plain = raw(s, "GET /big HTTP/1.1\r\n" CLOSE "\r\n");
    check_has(plain, "Content-Length: 50000\r\n");
    const char *refused = raw(s, "GET /big HTTP/1.1\r\n" CLOSE "Accept-Encoding: gzip;q=0\r\n\r\n");
    check_has(refused, "Content-Length: 50000\r\n");
    check_has(raw(s, "GET /big HTTP/1.1\r\n" CLOSE "Accept-Encoding: br, gzip\r\n\r\n"),
              "Content-Encoding: gzip\r\n");

    struct http_client *c = NULL;
    char url[100];
    struct http_answer answer;
    struct err err;
    (void)snprintf(url, sizeof url, "http://%s/big", http_server_address(s));
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &c, NULL), 0);
    struct http_call call = {
        .method = "GET", .url = url, .timeout_ms = 10000, .max_body_bytes = 1 << 20};
    assert_int_equal(http_client_call(c, &call, &answer, &err), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.n, 50000);
    buf_done(&answer.body);
    call.max_body_bytes = 100;
    assert_int_equal(http_client_call(c, &call, &answer, &err), ERR_TOO_BIG);
    call.url = "ftp://127.0.0.1/";
    assert_int_equal(http_client_call(c, &call, &answer, &err), ERR_INVALID);
    http_client_free(c);
    http_server_stop(s, 1000);
}

static void test_an_answer_over_the_limit_is_an_error_not_a_cut(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){.max_response_bytes = 1000});
    const char *answer = raw(s, "GET /big HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(answer, "HTTP/1.1 500");
    check_has(answer, "limits.max_response_bytes");
    http_server_stop(s, 1000);
}

static void test_rights_are_checked_before_the_handler(void **state)
{
    (void)state;
    /* sha256("secret"), and bcrypt of "pass" made with cost 4 */
    const struct auth_user users[] = {
        {NULL, NULL, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", AUTH_READ},
        {"ann", "$2b$04$abcdefghijklmnopqrstuufznL8bkzdtHwLhca4To/v9Lo9bA7fR6", NULL, AUTH_ADMIN},
    };
    struct auth *auth = NULL;
    assert_int_equal(auth_new(users, ARRAY_LEN(users), &auth, NULL), 0);
    struct http_server *s = start(auth, NULL, (struct http_limits){0});
    const char *none = raw(s, "GET /prefix/x HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(none, "HTTP/1.1 401");
    check_has(none, "WWW-Authenticate: Basic");
    check_has(none, "\"errorType\":\"unauthorized\"");
    check_starts(raw(s, "GET /inline HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200");
    check_starts(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "Authorization: Bearer secret\r\n\r\n"),
                 "HTTP/1.1 200");
    check_starts(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "Authorization: Bearer Secret\r\n\r\n"),
                 "HTTP/1.1 401");
    check_starts(raw(s, "POST /ingest HTTP/1.1\r\n" CLOSE
                        "Content-Length: 0\r\nAuthorization: Bearer secret\r\n\r\n"),
                 "HTTP/1.1 403");
    check_starts(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "Authorization: Basic YW5uOndyb25n\r\n\r\n"),
                 "HTTP/1.1 401");
    check_starts(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "Authorization: Basic ???\r\n\r\n"),
                 "HTTP/1.1 401");
    http_server_stop(s, 1000);
    auth_free(auth);
}

static void test_cors_is_off_unless_configured(void **state)
{
    (void)state;
    static const char ask[] = "GET /echo HTTP/1.1\r\n" CLOSE "Origin: https://a.example\r\n\r\n";
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    assert_null(strstr(raw(s, ask), "Access-Control"));
    http_server_stop(s, 1000);
    s = start(NULL, "https://a\\.example", (struct http_limits){0});
    check_has(raw(s, ask), "Access-Control-Allow-Origin: https://a.example\r\n");
    check_starts(raw(s, "OPTIONS /echo HTTP/1.1\r\n" CLOSE "Origin: https://a.example\r\n\r\n"),
                 "HTTP/1.1 204");
    assert_null(strstr(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "Origin: https://b.example\r\n\r\n"),
                       "Access-Control"));
    http_server_stop(s, 1000);
}

/* A cache must not give what one origin got to another, nor to one that is allowed what none got.
 */
static void test_answers_that_hang_on_the_origin_say_so(void **state)
{
    (void)state;
    static const char *const origins[] = {"Origin: https://a.example\r\n",
                                          "Origin: https://b.example\r\n", ""};
    static const struct {
        const char *cors;
        bool varies;
    } servers[] = {{"https://a\\.example", true}, {"*", false}, {NULL, false}};
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        struct http_server *s = start(NULL, servers[i].cors, (struct http_limits){0});
        for (size_t k = 0; k < ARRAY_LEN(origins); k++) {
            char ask[256];
            (void)snprintf(ask, sizeof ask, "GET /echo HTTP/1.1\r\n" CLOSE "%s\r\n", origins[k]);
            bool varies = strstr(raw(s, ask), "Vary: Origin\r\n");
            if (varies != servers[i].varies)
                fail_msg("%s: with %s", servers[i].cors ? servers[i].cors : "off", origins[k]);
        }
        http_server_stop(s, 1000);
    }
}

static const char *administer(const struct http_server *s, const char *method, const char *headers)
{
    static char request[512];
    (void)snprintf(request, sizeof request, "%s /admin HTTP/1.1\r\n" CLOSE "%s\r\n", method,
                   headers);
    return raw(s, request);
}

static void test_pages_of_other_sites_administer_nothing_unless_allowed(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    const char *refused = administer(s, "POST", "Origin: https://b.example\r\n");
    check_starts(refused, "HTTP/1.1 403");
    check_has(refused, "Origin: a page of another site");
    check_starts(administer(s, "POST", "Origin: null\r\n"), "HTTP/1.1 403");
    check_starts(administer(s, "POST", "Origin: http://x.b.example\r\n"), "HTTP/1.1 403");
    check_starts(administer(s, "POST", ""), "HTTP/1.1 200");                     // no browser
    check_starts(administer(s, "POST", "Origin: http://X\r\n"), "HTTP/1.1 200"); // Host: x
    check_starts(administer(s, "GET", "Origin: https://b.example\r\n"), "HTTP/1.1 200");
    check_starts(
        administer(s, "POST", "Origin: https://b.example\r\nSec-Fetch-Site: same-origin\r\n"),
        "HTTP/1.1 200");
    http_server_stop(s, 1000);
    s = start(NULL, "https://a\\.example", (struct http_limits){0});
    check_starts(administer(s, "POST", "Origin: https://a.example\r\n"), "HTTP/1.1 200");
    check_starts(administer(s, "POST", "Origin: https://b.example\r\n"), "HTTP/1.1 403");
    http_server_stop(s, 1000);
}

struct call {
    const struct http_server *server;
    atomic_int status;
};

static void post_ingest(void *arg)
{
    struct call *call = arg;
    char answer[512];
    int fd = connect_to(call->server);
    static const char text[] = "POST /ingest HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n";
    ssize_t n = send(fd, text, sizeof text - 1, MSG_NOSIGNAL);
    n = n > 0 ? recv(fd, answer, sizeof answer - 1, 0) : 0;
    answer[n > 0 ? n : 0] = '\0';
    atomic_set_relaxed(&call->status, n > 12 ? (int)strtol(answer + 9, NULL, 10) : 0);
    close(fd);
}

static void test_a_full_queue_pushes_back_and_loses_nobody(void **state)
{
    (void)state;
    enum { CALLS = 12 };
    set_gate(false);
    struct http_server *s =
        start(NULL, NULL, (struct http_limits){.ingest_workers = 1, .ingest_queue = 2});
    struct call calls[CALLS];
    struct thread threads[CALLS];
    atomic_set_relaxed(&waiting, 0);
    for (int i = 0; i < CALLS; i++) {
        calls[i].server = s;
        atomic_init(&calls[i].status, 0);
        assert_int_equal(thread_start(&threads[i], "client", post_ingest, &calls[i], NULL), 0);
        while (i == 0 && atomic_get_relaxed(&waiting) == 0)
            (void)usleep(1000); // the first is out of the queue before the others come
    }
    /* One runs, two wait, nine are refused: when those have their answer the gate may open. */
    int refused = 0;
    while (refused < CALLS - 3) {
        (void)usleep(1000);
        refused = 0;
        for (int i = 0; i < CALLS; i++)
            refused += atomic_get_relaxed(&calls[i].status) == 503;
    }
    set_gate(true);
    int done = 0;
    for (int i = 0; i < CALLS; i++) {
        thread_join(&threads[i]);
        done += atomic_get_relaxed(&calls[i].status) == 200;
    }
    assert_int_equal(done, 3);
    http_server_stop(s, 1000);
}

static void get_wait(void *arg)
{
    const struct http_server *s = arg;
    int fd = connect_to(s);
    static const char text[] = "GET /wait HTTP/1.1\r\n" CLOSE "\r\n";
    char answer[512];
    assert_true(send(fd, text, sizeof text - 1, MSG_NOSIGNAL) > 0);
    while (recv(fd, answer, sizeof answer, 0) > 0)
        ;
    close(fd);
}

static void test_what_is_brief_does_not_wait_for_queries(void **state)
{
    (void)state;
    set_gate(false);
    struct http_server *s = start(NULL, NULL, (struct http_limits){.query_workers = 1});
    struct thread clients[3];
    atomic_set_relaxed(&waiting, 0);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        assert_int_equal(thread_start(&clients[i], "client", get_wait, s, NULL), 0);
    while (atomic_get_relaxed(&waiting) == 0)
        (void)usleep(1000);
    check_starts(raw(s, "GET /brief HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200");
    set_gate(true);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        thread_join(&clients[i]);
    http_server_stop(s, 1000);
}

/* Sends a request whose handler ends only with its client, and waits until the handler runs. */
static int ask_until_gone(const struct http_server *s)
{
    static const char text[] = "GET /until-gone HTTP/1.1\r\nHost: x\r\n\r\n";
    int before = atomic_get_relaxed(&waiting);
    int fd = connect_to(s);
    assert_true(send(fd, text, sizeof text - 1, MSG_NOSIGNAL) > 0);
    while (atomic_get_relaxed(&waiting) == before)
        (void)usleep(1000);
    return fd;
}

static void test_a_handler_learns_that_its_client_left(void **state)
{
    (void)state;
    atomic_set_relaxed(&gone_seen, 0);
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    close(ask_until_gone(s));
    http_server_stop(s, 10000); // waits for the handler, which ends because the client left
    assert_int_equal(atomic_get_relaxed(&gone_seen), 1);
}

static void test_stopping_ends_handlers_that_would_go_on(void **state)
{
    (void)state;
    atomic_set_relaxed(&gone_seen, 0);
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    int fd = ask_until_gone(s);
    http_server_stop(s, 50);
    close(fd);
}

/* libmicrohttpd once crashed on what it read while it was stopped. */
static void test_stopping_amid_garbage_does_no_harm(void **state)
{
    (void)state;
    static const char bad[] = "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n";
    for (int round = 0; round < 50; round++) {
        struct http_server *s = start(NULL, NULL, (struct http_limits){0});
        for (int i = 0; i < 8; i++) {
            int fd = connect_to(s);
            (void)send(fd, bad, sizeof bad - 1, MSG_NOSIGNAL); // may be refused already
            close(fd);
        }
        http_server_stop(s, 0);
    }
}

static void test_half_requests_of_those_who_left_hold_no_place(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){.max_connections = 4});
    for (int i = 0; i < 40; i++) {
        int fd = connect_to(s);
        (void)send(fd, "\r\n\r\n", 4, MSG_NOSIGNAL);
        close(fd);
    }
    bool answered = false; // the server may not have seen all of them leave yet
    for (int i = 0; i < 100000 && !answered; i++)
        answered = strncmp(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200", 12) == 0;
    assert_true(answered);
    http_server_stop(s, 1000);
}

/* One that the server has taken: it has answered on it. Before that it only stands in the line of
 * the listening socket, and one that comes later may be taken first. */
static int taken_connection(const struct http_server *s)
{
    static const char ask[] = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";
    char first;
    int fd = connect_to(s);
    assert_int_equal(send(fd, ask, strlen(ask), MSG_NOSIGNAL), strlen(ask));
    assert_int_equal(recv(fd, &first, 1, 0), 1);
    return fd;
}

static void test_one_connection_too_many_is_told_so(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){.max_connections = 3});
    int open[3];
    for (int i = 0; i < 3; i++)
        open[i] = taken_connection(s);
    const char *refused = raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "\r\n");
    check_starts(refused, "HTTP/1.1 503");
    check_has(refused, "\r\nContent-Length: 66\r\n");
    check_has(refused, "raise limits.max_connections\n");
    for (int i = 0; i < 3; i++)
        close(open[i]);
    bool answered = false;
    for (int i = 0; i < 100000 && !answered; i++)
        answered = strncmp(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200", 12) == 0;
    assert_true(answered);
    http_server_stop(s, 1000);
}

static void test_garbage_and_half_requests_do_no_harm(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /echo HTTP/1.1\r\nno colon here\r\n\r\n",
    };
    struct http_server *s = start(NULL, NULL, (struct http_limits){0});
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int fd = connect_to(s);
        (void)send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL);
        close(fd);
    }
    check_starts(raw(s, "GET /echo HTTP/1.1\r\n" CLOSE "\r\n"), "HTTP/1.1 200");
    http_server_stop(s, 1000);
}

static void test_a_taken_address_is_named(void **state)
{
    (void)state;
    struct http_server *s = start(NULL, NULL, (struct http_limits){0}), *second = NULL;
    struct http_options options = {.address = http_server_address(s), .routes = routes};
    struct err err;
    assert_int_equal(http_server_start(&options, &second, &err), ERR_IO);
    check_has(err.message, http_server_address(s));
    check_has(err.message, "another program");
    http_server_stop(s, 1000);
}

static int setup(void **state)
{
    (void)state;
    cond_init(&gate_cond);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_reach_their_handler_decoded),
        cmocka_unit_test(test_requests_like_quick_ones_are_run_at_once),
        cmocka_unit_test(test_what_turns_out_to_be_slow_goes_to_a_worker),
        cmocka_unit_test(test_what_cannot_be_served_is_refused_with_its_reason),
        cmocka_unit_test(test_big_answers_are_compressed_when_accepted),
        cmocka_unit_test(test_an_answer_over_the_limit_is_an_error_not_a_cut),
        cmocka_unit_test(test_rights_are_checked_before_the_handler),
        cmocka_unit_test(test_cors_is_off_unless_configured),
        cmocka_unit_test(test_answers_that_hang_on_the_origin_say_so),
        cmocka_unit_test(test_what_is_brief_does_not_wait_for_queries),
        cmocka_unit_test(test_pages_of_other_sites_administer_nothing_unless_allowed),
        cmocka_unit_test(test_a_full_queue_pushes_back_and_loses_nobody),
        cmocka_unit_test(test_a_handler_learns_that_its_client_left),
        cmocka_unit_test(test_stopping_ends_handlers_that_would_go_on),
        cmocka_unit_test(test_stopping_amid_garbage_does_no_harm),
        cmocka_unit_test(test_half_requests_of_those_who_left_hold_no_place),
        cmocka_unit_test(test_one_connection_too_many_is_told_so),
        cmocka_unit_test(test_garbage_and_half_requests_do_no_harm),
        cmocka_unit_test(test_a_taken_address_is_named),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
