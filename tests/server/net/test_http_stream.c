/* Answers that go on: they come bit by bit, end when they say so, when the client leaves and when
 * the server stops; each is done exactly once. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "net/address.h"
#include "net/http.h"
#include "support/check.h"

enum { WORDS = 5 };

static atomic_int begun, done_count;

struct counter {
    int said, end; /* end 0: never */
};

static int say_next(void *self, struct buf *out)
{
    struct counter *c = self;
    if (c->end && c->said == c->end)
        return -1;
    if (c->said++ % 2 == 0) // every second look has nothing to say
        buf_printf(out, "word %d\n", c->said / 2);
    return 0;
}

static void count_done(void *self)
{
    free(self);
    atomic_add_relaxed(&done_count, 1);
}

static void handle_stream(void *self, const struct http_request *q, struct http_response *r)
{
    struct counter *c = calloc(1, sizeof *c);
    (void)self;
    assert_non_null(c);
    c->end = http_param(q, "for-ever").p ? 0 : 2 * WORDS;
    atomic_add_relaxed(&begun, 1);
    r->stream =
        (struct http_stream){.next = say_next, .done = count_done, .self = c, .period_ms = 1};
}

static bool finish(void *self, struct buf *out)
{
    (void)self;
    buf_puts(out, "all of it");
    return true;
}

static bool fail_to_finish(void *self, struct buf *out)
{
    (void)self, (void)out;
    return false;
}

/* As above, and it matters whether the answer is whole. */
static void handle_file(void *self, const struct http_request *q, struct http_response *r)
{
    handle_stream(self, q, r);
    r->stream.finish = http_param(q, "broken").p ? fail_to_finish : finish;
    r->stream.trailer = "X-Count";
}

static const struct http_route routes[] = {
    {HTTP_GET, "/file", AUTH_READ, HTTP_QUERY, handle_file, NULL, NULL, false},
    {HTTP_GET, "/stream", AUTH_READ, HTTP_QUERY, handle_stream, NULL, NULL, false},
};

static struct http_server *start(void)
{
    const struct http_options options = {
        .address = "127.0.0.1:0", .name = "test", .routes = routes, .n_routes = ARRAY_LEN(routes)};
    struct http_server *s = NULL;
    atomic_set_relaxed(&begun, 0);
    atomic_set_relaxed(&done_count, 0);
    assert_int_equal(http_server_start(&options, &s, NULL), 0);
    return s;
}

static int ask(const struct http_server *s, const char *request)
{
    struct address a;
    struct timeval patience = {.tv_sec = 20};
    assert_int_equal(address_parse(http_server_address(s), &a, NULL), 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a.sa, a.len), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/* Reads until `until` has come, or the end. */
static const char *answer(int fd, const char *until)
{
    static char text[1 << 16];
    size_t n = 0;
    text[0] = '\0';
    while (n < sizeof text - 1 && !(until && strstr(text, until))) {
        ssize_t got = recv(fd, text + n, sizeof text - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        text[n] = '\0';
    }
    return text;
}

static void test_a_stream_comes_bit_by_bit_and_ends(void **state)
{
    (void)state;
    struct http_server *s = start();
    int fd = ask(s, ASK("/stream"));
    const char *text = answer(fd, NULL);
    assert_non_null(strstr(text, "HTTP/1.1 200"));
    assert_non_null(strstr(text, "chunked"));
    assert_non_null(strstr(text, "word 0\n"));
    assert_non_null(strstr(text, "word 4\n"));
    assert_null(strstr(text, "word 5\n"));
    close(fd);
    http_server_stop(s, 1000);
    assert_int_equal(atomic_get_relaxed(&done_count), 1);
}

static void test_a_stream_that_must_be_whole_ends_with_a_trailer_or_is_cut(void **state)
{
    (void)state;
    static const char end[] = "\r\n0\r\n"; // of chunks
    struct http_server *s = start();
    int fd = ask(s, ASK("/file"));
    const char *text = answer(fd, NULL);
    assert_non_null(strstr(text, "word 4\n"));
    assert_non_null(strstr(text, "\r\n0\r\nX-Count: all of it\r\n\r\n"));
    close(fd);
    fd = ask(s, ASK("/file?broken"));
    text = answer(fd, NULL);
    assert_non_null(strstr(text, "word 4\n"));
    assert_null(strstr(text, end));
    close(fd);
    fd = ask(s, ASK("/file?for-ever"));
    assert_non_null(strstr(answer(fd, "word 1"), "word 1"));
    http_server_stop(s, 5000);
    assert_null(strstr(answer(fd, NULL), end));
    close(fd);
    assert_int_equal(atomic_get_relaxed(&done_count), 3);
}

static void test_a_head_request_has_no_stream(void **state)
{
    (void)state;
    struct http_server *s = start();
    int fd = ask(s, "HEAD /stream?for-ever HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_null(strstr(answer(fd, NULL), "word"));
    close(fd);
    http_server_stop(s, 1000);
    assert_int_equal(atomic_get_relaxed(&done_count), 1);
}

static void test_a_stream_ends_when_its_client_leaves(void **state)
{
    (void)state;
    struct http_server *s = start();
    int fd = ask(s, ASK("/stream?for-ever"));
    assert_non_null(strstr(answer(fd, "word 2"), "word 2"));
    close(fd);
    while (atomic_get_relaxed(&done_count) == 0)
        (void)usleep(1000);
    http_server_stop(s, 1000);
}

static void test_stopping_ends_streams(void **state)
{
    (void)state;
    struct http_server *s = start();
    int fds[8];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = ask(s, ASK("/stream?for-ever"));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        assert_non_null(strstr(answer(fds[i], "word 1"), "word 1"));
    http_server_stop(s, 5000);
    assert_int_equal(atomic_get_relaxed(&done_count), ARRAY_LEN(fds));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

static void test_too_many_streams_are_refused(void **state)
{
    (void)state;
    struct http_server *s = start();
    int fds[HTTP_STREAMS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = ask(s, ASK("/stream?for-ever"));
        assert_non_null(strstr(answer(fds[i], "word 0"), "word 0"));
    }
    int fd = ask(s, ASK("/stream?for-ever"));
    assert_non_null(strstr(answer(fd, NULL), "HTTP/1.1 503"));
    close(fd);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    http_server_stop(s, 5000);
    assert_int_equal(atomic_get_relaxed(&begun), atomic_get_relaxed(&done_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_comes_bit_by_bit_and_ends),
        cmocka_unit_test(test_a_stream_that_must_be_whole_ends_with_a_trailer_or_is_cut),
        cmocka_unit_test(test_a_head_request_has_no_stream),
        cmocka_unit_test(test_a_stream_ends_when_its_client_leaves),
        cmocka_unit_test(test_stopping_ends_streams),
        cmocka_unit_test(test_too_many_streams_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
