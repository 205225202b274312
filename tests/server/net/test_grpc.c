#include "net/grpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/thread.h"
#include "net/address.h"
#include "net/tls.h"
#include "support/certs.h"
#include "support/check.h"
#include "support/grpc_client.h"

/* Lets a handler wait until the test says go. */
static struct lock gate_lock = LOCK_INIT(LOCK_LEAF);
static struct cond gate_cond;
static bool gate_open;
static int gate_waiting, gate_passed;

static void set_gate(bool open)
{
    lock_take(&gate_lock);
    gate_open = open;
    gate_waiting = gate_passed = 0;
    cond_broadcast(&gate_cond);
    lock_give(&gate_lock);
}

static void wait_until_waiting(int n)
{
    lock_take(&gate_lock);
    while (gate_waiting < n)
        cond_wait(&gate_cond, &gate_lock);
    lock_give(&gate_lock);
}

static void handle_echo(void *self, const struct grpc_request *q, struct grpc_response *r)
{
    (void)self;
    buf_printf(&r->message, "%.*s:", STR_ARG(q->encoding));
    buf_put_str(&r->message, q->message);
}

static void handle_wait(void *self, const struct grpc_request *q, struct grpc_response *r)
{
    (void)self, (void)q, (void)r;
    lock_take(&gate_lock);
    gate_waiting++;
    cond_broadcast(&gate_cond);
    while (!gate_open)
        cond_wait(&gate_cond, &gate_lock);
    gate_passed++;
    cond_broadcast(&gate_cond);
    lock_give(&gate_lock);
}

static void handle_error(void *self, const struct grpc_request *q, struct grpc_response *r)
{
    (void)self, (void)q;
    r->status = GRPC_RESOURCE_EXHAUSTED;
    (void)snprintf(r->error, sizeof r->error, "50%% full: zu voll, schön\n");
    r->retry_after_ms = 1500;
}

static const struct grpc_method methods[] = {
    {"/t.Test/Echo", AUTH_INGEST, handle_echo, NULL},
    {"/t.Test/Wait", AUTH_NONE, handle_wait, NULL},
    {"/t.Test/Error", AUTH_NONE, handle_error, NULL},
};

static struct grpc_server *start(struct grpc_options options)
{
    struct grpc_server *s = NULL;
    struct err err;
    options.address = "127.0.0.1:0";
    options.methods = methods;
    options.n_methods = ARRAY_LEN(methods);
    if (grpc_server_start(&options, &s, &err) != 0)
        fail_msg("%s", err.message);
    return s;
}

static struct grpc_client *connect_to(const struct grpc_server *s)
{
    return grpc_client_connect(grpc_server_address(s), NULL);
}

static void check_body(const struct grpc_client_result *r, const char *text)
{
    assert_int_equal(r->status, GRPC_OK);
    assert_int_equal(r->body.n, strlen(text) + 5);
    assert_memory_equal(r->body.p + 5, text, strlen(text));
}

