/* The HTTP client against our own server, in plain text and over TLS. */
#include "net/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http.h"
#include "net/tls.h"
#include "support/certs.h"
#include "support/check.h"

static struct certs certs;

static void handle_echo(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    static const char *const headers[] = {"Host", "User-Agent", "Authorization", "X-Own"};
    buf_printf(&r->body, "method=%d body=%.*s", (int)q->method, STR_ARG(q->body));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        buf_printf(&r->body, " %s=%.*s", headers[i], STR_ARG(http_header(q, headers[i])));
}

static void handle_zeros(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    char *room = buf_reserve(&r->body, 10 << 20); // as gzip a thousandth of that
    assert_non_null(room);
    memset(room, 0, 10 << 20);
    buf_advance(&r->body, 10 << 20);
}

static atomic_int under_way; // calls of the handler so far that ends with its client

static void handle_until_gone(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)r;
    atomic_add_relaxed(&under_way, 1);
    while (!http_client_gone(q))
        (void)usleep(1000);
}

static void handle_redirect(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    r->status = 302;
    http_set_header(r, "Location", http_param(q, "to"));
}

static const struct http_route routes[] = {
    {HTTP_GET | HTTP_POST, "/echo", AUTH_NONE, HTTP_QUERY, handle_echo, NULL, NULL, false},
    {HTTP_GET, "/zeros", AUTH_NONE, HTTP_QUERY, handle_zeros, NULL, NULL, false},
    {HTTP_GET, "/wait", AUTH_NONE, HTTP_QUERY, handle_until_gone, NULL, NULL, false},
    {HTTP_GET, "/redirect", AUTH_NONE, HTTP_QUERY, handle_redirect, NULL, NULL, false},
};

static struct http_server *start(const struct tls_options *tls)
{
    const struct http_options options = {
        .address = "127.0.0.1:0", .tls = tls, .routes = routes, .n_routes = ARRAY_LEN(routes)};
    struct http_server *s = NULL;
    struct err err;
    if (http_server_start(&options, &s, &err) != 0)
        fail_msg("%s", err.message);
    return s;
}

/* One call with a fresh client; `*text` gets the body, which the caller frees. */
static int get(const struct http_client_options *options, struct http_call call, int *status,
               char **text, struct err *err)
{
    struct http_client *c = NULL;
    struct http_answer answer;
    call.method = call.method ? call.method : "GET";
    call.timeout_ms = call.timeout_ms ? call.timeout_ms : 10000;
    call.max_body_bytes = call.max_body_bytes ? call.max_body_bytes : 1 << 20;
    assert_int_equal(http_client_new(options, &c, NULL), 0);
    int rc = http_client_call(c, &call, &answer, err);
    if (rc == 0) {
        *status = answer.status;
        *text = buf_take(&answer.body, NULL);
        assert_non_null(*text);
    }
    http_client_free(c);
    return rc;
}

static void check_get(const struct http_client_options *options, struct http_call call,
                      const char *part)
{
    struct err err;
    int status = 0;
    char *text = NULL;
    if (get(options, call, &status, &text, &err) != 0)
        fail_msg("%s", err.message);
    if (status != 200 || !strstr(text, part))
        fail_msg("expected %s, got %d: %s", part, status, text);
    free(text);
}

static void check_fails(const struct http_client_options *options, struct http_call call, int rc,
                        const char *part)
{
    struct err err = {0};
    int status;
    char *text;
    assert_int_equal(get(options, call, &status, &text, &err), rc);
    if (!strstr(err.message, part))
        fail_msg("expected %s, got %s", part, err.message);
}

static void test_what_is_asked_arrives(void **state)
{
    (void)state;
    struct http_server *s = start(NULL);
    char url[100];
    const char *const headers[] = {"X-Own: mine", NULL};
    (void)snprintf(url, sizeof url, "http://%s/echo", http_server_address(s));
    check_get(&(struct http_client_options){0}, (struct http_call){.url = url},
              "User-Agent=telltale/");
    check_get(&(struct http_client_options){.user_agent = "me"},
              (struct http_call){.url = url, .headers = headers}, "User-Agent=me");
    check_get(&(struct http_client_options){0}, (struct http_call){.url = url, .headers = headers},
              "X-Own=mine");
    check_get(&(struct http_client_options){0},
              (struct http_call){.url = url, .method = "POST", .body = STR("abc")},
              "method=2 body=abc");
    check_get(&(struct http_client_options){.bearer_token = "tok"}, (struct http_call){.url = url},
              "Authorization=Bearer tok");
    check_get(&(struct http_client_options){.basic_user = "ann", .basic_password = "pass"},
              (struct http_call){.url = url}, "Authorization=Basic YW5uOnBhc3M=");
    http_server_stop(s, 1000);
}

