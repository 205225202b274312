/* Whose memory it is at each moment, the sanitizers tell. */
#include "net/http_spare.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/client.h"
#include "net/http.h"
#include "support/check.h"

enum { MIB = 1 << 20 };

static struct http_spare spare;

static int set_up(void **state)
{
    (void)state;
    http_spare_init(&spare);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_spare_done(&spare);
    return 0;
}

/* A block of `mib` that was written to its end. */
static char *give(size_t mib)
{
    char *p = malloc(mib * MIB);
    assert_non_null(p);
    http_spare_give(&spare, (struct spare_block){p, mib * MIB, mib * MIB, 0});
    return p;
}

static bool is_taken(const char *block, size_t max)
{
    struct buf b = BUF_MAX(max);
    buf_puts(&b, "what is there stays");
    http_spare_take(&spare, &b);
    check_str(buf_str(&b), "what is there stays");
    bool taken = b.p == block;
    buf_done(&b);
    return taken;
}

static void test_a_body_goes_on_in_the_largest_block(void **state)
{
    (void)state;
    (void)give(5);
    char *largest = give(7);
    (void)give(6);
    struct buf b = BUF_MAX(100 * MIB);
    buf_puts(&b, "0123");
    http_spare_take(&spare, &b);
    check_str(buf_str(&b), "0123");
    assert_ptr_equal(b.p, largest);
    assert_int_equal(b.cap, 7 * MIB);
    buf_done(&b);
}

static void test_an_empty_body_takes_a_block_too(void **state)
{
    (void)state;
    char *block = give(5);
    struct buf b = BUF_MAX(100 * MIB);
    http_spare_take(&spare, &b);
    assert_ptr_equal(b.p, block);
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

static void test_nothing_is_taken_where_nothing_is(void **state)
{
    (void)state;
    assert_false(is_taken(NULL, 100 * MIB));
}

static void test_a_block_larger_than_the_body_may_be_is_left(void **state)
{
    (void)state;
    const char *block = give(5);
    assert_false(is_taken(block, 5 * MIB - 1));
    assert_true(is_taken(block, 5 * MIB));
}

static void test_a_body_that_has_as_much_room_takes_none(void **state)
{
    (void)state;
    (void)give(5);
    struct buf b = BUF_MAX(100 * MIB);
    char *own = buf_reserve(&b, 5 * MIB);
    http_spare_take(&spare, &b);
    assert_ptr_equal(b.p, own);
    buf_done(&b);
}

static void test_small_and_huge_blocks_are_not_kept(void **state)
{
    (void)state;
    char *small = give(3);
    assert_false(is_taken(small, 1024 * (size_t)MIB));
    const size_t huge = (size_t)SPARE_BYTES_MAX + 1; // it is not looked into
    http_spare_give(&spare, (struct spare_block){malloc(16), huge, huge, 0});
    assert_null(spare.blocks[0].p);
}

static void test_larger_blocks_replace_smaller_ones(void **state)
{
    (void)state;
    for (size_t mib = 4; mib < 4 + SPARE_BLOCKS; mib++)
        (void)give(mib);
    char *more = give(4 + SPARE_BLOCKS);
    (void)give(4); // is less than all that are there
    assert_true(is_taken(more, 100 * MIB));
    for (size_t i = 0; i < SPARE_BLOCKS; i++)
        assert_int_not_equal(spare.blocks[i].used, 4 * MIB);
}

static void test_a_block_that_nobody_takes_is_freed(void **state)
{
    (void)state;
    char *block = give(5);
    http_spare_tick(&spare);
    http_spare_tick(&spare);
    assert_ptr_equal(spare.blocks[0].p, block);
    http_spare_tick(&spare);
    assert_null(spare.blocks[0].p);
}

/* --- through a server ------------------------------------------------------------------------- */

/* ?letter=a&mib=5 */
static void handle_letters(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self;
    r->no_gzip = http_param(q, "plain").p != NULL;
    size_t mib = (size_t)(http_param(q, "mib").p[0] - '0');
    for (size_t i = 0; i < mib; i++) {
        if (i == 1)
            http_more_room(q, &r->body);
        memset(buf_reserve(&r->body, MIB), http_param(q, "letter").p[0], MIB);
        buf_advance(&r->body, MIB);
    }
}

static void check_letters(struct http_client *c, struct http_server *s, char letter, size_t mib,
                          const char *more)
{
    char url[100];
    struct http_answer answer;
    (void)snprintf(url, sizeof url, "http://%s/letters?letter=%c&mib=%zu%s", http_server_address(s),
                   letter, mib, more);
    struct http_call call = {
        .method = "GET", .url = url, .timeout_ms = 60000, .max_body_bytes = 16 * MIB};
    assert_int_equal(http_client_call(c, &call, &answer, NULL), 0);
    assert_int_equal(answer.body.n, mib * MIB);
    for (size_t i = 0; i < answer.body.n; i++)
        if (answer.body.p[i] != letter)
            fail_msg("byte %zu of the %c is %02x", i, letter, answer.body.p[i]);
    buf_done(&answer.body);
}

static void test_answers_that_follow_one_another_hold_their_own_bytes(void **state)
{
    (void)state;
    static const struct http_route routes[] = {
        {HTTP_GET, "/letters", AUTH_READ, HTTP_QUERY, handle_letters, NULL, NULL, NULL}};
    const struct http_options options = {
        .address = "127.0.0.1:0", .name = "test", .routes = routes, .n_routes = 1};
    struct http_server *s = NULL;
    struct http_client *c = NULL;
    assert_int_equal(http_server_start(&options, &s, NULL), 0);
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &c, NULL), 0);
    check_letters(c, s, 'a', 6, "");
    check_letters(c, s, 'b', 5, "");
    check_letters(c, s, 'c', 7, "&plain=1");
    check_letters(c, s, 'd', 8, "&plain=1");
    check_letters(c, s, 'e', 4, "");
    http_client_free(c);
    http_server_stop(s, 1000);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_body_goes_on_in_the_largest_block),
        TEST(test_an_empty_body_takes_a_block_too),
        TEST(test_nothing_is_taken_where_nothing_is),
        TEST(test_a_block_larger_than_the_body_may_be_is_left),
        TEST(test_a_body_that_has_as_much_room_takes_none),
        TEST(test_small_and_huge_blocks_are_not_kept),
        TEST(test_larger_blocks_replace_smaller_ones),
        TEST(test_a_block_that_nobody_takes_is_freed),
        cmocka_unit_test(test_answers_that_follow_one_another_hold_their_own_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