static void test_a_call_gets_its_answer(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "hello");
    grpc_client_wait(c, r);
    assert_int_equal(r->http_status, 200);
    assert_string_equal(r->content_type, "application/grpc");
    assert_memory_equal(r->body.p, "\0\0\0\0\x0e", 5);
    check_body(r, "identity:hello");

    const struct grpc_client_header gzip[] = {
        {"grpc-encoding", "gzip"}, {"content-type", "application/grpc+proto"}, {NULL, NULL}};
    r = grpc_client_start(c, "/t.Test/Echo", gzip, "\1\0\0\0\2zz", 7, false);
    grpc_client_wait(c, r);
    check_body(r, "gzip:zz");
    r = grpc_client_call(c, "/t.Test/Echo", gzip, ""); // not flagged: as it is, in spite of gzip
    grpc_client_wait(c, r);
    check_body(r, "identity:");
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_what_is_not_our_call_is_told_so(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        struct grpc_client_header headers[2];
        int http_status, status;
        const char *message;
    } cases[] = {
        {"/t.Test/Nothing", {{NULL}}, 200, GRPC_UNIMPLEMENTED, "unknown method /t.Test/Nothing"},
        {"/", {{NULL}}, 200, GRPC_UNIMPLEMENTED, "unknown method /"},
        {"/t.Test/Echo", {{"content-type", "application/json"}}, 415, 13, "content-type"},
        {"/t.Test/Echo", {{"content-type", NULL}}, 415, 13, "content-type"},
        {"/t.Test/Echo", {{"content-type", "application/grpc-web"}}, 415, 13, "content-type"},
        {"/t.Test/Echo", {{":method", "PUT"}}, 405, 13, "POST"},
        {"/t.Test/Echo", {{"grpc-timeout", "1x"}}, 200, GRPC_INTERNAL, "grpc-timeout"},
        {"/t.Test/Echo", {{"grpc-timeout", "123456789S"}}, 200, GRPC_INTERNAL, "grpc-timeout"},
    };
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct grpc_client_result *r =
            grpc_client_call(c, cases[i].path, cases[i].headers, "hello");
        grpc_client_wait(c, r);
        assert_int_equal(r->http_status, cases[i].http_status);
        assert_int_equal(r->status, cases[i].status);
        assert_non_null(strstr(r->message, cases[i].message));
    }
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_bad_messages_are_refused_and_the_connection_lives_on(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        int status;
        const char *message;
    } cases[] = {
        {"", 0, GRPC_INTERNAL, "no message"},
        {"\0\0\0", 3, GRPC_INTERNAL, "cut short"},
        {"\0\0\0\0\5abc", 8, GRPC_INTERNAL, "cut short"},
        {"\0\0\0\0\1ab", 7, GRPC_INTERNAL, "behind its end"},
        {"\0\0\0\0\1a\0\0\0\0\1b", 12, GRPC_INTERNAL, "behind its end"},
        {"\2\0\0\0\1a", 6, GRPC_INTERNAL, "neither 0 nor 1"},
        {"\1\0\0\0\1a", 6, GRPC_INTERNAL, "grpc-encoding is missing"},
        {"\0\0\1\0\0a", 6, GRPC_RESOURCE_EXHAUSTED, "limit of 1000 bytes"},
        {"\0\xff\xff\xff\xff", 5, GRPC_RESOURCE_EXHAUSTED, "limit of 1000 bytes"},
    };
    struct grpc_server *s = start((struct grpc_options){.max_message_bytes = 1000});
    struct grpc_client *c = connect_to(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct grpc_client_result *r =
            grpc_client_start(c, "/t.Test/Echo", NULL, cases[i].bytes, cases[i].n, false);
        grpc_client_wait(c, r);
        assert_int_equal(r->status, cases[i].status);
        assert_non_null(strstr(r->message, cases[i].message));
    }
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "still here");
    grpc_client_wait(c, r);
    check_body(r, "identity:still here");
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_a_refused_message_is_not_waited_for(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){.max_message_bytes = 1000});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r =
        grpc_client_start(c, "/t.Test/Echo", NULL, "\0\xff\0\0\0", 5, true);
    grpc_client_wait(c, r);
    assert_int_equal(r->status, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(r->reset, 0); // NO_ERROR: the answer is good, only the rest is not wanted
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_errors_carry_message_and_retry_delay(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Error", NULL, "x");
    grpc_client_wait(c, r);
    assert_int_equal(r->http_status, 200);
    assert_int_equal(r->status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(r->message, "50%25 full: zu voll, sch%C3%B6n%0A");
    /* google.rpc.Status{8, text, RetryInfo{1 s, 500,000,000 ns}}, as protoc writes it */
    assert_string_equal(r->details, "CAgSGjUwJSBmdWxsOiB6dSB2b2xsLCBzY2jDtm4KGjYKKHR5cGUuZ29vZ2xlYX"
                                    "Bpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SCgoICAEQgMq17gE");
    assert_int_equal(r->body.n, 0);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_deadlines_end_calls_that_run_and_calls_that_wait(void **state)
{
    (void)state;
    static const struct grpc_client_header soon[] = {{"grpc-timeout", "50m"}, {NULL, NULL}};
    set_gate(false);
    struct grpc_server *s = start((struct grpc_options){.workers = 1});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *runs = grpc_client_call(c, "/t.Test/Wait", soon, "");
    grpc_client_poll(c);
    wait_until_waiting(1);
    struct grpc_client_result *waits = grpc_client_call(c, "/t.Test/Echo", soon, "");
    grpc_client_wait(c, runs);
    grpc_client_wait(c, waits);
    assert_int_equal(runs->status, GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(waits->status, GRPC_DEADLINE_EXCEEDED);
    set_gate(true);
    struct grpc_client_result *after = grpc_client_call(c, "/t.Test/Echo", NULL, "after");
    grpc_client_wait(c, after);
    check_body(after, "identity:after");
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_a_full_queue_pushes_back_and_loses_nobody(void **state)
{
    (void)state;
    enum { CALLS = 8 };
    set_gate(false);
    struct grpc_server *s = start((struct grpc_options){.workers = 1, .queue = 2});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *calls[CALLS];
    calls[0] = grpc_client_call(c, "/t.Test/Wait", NULL, "");
    grpc_client_poll(c);
    wait_until_waiting(1);
    for (int i = 1; i < CALLS; i++)
        calls[i] = grpc_client_call(c, "/t.Test/Wait", NULL, "");
    for (int i = 3; i < CALLS; i++) {
        grpc_client_wait(c, calls[i]);
        assert_int_equal(calls[i]->status, GRPC_UNAVAILABLE);
        assert_string_not_equal(calls[i]->details, "");
    }
    set_gate(true);
    for (int i = 0; i < 3; i++) {
        grpc_client_wait(c, calls[i]);
        assert_int_equal(calls[i]->status, GRPC_OK);
    }
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_rights_are_checked(void **state)
{
    (void)state;
    /* sha256("secret") and sha256("reader"); bcrypt of "pass" made with cost 4 */
    const struct auth_user users[] = {
        {NULL, NULL, "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
         AUTH_INGEST},
        {NULL, NULL, "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30", AUTH_READ},
        {"ann", "$2b$04$abcdefghijklmnopqrstuufznL8bkzdtHwLhca4To/v9Lo9bA7fR6", NULL, AUTH_ADMIN},
    };
    static const struct {
        const char *credential;
        int status;
    } cases[] = {
        {NULL, GRPC_UNAUTHENTICATED},
        {"Bearer secret", GRPC_OK},
        {"bearer secret", GRPC_OK},
        {"Bearer secre", GRPC_UNAUTHENTICATED},
        {"Bearer reader", GRPC_PERMISSION_DENIED},
        {"Basic YW5uOndyb25n", GRPC_UNAUTHENTICATED}, // ann:wrong
        {"Basic Ym9iOnBhc3M=", GRPC_UNAUTHENTICATED}, // bob:pass
        {"Basic YW5uOnBhc3M=", GRPC_OK},              // ann:pass, slow
        {"Basic YW5uOnBhc3M=", GRPC_OK},              // remembered
    };
    struct auth *auth = NULL;
    assert_int_equal(auth_new(users, ARRAY_LEN(users), &auth, NULL), 0);
    struct grpc_server *s = start((struct grpc_options){.auth = auth});
    struct grpc_client *c = connect_to(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct grpc_client_header headers[] = {{"authorization", cases[i].credential},
                                               {NULL, NULL}};
        struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", headers, "x");
        grpc_client_wait(c, r);
        if (r->status != cases[i].status)
            fail_msg("%s: status %d %s", cases[i].credential, r->status, r->message);
    }
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
    auth_free(auth);
}

struct swarm {
    const struct grpc_server *server;
    int done;
};

static void run_swarm(void *arg)
{
    enum { CALLS = 200 };
    struct swarm *swarm = arg;
    struct grpc_client *c = connect_to(swarm->server);
    struct grpc_client_result *calls[CALLS];
    for (int i = 0; i < CALLS; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "number %d", i);
        calls[i] = grpc_client_call(c, "/t.Test/Echo", NULL, text);
    }
    for (int i = 0; i < CALLS; i++) {
        char text[48];
        (void)snprintf(text, sizeof text, "identity:number %d", i);
        grpc_client_wait(c, calls[i]);
        swarm->done += calls[i]->status == GRPC_OK && calls[i]->body.n == strlen(text) + 5 &&
                       memcmp(calls[i]->body.p + 5, text, strlen(text)) == 0;
    }
    grpc_client_close(c);
}

static void test_many_calls_on_many_connections_keep_apart(void **state)
{
    (void)state;
    enum { CONNECTIONS = 8 };
    struct swarm swarms[CONNECTIONS];
    struct thread threads[CONNECTIONS];
    struct grpc_server *s = start((struct grpc_options){.queue = 100 * CONNECTIONS, .workers = 4});
    for (int i = 0; i < CONNECTIONS; i++) {
        swarms[i] = (struct swarm){.server = s};
        assert_int_equal(thread_start(&threads[i], "client", run_swarm, &swarms[i], NULL), 0);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(swarms[i].done, 200);
    }
    grpc_server_stop(s, 1000);
}

static void test_big_messages_flow_both_ways(void **state)
{
    (void)state;
    enum { BYTES = 20 << 20 };
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    char *text = malloc(BYTES + 5);
    assert_non_null(text);
    memset(text, 'a', BYTES + 5);
    memcpy(text, "\0\1\x40\0\0", 5);
    struct grpc_client_result *r =
        grpc_client_start(c, "/t.Test/Echo", NULL, text, BYTES + 5, false);
    grpc_client_wait(c, r);
    assert_int_equal(r->status, GRPC_OK);
    assert_int_equal(r->body.n, BYTES + 5 + strlen("identity:"));
    assert_memory_equal(r->body.p + 5 + strlen("identity:"), text + 5, BYTES);
    free(text);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_memory_for_messages_has_a_limit(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    struct grpc_server *s = start((struct grpc_options){.max_buffered_bytes = BYTES * 3 / 2});
    struct grpc_client *c = connect_to(s);
    char *text = calloc(1, BYTES);
    assert_non_null(text);
    memcpy(text, "\0\0\2\0\0", 5);
    struct grpc_client_result *first =
        grpc_client_start(c, "/t.Test/Echo", NULL, text, BYTES, true);
    struct grpc_client_result *second =
        grpc_client_start(c, "/t.Test/Echo", NULL, text, BYTES, true);
    grpc_client_wait_either(c, first, second);
    struct grpc_client_result *refused = first->closed ? first : second;
    assert_int_equal(refused->status, GRPC_UNAVAILABLE);
    assert_false(first->closed && second->closed);
    grpc_client_cancel(c, refused == first ? second : first);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "room again");
    grpc_client_wait(c, r);
    check_body(r, "identity:room again");
    free(text);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_an_http1_client_learns_what_this_port_is(void **state)
{
    (void)state;
    static const char text[] = "POST /v1/metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[1024];
    struct address a;
    struct grpc_server *s = start((struct grpc_options){0});
    assert_int_equal(address_parse(grpc_server_address(s), &a, NULL), 0);
    for (size_t cut = 0; cut < 3; cut++) { // also when it comes in pieces
        size_t n = 0;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&a.sa, a.len), 0);
        assert_int_equal(send(fd, text, cut, MSG_NOSIGNAL), cut);
        assert_int_equal(send(fd, text + cut, sizeof text - 1 - cut, MSG_NOSIGNAL),
                         sizeof text - 1 - cut);
        for (ssize_t got; (got = recv(fd, answer + n, sizeof answer - 1 - n, 0)) > 0;)
            n += (size_t)got;
        answer[n] = '\0';
        close(fd);
        assert_int_equal(strncmp(answer, "HTTP/1.1 400 Bad Request\r\n", 26), 0);
        assert_non_null(strstr(answer, "gRPC"));
    }
    grpc_server_stop(s, 1000);
}

static void test_pings_are_answered_floods_are_not(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    for (int i = 0; i < 100; i++)
        grpc_client_ping(c);
    grpc_client_wait_pings(c, 100);
    for (int i = 0; i < 20000; i++)
        grpc_client_ping(c);
    assert_int_equal(grpc_client_wait_goaway(c), 11); // ENHANCE_YOUR_CALM
    grpc_client_wait_end(c);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_a_cancelled_call_leaves_no_trace(void **state)
{
    (void)state;
    set_gate(false);
    struct grpc_server *s = start((struct grpc_options){.workers = 2});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Wait", NULL, "");
    grpc_client_poll(c);
    wait_until_waiting(1);
    grpc_client_cancel(c, r);
    struct grpc_client_result *next = grpc_client_call(c, "/t.Test/Echo", NULL, "next");
    grpc_client_wait(c, next);
    check_body(next, "identity:next");
    set_gate(true);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_a_peer_that_vanishes_leaves_its_running_call(void **state)
{
    (void)state;
    set_gate(false);
    struct grpc_server *s = start((struct grpc_options){.workers = 2});
    struct grpc_client *c = connect_to(s);
    (void)grpc_client_call(c, "/t.Test/Wait", NULL, "");
    grpc_client_poll(c);
    wait_until_waiting(1);
    grpc_client_close(c);
    c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "other");
    grpc_client_wait(c, r);
    check_body(r, "identity:other");
    set_gate(true);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void stop_server(void *arg)
{
    grpc_server_stop(arg, 10000);
}

static void test_stopping_says_goodbye_and_answers_what_runs(void **state)
{
    (void)state;
    set_gate(false);
    struct grpc_server *s = start((struct grpc_options){0});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Wait", NULL, "");
    grpc_client_poll(c);
    wait_until_waiting(1);
    struct thread stopper;
    assert_int_equal(thread_start(&stopper, "stop", stop_server, s, NULL), 0);
    assert_int_equal(grpc_client_wait_goaway(c), 0);
    assert_false(r->closed);
    set_gate(true);
    grpc_client_wait(c, r);
    assert_int_equal(r->status, GRPC_OK);
    grpc_client_close(c);
    thread_join(&stopper);
}

static void test_a_slow_message_is_given_up(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){.message_timeout_s = 1});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r =
        grpc_client_start(c, "/t.Test/Echo", NULL, "\0\0\0\0\5a", 6, true);
    grpc_client_wait(c, r);
    assert_int_equal(r->status, GRPC_DEADLINE_EXCEEDED);
    assert_non_null(strstr(r->message, "too long"));
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_an_idle_connection_is_closed_politely(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){.idle_timeout_s = 1});
    struct grpc_client *c = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "x");
    grpc_client_wait(c, r);
    assert_int_equal(grpc_client_wait_goaway(c), 0);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_connections_have_a_limit(void **state)
{
    (void)state;
    struct grpc_server *s = start((struct grpc_options){.max_connections = 1});
    struct grpc_client *first = connect_to(s);
    struct grpc_client_result *r = grpc_client_call(first, "/t.Test/Echo", NULL, "x");
    grpc_client_wait(first, r);
    struct grpc_client *second = connect_to(s);
    grpc_client_wait_end(second);
    grpc_client_close(second);
    r = grpc_client_call(first, "/t.Test/Echo", NULL, "y");
    grpc_client_wait(first, r);
    check_body(r, "identity:y");
    grpc_client_close(first);
    grpc_server_stop(s, 1000);
}

/* --- TLS -------------------------------------------------------------------------------------- */

static struct certs certs;

static int call_with(const struct grpc_server *s, const struct grpc_client_tls *tls)
{
    struct grpc_client *c = grpc_client_connect(grpc_server_address(s), tls);
    if (!c)
        return -1;
    struct grpc_client_result *r = grpc_client_call(c, "/t.Test/Echo", NULL, "x");
    grpc_client_wait(c, r);
    int status = r->status;
    grpc_client_close(c);
    return status;
}

static void test_tls_needs_h2_and_takes_renewed_certificates(void **state)
{
    (void)state;
    struct tls_options tls = {.cert_file = certs.server, .key_file = certs.server_key};
    struct grpc_client_tls client = {.ca_file = certs.ca, .alpn = "h2"};
    char name[64];
    struct err err;
    struct grpc_server *s = start((struct grpc_options){.tls = &tls});
    assert_int_equal(call_with(s, &client), GRPC_OK);
    client.alpn = "http/1.1";
    assert_int_equal(call_with(s, &client), -1);

    client.alpn = "h2";
    struct grpc_client *old = grpc_client_connect(grpc_server_address(s), &client);
    assert_non_null(old);
    tls.cert_file = certs.server2; // with the key of the other one
    assert_int_equal(grpc_server_reload_tls(s, &tls, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, certs.server2));
    tls.key_file = certs.server2_key;
    assert_int_equal(grpc_server_reload_tls(s, &tls, &err), 0);
    struct grpc_client *fresh = grpc_client_connect(grpc_server_address(s), &client);
    assert_non_null(fresh);
    grpc_client_peer(old, name, sizeof name);
    assert_string_equal(name, "first");
    grpc_client_peer(fresh, name, sizeof name);
    assert_string_equal(name, "renewed");
    struct grpc_client_result *r = grpc_client_call(old, "/t.Test/Echo", NULL, "x");
    grpc_client_wait(old, r);
    check_body(r, "identity:x");
    grpc_client_close(old);
    grpc_client_close(fresh);
    grpc_server_stop(s, 1000);
}

static void test_a_client_ca_demands_a_certificate_of_it(void **state)
{
    (void)state;
    const struct tls_options tls = {certs.server, certs.server_key, certs.ca};
    struct grpc_client_tls client = {.ca_file = certs.ca, .alpn = "h2"};
    struct grpc_server *s = start((struct grpc_options){.tls = &tls});
    assert_int_equal(call_with(s, &client), -1);
    client.cert_file = certs.stranger;
    client.key_file = certs.stranger_key;
    assert_int_equal(call_with(s, &client), -1);
    client.cert_file = certs.client;
    client.key_file = certs.client_key;
    assert_int_equal(call_with(s, &client), GRPC_OK);
    grpc_server_stop(s, 1000);
}

static void test_big_messages_flow_through_tls(void **state)
{
    (void)state;
    enum { BYTES = 3 << 20 };
    const struct tls_options tls = {certs.server, certs.server_key, NULL};
    const struct grpc_client_tls client = {.ca_file = certs.ca, .alpn = "h2"};
    struct grpc_server *s = start((struct grpc_options){.tls = &tls});
    struct grpc_client *c = grpc_client_connect(grpc_server_address(s), &client);
    assert_non_null(c);
    char *text = calloc(1, BYTES + 5);
    assert_non_null(text);
    memcpy(text, "\0\0\x30\0\0", 5);
    struct grpc_client_result *r =
        grpc_client_start(c, "/t.Test/Echo", NULL, text, BYTES + 5, false);
    grpc_client_wait(c, r);
    assert_int_equal(r->status, GRPC_OK);
    assert_int_equal(r->body.n, BYTES + 5 + strlen("identity:"));
    free(text);
    grpc_client_close(c);
    grpc_server_stop(s, 1000);
}

static void test_unusable_certificates_are_named(void **state)
{
    (void)state;
    const struct {
        struct tls_options tls;
        const char *message;
    } cases[] = {
        {{"/nowhere/cert.pem", certs.server_key, NULL}, "/nowhere/cert.pem"},
        {{certs.server, "/nowhere/key.pem", NULL}, "/nowhere/key.pem"},
        {{certs.server, certs.client_key, NULL}, certs.client_key},
        {{certs.server, certs.server_key, certs.server_key}, "no certificate"},
        {{certs.server, NULL, NULL}, "key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct grpc_options options = {.address = "127.0.0.1:0", .tls = &cases[i].tls};
        struct grpc_server *s;
        struct err err;
        assert_true(grpc_server_start(&options, &s, &err) < 0);
        if (!strstr(err.message, cases[i].message))
            fail_msg("expected %s in: %s", cases[i].message, err.message);
    }
}

static int setup(void **state)
{
    (void)state;
    cond_init(&gate_cond);
    certs_make(&certs);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    certs_remove(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_gets_its_answer),
        cmocka_unit_test(test_what_is_not_our_call_is_told_so),
        cmocka_unit_test(test_bad_messages_are_refused_and_the_connection_lives_on),
        cmocka_unit_test(test_a_refused_message_is_not_waited_for),
        cmocka_unit_test(test_errors_carry_message_and_retry_delay),
        cmocka_unit_test(test_deadlines_end_calls_that_run_and_calls_that_wait),
        cmocka_unit_test(test_a_full_queue_pushes_back_and_loses_nobody),
        cmocka_unit_test(test_rights_are_checked),
        cmocka_unit_test(test_many_calls_on_many_connections_keep_apart),
        cmocka_unit_test(test_big_messages_flow_both_ways),
        cmocka_unit_test(test_memory_for_messages_has_a_limit),
        cmocka_unit_test(test_an_http1_client_learns_what_this_port_is),
        cmocka_unit_test(test_pings_are_answered_floods_are_not),
        cmocka_unit_test(test_a_cancelled_call_leaves_no_trace),
        cmocka_unit_test(test_a_peer_that_vanishes_leaves_its_running_call),
        cmocka_unit_test(test_stopping_says_goodbye_and_answers_what_runs),
        cmocka_unit_test(test_a_slow_message_is_given_up),
        cmocka_unit_test(test_an_idle_connection_is_closed_politely),
        cmocka_unit_test(test_connections_have_a_limit),
        cmocka_unit_test(test_tls_needs_h2_and_takes_renewed_certificates),
        cmocka_unit_test(test_a_client_ca_demands_a_certificate_of_it),
        cmocka_unit_test(test_big_messages_flow_through_tls),
        cmocka_unit_test(test_unusable_certificates_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