static void test_the_environment_names_no_proxy(void **state)
{
    (void)state;
    struct http_server *s = start(NULL);
    char url[100];
    (void)snprintf(url, sizeof url, "http://%s/echo", http_server_address(s));
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    check_get(&(struct http_client_options){0}, (struct http_call){.url = url}, "method=1");
    assert_int_equal(unsetenv("http_proxy"), 0);
    check_fails(&(struct http_client_options){.proxy_url = "http://127.0.0.1:1"},
                (struct http_call){.url = url}, ERR_IO, "127.0.0.1");
    http_server_stop(s, 1000);
}

static void test_redirects_are_followed_unless_forbidden_and_never_with_secrets(void **state)
{
    (void)state;
    struct http_server *s = start(NULL), *other = start(NULL);
    char url[300], here[100];
    int status = 0;
    char *text = NULL;
    (void)snprintf(here, sizeof here, "http://%s", http_server_address(s));
    (void)snprintf(url, sizeof url, "%s/redirect?to=http://%s/echo", here,
                   http_server_address(other));
    check_get(&(struct http_client_options){.bearer_token = "tok"}, (struct http_call){.url = url},
              "Authorization= ");
    assert_int_equal(get(&(struct http_client_options){.no_redirects = true},
                         (struct http_call){.url = url}, &status, &text, NULL),
                     0);
    assert_int_equal(status, 302);
    free(text);
    (void)snprintf(url, sizeof url, "%s/redirect?to=file:///etc/passwd", here);
    check_fails(&(struct http_client_options){0}, (struct http_call){.url = url}, ERR_INVALID, "");
    (void)snprintf(url, sizeof url, "%s/redirect?to=%%2Fredirect%%3Fto%%3D%%2Fecho", here);
    check_get(&(struct http_client_options){0}, (struct http_call){.url = url}, "method=1");
    http_server_stop(s, 1000);
    http_server_stop(other, 1000);
}

static void test_answers_too_big_too_late_or_none_are_told_apart(void **state)
{
    (void)state;
    const struct http_client_options plain = {0};
    struct http_server *s = start(NULL);
    char url[100];
    (void)snprintf(url, sizeof url, "http://%s/zeros", http_server_address(s));
    check_fails(&plain, (struct http_call){.url = url}, ERR_TOO_BIG, "1048576 bytes");
    (void)snprintf(url, sizeof url, "http://%s/wait", http_server_address(s));
    check_fails(&plain, (struct http_call){.url = url, .timeout_ms = 50}, ERR_TIMEOUT, "50 ms");
    check_fails(&plain, (struct http_call){.url = "http://127.0.0.1:1/"}, ERR_IO, "127.0.0.1");
    check_fails(&plain, (struct http_call){.url = "gopher://127.0.0.1/"}, ERR_INVALID, "gopher");
    check_fails(&plain, (struct http_call){.url = "http://"}, ERR_INVALID, "http://");
    http_server_stop(s, 1000);
}

static void stop_while_under_way(void *arg)
{
    while (atomic_get_relaxed(&under_way) == 0)
        (void)usleep(1000);
    atomic_set_relaxed((atomic_bool *)arg, true);
}

static void test_a_call_can_be_stopped(void **state)
{
    (void)state;
    struct http_server *s = start(NULL);
    char url[100];
    atomic_bool stop = false;
    struct thread stopper;
    (void)snprintf(url, sizeof url, "http://%s/wait", http_server_address(s));
    atomic_set_relaxed(&under_way, 0);
    assert_int_equal(thread_start(&stopper, "stopper", stop_while_under_way, &stop, NULL), 0);
    int64_t began = time_now_mono_ns();
    check_fails(&(struct http_client_options){0},
                (struct http_call){.url = url, .timeout_ms = 60000, .stop = &stop}, ERR_CANCELLED,
                "cancelled");
    assert_true(time_now_mono_ns() - began < 5 * NS_PER_S);
    thread_join(&stopper);
    http_server_stop(s, 1000);
}

