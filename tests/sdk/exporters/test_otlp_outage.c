/* A day of a program that sends a request every half minute to a collector with troubles, in
 * virtual time. Whatever happens, each item is delivered once, or lost and counted; memory and disk
 * are bounded. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "otlp/sender.h"
#include "support/check.h"

enum { HOUR_MS = 3600000, STEP_MS = 30000, REQUESTS = 24 * HOUR_MS / STEP_MS, PADDING = 200 };
enum { MEMORY_MAX = 1 << 20 };

enum mood { UP, DOWN, SLOW, BUSY, GARBAGE };
struct phase {
    int64_t from_hour;
    enum mood mood;
};

/* --- the collector --- */

static struct {
    const struct phase *phases; /* ends with UP */
    int64_t now_ms;
    size_t posts;
    uint64_t items; /* taken */
    bool taken[REQUESTS];
    bool twice;
} collector;

static enum mood mood_now(void)
{
    const struct phase *p = collector.phases;
    while (p->mood != UP && p[1].from_hour * HOUR_MS <= collector.now_ms)
        p++;
    return p->from_hour * HOUR_MS <= collector.now_ms ? p->mood : UP;
}

/* A request: its number, its items, and bytes that take room. */
struct request {
    uint64_t number, items;
    char padding[PADDING];
};

static void take(const void *body, size_t n)
{
    struct request r;
    assert_int_equal(n, sizeof r);
    memcpy(&r, body, sizeof r);
    collector.twice |= collector.taken[r.number];
    collector.taken[r.number] = true;
    collector.items += r.items;
}

/* By turns: pages of a proxy, and what is no answer at all. */
static struct otlp_reply garbage(void)
{
    static const struct otlp_reply replies[] = {
        {.http_status = 500, .body = {"<html>", 6}, .retry_after_ms = -1},
        {.http_status = 0, .retry_after_ms = -1},
        {.http_status = 302, .body = {"\xff\xff\xff\xff", 4}, .retry_after_ms = INT64_MAX / 2},
        {.http_status = 502, .body = {"\x12\xff\x01", 3}, .retry_after_ms = 0}};
    return replies[collector.posts % 4];
}

static void post(void *arg, const void *body, size_t n, int64_t timeout_ms,
                 struct otlp_verdict *out)
{
    (void)arg;
    struct otlp_reply reply = {.http_status = 200, .retry_after_ms = -1};
    collector.posts++;
    collector.now_ms += 5;
    switch (mood_now()) {
    case UP: take(body, n); break;
    case DOWN: reply.http_status = 0; break;
    case SLOW:
        collector.now_ms += timeout_ms;
        reply.http_status = 0;
        break;
    case BUSY:
        reply.http_status = 503;
        reply.retry_after_ms = 120000;
        break;
    case GARBAGE: reply = garbage(); break;
    }
    otlp_judge(TT_OTLP_HTTP_PROTOBUF, &reply, out);
}

static int64_t now_ms(void *arg)
{
    (void)arg;
    return collector.now_ms;
}

static bool wait_ms(void *arg, int64_t ms)
{
    (void)arg;
    collector.now_ms += ms;
    return true;
}

static const struct otlp_link virtual_link = {.post = post, .now_ms = now_ms, .wait = wait_ms};

/* --- the program --- */

static struct {
    uint64_t sent, lost; /* items */
    int64_t longest_ms;  /* that a send took */
    size_t memory;       /* the most that was in use after one */
    int64_t drain_at_ms;
    struct otlp_backoff backoff, drain_backoff;
} program;

static char folder[64];

