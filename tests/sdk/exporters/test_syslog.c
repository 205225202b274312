#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/fs.h"
#include "support/check.h"
#include "telltale/log.h"
#include "telltale/sinks.h"

/* A daemon of the system's log: a socket, read after it was written to. */
static struct {
    char folder[64], path[96];
    int fd;
} daemon_socket;

static int begin(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(daemon_socket.folder, sizeof daemon_socket.folder, "/tmp/test_syslog_XXXXXX");
    if (!mkdtemp(daemon_socket.folder))
        return -1;
    (void)snprintf(daemon_socket.path, sizeof daemon_socket.path, "%s/log", daemon_socket.folder);
    memcpy(at.sun_path, daemon_socket.path, strlen(daemon_socket.path));
    daemon_socket.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    return bind(daemon_socket.fd, (struct sockaddr *)&at, sizeof at);
}

static int end(void **state)
{
    (void)state;
    (void)close(daemon_socket.fd);
    return fs_remove_tree(fs_real(), daemon_socket.folder, NULL);
}

static const char *received(size_t *out_n)
{
    static char datagram[256 << 10];
    ssize_t n = recv(daemon_socket.fd, datagram, sizeof datagram - 1, MSG_DONTWAIT);
    assert_true(n >= 0);
    datagram[n] = '\0';
    *out_n = (size_t)n;
    return datagram;
}

static void log_one(bool syslog, const char *message, const tt_attr *attrs, size_t n)
{
    tt_syslog_options so = {
        .size = sizeof so, .name = "my shop", .path = daemon_socket.path, .syslog = syslog};
    tt_logger_provider_options o = {.size = sizeof o, .simple = true};
    assert_int_equal(tt_syslog_exporter_new(&so, &o.exporter), TT_OK);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_ERROR,
                       .body = tt_value_str(message),
                       .attrs = attrs,
                       .attrs_n = n,
                       .time_unix_ns = 1000000000};
    tt_log_emit(tt_logger_get(p, "orders", NULL), &r);
    assert_int_equal(tt_logger_provider_lost(p), 0);
    tt_logger_provider_free(p);
}

static void test_syslog_gets_rfc_5424(void **state)
{
    (void)state;
    size_t n;
    char expected[256];
    tt_attr attrs[] = {tt_int("order.id", 7), tt_str("who", "ada\nl")};
    log_one(true, "it\nhappened", attrs, 2);
    (void)snprintf(expected, sizeof expected,
                   "<%d>1 1970-01-01T00:00:01.000Z - my_shop %d - - it happened order.id=7 "
                   "who=\"ada\\nl\"",
                   LOG_USER | LOG_ERR, (int)getpid());
    assert_string_equal(received(&n), expected);
}

static void test_journald_gets_fields(void **state)
{
    (void)state;
    size_t n;
    tt_attr attrs[] = {tt_int("order.id", 7), tt_str("_who", "ada")};
    log_one(false, "it happened", attrs, 2);
    assert_string_equal(received(&n), "MESSAGE=it happened\nPRIORITY=3\nSYSLOG_FACILITY=1\n"
                                      "SYSLOG_IDENTIFIER=my shop\nLOGGER=orders\nORDER_ID=7\n"
                                      "WHO=ada\n");
}

static void test_journald_gets_lines_with_their_length(void **state)
{
    (void)state;
    size_t n;
    static const char begin_of[] = "MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nPRIORITY=3\n";
    log_one(false, "a\nb", NULL, 0);
    const char *datagram = received(&n);
    assert_memory_equal(datagram, begin_of, sizeof begin_of - 1);
}

static void test_long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    size_t n;
    static char text[100001];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    log_one(true, text, NULL, 0);
    const char *datagram = received(&n);
    assert_in_range(n, 8000, 8192);
    assert_true(str_is_utf8(str_of(datagram, n)));
    log_one(false, text, NULL, 0);
    datagram = received(&n);
    assert_in_range(n, 48 << 10, (48 << 10) + 200);
    assert_true(str_is_utf8(str_of(datagram, n)));
}

static void test_records_without_a_daemon_are_lost_and_counted(void **state)
{
    (void)state;
    tt_syslog_options so = {.size = sizeof so, .path = "/nowhere/log"};
    tt_logger_provider_options o = {.size = sizeof o, .simple = true};
    assert_int_equal(tt_syslog_exporter_new(&so, &o.exporter), TT_OK);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_log(tt_logger_get(p, "orders", NULL), TT_SEVERITY_ERROR, "x", NULL, 0);
    assert_int_equal(tt_logger_provider_lost(p), 1);
    tt_logger_provider_free(p);
}

static void test_daemon_that_does_not_read_is_waited_for_in_vain(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    tt_syslog_options so = {.size = sizeof so, .path = daemon_socket.path, .syslog = true};
    tt_logger_provider_options o = {.size = sizeof o, .send_timeout_ms = 20};
    assert_int_equal(tt_syslog_exporter_new(&so, &o.exporter), TT_OK);
    tt_logger_provider *p = tt_logger_provider_new(&o);
    for (size_t i = 0; i < MANY; i++)
        tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, "x", NULL, 0);
    assert_int_equal(tt_logger_provider_flush(p, 60000), TT_ERR_IO);
    assert_true(tt_logger_provider_lost(p) > 0);
    assert_int_equal(tt_logger_provider_shutdown(p, 60000), TT_OK);
    tt_logger_provider_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_syslog_gets_rfc_5424, begin, end),
        cmocka_unit_test_setup_teardown(test_journald_gets_fields, begin, end),
        cmocka_unit_test_setup_teardown(test_journald_gets_lines_with_their_length, begin, end),
        cmocka_unit_test_setup_teardown(test_long_messages_are_cut_between_characters, begin, end),
        cmocka_unit_test(test_records_without_a_daemon_are_lost_and_counted),
        cmocka_unit_test_setup_teardown(test_daemon_that_does_not_read_is_waited_for_in_vain, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