static void test_a_certificate_is_checked(void **state)
{
    (void)state;
    const struct tls_options tls = {certs.server, certs.server_key, NULL};
    const struct http_client_options trusting = {.ca_file = certs.ca};
    struct http_server *s = start(&tls);
    char url[100];
    (void)snprintf(url, sizeof url, "https://%s/echo", http_server_address(s));
    check_get(&trusting, (struct http_call){.url = url}, "method=1");
    check_fails(&(struct http_client_options){0}, (struct http_call){.url = url}, ERR_IO,
                "certificate");
    check_get(&(struct http_client_options){.tls_insecure_skip_verify = true},
              (struct http_call){.url = url}, "method=1");
    /* Another name than the URL's: wanted, and not in the certificate. */
    check_get(&(struct http_client_options){.ca_file = certs.ca, .server_name = "localhost"},
              (struct http_call){.url = url}, "Host=127.0.0.1:");
    check_fails(&(struct http_client_options){.ca_file = certs.ca, .server_name = "other.example"},
                (struct http_call){.url = url}, ERR_IO, "");
    http_server_stop(s, 1000);
}

static void test_a_client_ca_demands_a_certificate_of_it(void **state)
{
    (void)state;
    const struct tls_options tls = {certs.server, certs.server_key, certs.ca};
    struct http_client_options o = {.ca_file = certs.ca};
    struct http_server *s = start(&tls);
    char url[100];
    (void)snprintf(url, sizeof url, "https://%s/echo", http_server_address(s));
    check_fails(&o, (struct http_call){.url = url}, ERR_IO, "");
    o.cert_file = certs.stranger;
    o.key_file = certs.stranger_key;
    check_fails(&o, (struct http_call){.url = url}, ERR_IO, "");
    o.cert_file = certs.client;
    o.key_file = certs.client_key;
    check_get(&o, (struct http_call){.url = url}, "method=1");
    http_server_stop(s, 1000);
}

static void test_a_server_takes_renewed_certificates(void **state)
{
    (void)state;
    struct tls_options tls = {certs.server, certs.server_key, NULL};
    const struct http_client_options trusting = {.ca_file = certs.ca};
    struct http_server *s = start(&tls), *plain = start(NULL);
    struct err err;
    char url[100];
    (void)snprintf(url, sizeof url, "https://%s/echo", http_server_address(s));
    tls.cert_file = certs.stranger; // with the key of another one
    assert_int_equal(http_server_reload_tls(s, &tls, &err), ERR_INVALID);
    check_get(&trusting, (struct http_call){.url = url}, "method=1");
    tls.key_file = certs.stranger_key;
    assert_int_equal(http_server_reload_tls(s, &tls, &err), 0);
    check_fails(&trusting, (struct http_call){.url = url}, ERR_IO, "certificate");
    tls = (struct tls_options){certs.server2, certs.server2_key, NULL};
    assert_int_equal(http_server_reload_tls(s, &tls, &err), 0);
    check_get(&trusting, (struct http_call){.url = url}, "method=1");
    assert_int_equal(http_server_reload_tls(plain, &tls, &err), ERR_INVALID);
    http_server_stop(s, 1000);
    http_server_stop(plain, 1000);
}

static int setup(void **state)
{
    (void)state;
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
        cmocka_unit_test(test_what_is_asked_arrives),
        cmocka_unit_test(test_the_environment_names_no_proxy),
        cmocka_unit_test(test_redirects_are_followed_unless_forbidden_and_never_with_secrets),
        cmocka_unit_test(test_answers_too_big_too_late_or_none_are_told_apart),
        cmocka_unit_test(test_a_call_can_be_stopped),
        cmocka_unit_test(test_a_certificate_is_checked),
        cmocka_unit_test(test_a_client_ca_demands_a_certificate_of_it),
        cmocka_unit_test(test_a_server_takes_renewed_certificates),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