static int begin_day(void **state)
{
    (void)state;
    memset(&collector, 0, sizeof collector);
    memset(&program, 0, sizeof program);
    otlp_backoff_init(&program.backoff, 1);
    otlp_backoff_init(&program.drain_backoff, 2);
    (void)snprintf(folder, sizeof folder, "/tmp/test_outage_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int end_day(void **state)
{
    (void)state;
    return fs_remove_tree(fs_real(), folder, NULL);
}

static char url[] = "http://collector:4318/v1/traces";
static const struct otlp_config config = {.url = url,
                                          .protocol = TT_OTLP_HTTP_PROTOBUF,
                                          .compression = TT_OTLP_PLAIN,
                                          .timeout_ms = 10000,
                                          .request_max = 1 << 20};

static void send_one(struct otlp_spool *spool, uint64_t number)
{
    struct request r = {.number = number, .items = 1 + number % 7};
    uint64_t seed = number;
    for (size_t i = 0; i < PADDING; i++)
        r.padding[i] = (char)check_random(&seed);
    int64_t before = collector.now_ms;
    int rc = otlp_send(&config, &virtual_link, &program.backoff, spool,
                       str_of((const char *)&r, sizeof r), r.items, 30000);
    int64_t took = collector.now_ms - before;
    size_t memory = mallinfo2().uordblks;
    program.sent += r.items;
    program.lost += rc == TT_OK ? 0 : r.items;
    program.longest_ms = took > program.longest_ms ? took : program.longest_ms;
    program.memory = memory > program.memory ? memory : program.memory;
}

/* What the exporter's thread does. */
static void drain(struct otlp_spool *spool)
{
    if (collector.now_ms < program.drain_at_ms)
        return;
    int64_t pause = otlp_send_spooled(&config, &virtual_link, &program.drain_backoff, spool);
    program.drain_at_ms = collector.now_ms + pause;
}

static struct otlp_spool *open_spool(uint64_t bytes_max)
{
    struct otlp_spool *s = NULL;
    assert_int_equal(otlp_spool_open(folder, "traces", bytes_max, config.request_max, &s), TT_OK);
    return s;
}

/* The items that the spool lost. The process is restarted at noon. */
static uint64_t live_a_day(const struct phase *phases, uint64_t bytes_max)
{
    struct otlp_spool *spool = bytes_max ? open_spool(bytes_max) : NULL;
    tt_otlp_state morning = {0}, evening = {0};
    size_t memory = mallinfo2().uordblks;
    collector.phases = phases;
    for (uint64_t i = 0; i < REQUESTS; i++) {
        int64_t due = (int64_t)i * STEP_MS;
        collector.now_ms = collector.now_ms < due ? due : collector.now_ms;
        send_one(spool, i);
        if (spool)
            drain(spool);
        if (spool && i == REQUESTS / 2) {
            otlp_spool_state(spool, &morning);
            otlp_spool_close(spool);
            spool = open_spool(bytes_max);
        }
    }
    if (spool) {
        otlp_spool_state(spool, &evening);
        assert_int_equal(evening.waiting_requests, 0);
        assert_int_equal(morning.damaged_files + evening.damaged_files, 0);
    }
    otlp_spool_close(spool);
    assert_true(program.memory <= memory + MEMORY_MAX);
    return morning.dropped_items + evening.dropped_items;
}

/* --- days --- */

static const struct phase down[] = {{1, DOWN}, {22, UP}};
static const struct phase slow[] = {{1, SLOW}, {3, UP}};
static const struct phase mixed[] = {{1, DOWN}, {9, SLOW},     {11, UP},   {12, BUSY},
                                     {13, UP},  {14, GARBAGE}, {15, DOWN}, {20, UP}};

static void check_all_is_accounted_for(uint64_t dropped)
{
    assert_false(collector.twice);
    assert_int_equal(collector.items + program.lost + dropped, program.sent);
    assert_in_range(program.longest_ms, 0, config.timeout_ms + 10);
}

static void test_without_a_buffer_what_is_lost_is_counted(void **state)
{
    (void)state;
    (void)live_a_day(down, 0);
    check_all_is_accounted_for(0);
    assert_in_range(program.lost * 24, program.sent * 20, program.sent * 22); // 21 hours of 24
}

static void test_slow_collector_costs_no_more_than_the_timeout(void **state)
{
    (void)state;
    (void)live_a_day(slow, 0);
    check_all_is_accounted_for(0);
    assert_true(program.lost > 0);
}

static void test_troubles_of_all_kinds_are_counted(void **state)
{
    (void)state;
    (void)live_a_day(mixed, 0);
    check_all_is_accounted_for(0);
}

static void test_buffer_delivers_a_day_of_outage(void **state)
{
    (void)state;
    assert_int_equal(live_a_day(down, 64 << 20), 0);
    check_all_is_accounted_for(0);
    assert_int_equal(program.lost, 0);
    assert_int_equal(collector.items, program.sent);
    assert_true(collector.posts < REQUESTS + 21 * 3600 / 10); // it is not asked all the time
}

static void test_buffer_that_is_too_small_drops_the_oldest(void **state)
{
    (void)state;
    uint64_t dropped = live_a_day(down, 1 << 19);
    check_all_is_accounted_for(dropped);
    assert_int_equal(program.lost, 0);
    assert_true(dropped > 0);
    assert_true(collector.taken[0]);                      // before the outage
    assert_false(collector.taken[REQUESTS / 24 + 3]);     // as it began
    assert_true(collector.taken[REQUESTS * 22 / 24 - 1]); // as it ended
}

static void test_buffer_in_troubles_of_all_kinds_accounts_for_all(void **state)
{
    (void)state;
    uint64_t dropped = live_a_day(mixed, 64 << 20);
    check_all_is_accounted_for(dropped);
    assert_true(dropped + program.lost < program.sent / 50); // what was refused
}

static void refuse_for_ever(void *arg, const void *body, size_t n, int64_t timeout_ms,
                            struct otlp_verdict *out)
{
    (void)arg, (void)body, (void)n, (void)timeout_ms;
    struct otlp_reply reply = {.http_status = 503, .retry_after_ms = INT64_MAX / 2};
    otlp_judge(TT_OTLP_HTTP_PROTOBUF, &reply, out);
}

static void test_collector_that_asks_for_eternity_is_asked_within_the_hour(void **state)
{
    (void)state;
    struct otlp_link link = virtual_link;
    struct otlp_spool *spool = open_spool(1 << 20);
    link.post = refuse_for_ever;
    assert_int_equal(otlp_spool_append(spool, STR("x"), 1), TT_OK);
    assert_in_range(otlp_send_spooled(&config, &link, &program.backoff, spool), 1, HOUR_MS);
    assert_int_equal(otlp_send(&config, &link, &program.backoff, NULL, STR("x"), 1, 30000),
                     TT_ERR_IO);
    otlp_spool_close(spool);
}

#define DAY(name) cmocka_unit_test_setup_teardown(name, begin_day, end_day)

static void test_server_that_says_at_once_is_not_asked_at_once(void **state)
{
    (void)state;
    struct otlp_backoff b;
    struct otlp_verdict now = {.fate = OTLP_LATER, .retry_after_ms = 0},
                        later = {.fate = OTLP_LATER, .retry_after_ms = 3600000};
    otlp_backoff_init(&b, 7);
    assert_true(otlp_backoff_next(&b, &now) >= 500);
    assert_true(otlp_backoff_next(&b, &now) >= 1000);
    assert_int_equal(otlp_backoff_next(&b, &later), 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAY(test_without_a_buffer_what_is_lost_is_counted),
        DAY(test_slow_collector_costs_no_more_than_the_timeout),
        DAY(test_troubles_of_all_kinds_are_counted),
        DAY(test_buffer_delivers_a_day_of_outage),
        DAY(test_buffer_that_is_too_small_drops_the_oldest),
        DAY(test_buffer_in_troubles_of_all_kinds_accounts_for_all),
        DAY(test_collector_that_asks_for_eternity_is_asked_within_the_hour),
        cmocka_unit_test(test_server_that_says_at_once_is_not_asked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
