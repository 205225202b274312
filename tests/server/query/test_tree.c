/* Trees of traces: links, times, sums, and traces that are no trees. */

#include "query/traces/tree.h"
#include "support/check.h"

enum { SPANS_MAX = 20000 };

static struct span spans[SPANS_MAX];
static char ids[SPANS_MAX + 1][8];
static struct attribute attributes[SPANS_MAX][4];
static size_t n;
static struct arena arena;
static struct trace_tree tree;

static struct str id_of(size_t number)
{
    memcpy(ids[number], &number, sizeof ids[number]);
    return str_of(ids[number], sizeof ids[number]);
}

/* Spans are numbered from 1; parent 0: a root. */
static struct span *add(size_t parent, int64_t start, int64_t end)
{
    struct span *s = &spans[n++];
    *s = (struct span){.span_id = id_of(n),
                       .parent_id = parent ? id_of(parent) : (struct str){0},
                       .start_unix_ns = start,
                       .duration_ns = end - start,
                       .has_end = true,
                       .attributes = attributes[n - 1]};
    return s;
}

static void set(struct span *s, const char *key, struct any v)
{
    attributes[s - spans][s->n_attributes++] = (struct attribute){str_c(key), v};
}

static void text(struct span *s, const char *key, const char *v)
{
    set(s, key, any_string(str_c(v)));
}

static void make(void)
{
    struct trace t = {.spans = spans, .n = n};
    assert_true(trace_tree_make(&t, &arena, &tree));
    assert_int_equal(tree.n, n);
}

/* The node of span `number`. */
static const struct trace_node *node(size_t number)
{
    for (size_t i = 0; i < tree.n; i++)
        if (tree.nodes[i]->span == &spans[number - 1])
            return tree.nodes[i];
    fail_msg("no node of span %zu", number);
    return NULL;
}

static int start(void **state)
{
    (void)state;
    n = 0;
    arena_init(&arena, 64 << 20);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void test_children_follow_their_parents_by_start(void **state)
{
    (void)state;
    add(0, 0, 100);
    add(1, 10, 20);
    add(2, 11, 12);
    add(1, 30, 40);
    add(2, 13, 14);
    make();
    const size_t expected[] = {1, 2, 3, 5, 4};
    const unsigned depths[] = {0, 1, 2, 2, 1};
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(tree.nodes[i]->span, &spans[expected[i] - 1]);
        assert_int_equal(tree.nodes[i]->depth, depths[i]);
    }
    assert_int_equal(tree.roots, 1);
    assert_int_equal(tree.end_unix_ns - tree.start_unix_ns, 100);
}

static void test_self_time_is_what_no_child_covers(void **state)
{
    (void)state;
    add(0, 0, 100);
    add(1, 10, 30);
    add(1, 20, 40);  // overlaps
    add(1, 90, 150); // goes on behind its parent
    make();
    assert_int_equal(node(1)->self_ns, 100 - 30 - 10);
    assert_int_equal(node(4)->self_ns, 60);
}

static void test_the_critical_path_goes_through_what_ended_last(void **state)
{
    (void)state;
    add(0, 0, 100);
    add(1, 0, 40);  // before
    add(1, 5, 30);  // beside 2, shorter
    add(1, 50, 90); // last
    add(4, 55, 60); // part of it
    make();
    assert_true(node(1)->is_critical);
    assert_true(node(2)->is_critical);
    assert_false(node(3)->is_critical);
    assert_true(node(4)->is_critical);
    assert_true(node(5)->is_critical);
    assert_int_equal(node(1)->critical_ns, 10 + 10);
    assert_int_equal(node(2)->critical_ns, 40);
    assert_int_equal(node(4)->critical_ns, 35);
    assert_int_equal(node(5)->critical_ns, 5);
}

static void test_a_missing_parent_is_told_and_its_child_is_a_root(void **state)
{
    (void)state;
    add(7, 0, 10);
    add(0, 5, 10);
    add(1, 6, 7);
    make();
    assert_true(node(1)->lost_parent);
    assert_false(node(2)->lost_parent);
    assert_int_equal(tree.roots, 2);
    assert_int_equal(tree.lost_parents, 1);
    assert_ptr_equal(tree.root, node(2));
    assert_int_equal(node(3)->depth, 1);
}

static void test_circles_of_parents_are_opened(void **state)
{
    (void)state;
    add(0, 0, 10);
    add(2, 1, 2); // its own parent
    add(5, 1, 2); // hangs off a circle
    add(5, 2, 3);
    add(4, 3, 4);
    make();
    assert_true(node(2)->broke_cycle);
    assert_int_equal(node(4)->broke_cycle + node(5)->broke_cycle, 1);
    assert_int_equal(tree.roots, 3);
    assert_ptr_equal(node(3)->parent, node(5));
}

static void test_a_chain_and_circles_as_long_as_can_be_take_no_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPANS_MAX / 2; i++)
        add(i, (int64_t)i, SPANS_MAX);
    for (size_t i = SPANS_MAX / 2; i < SPANS_MAX; i += 2) {
        add(i + 2, 1, 2);
        add(i + 1, 1, 2);
    }
    make();
    assert_int_equal(node(SPANS_MAX / 2)->depth, SPANS_MAX / 2 - 1);
    assert_int_equal(tree.roots, 1 + SPANS_MAX / 4);
}

static void test_spans_without_an_end_or_with_one_before_the_start_have_no_length(void **state)
{
    (void)state;
    add(0, 100, 200);
    add(1, 150, 120);
    add(1, INT64_MAX - 5, INT64_MAX)->duration_ns = 1000;
    make();
    assert_int_equal(node(2)->self_ns, 0);
    assert_int_equal(node(1)->self_ns, 100);
    assert_int_equal(node(3)->end_unix_ns, INT64_MAX);
}

static const struct attribute host_a = {{"host.name", 9}, {ANY_STRING, 1, {.text = "a"}}};
static const struct attribute host_b = {{"host.name", 9}, {ANY_STRING, 1, {.text = "b"}}};
static const struct record_source on_a = {.resource = &host_a, .n_resource = 1};
static const struct record_source on_b = {.resource = &host_b, .n_resource = 1};

static void test_a_call_outside_of_its_caller_on_another_host_hints_at_the_clock(void **state)
{
    (void)state;
    add(0, 1000, 2000)->source = &on_a;
    add(1, 400, 800)->source = &on_b;   // 400 long: into the middle, at 1300
    add(1, 400, 800)->source = &on_a;   // the same clock: so it was
    add(1, 1100, 1200)->source = &on_b; // within
    make();
    assert_int_equal(node(2)->skew_ns, 900);
    assert_int_equal(node(3)->skew_ns, 0);
    assert_int_equal(node(4)->skew_ns, 0);
}

static struct span *model_call(size_t parent, int64_t input, int64_t output)
{
    struct span *s = add(parent, 0, 10);
    text(s, "gen_ai.operation.name", "chat");
    set(s, "gen_ai.usage.input_tokens", any_int(input));
    set(s, "gen_ai.usage.output_tokens", any_int(output));
    return s;
}

static void test_tokens_of_a_subtree_are_those_of_its_model_calls(void **state)
{
    (void)state;
    struct span *agent = add(0, 0, 10);
    text(agent, "gen_ai.operation.name", "invoke_agent");
    set(agent, "gen_ai.usage.input_tokens", any_int(999)); // the sum, told again
    model_call(1, 100, 10);
    model_call(1, 200, 20);
    struct span *tool = add(1, 0, 10);
    text(tool, "gen_ai.operation.name", "execute_tool");
    text(tool, "gen_ai.tool.name", "search");
    tool->status = 2;
    struct span *mcp = add(4, 0, 10);
    text(mcp, "gen_ai.operation.name", "execute_tool");
    text(mcp, "gen_ai.tool.name", "search");
    make();
    assert_int_equal(node(1)->total.model_calls, 2);
    assert_int_equal(node(1)->total.agent_calls, 1);
    assert_int_equal(node(1)->total.tool_calls, 1);
    assert_int_equal(node(1)->total.errors, 1);
    assert_int_equal(node(1)->total.spans, 5);
    assert_true(node(1)->total.input_tokens == 300);
    assert_true(node(1)->total.output_tokens == 30);
    assert_true(tree.usage.input_tokens == 300);
    assert_false(tree.usage.has_cost);
}

static void test_a_model_call_told_twice_counts_once(void **state)
{
    (void)state;
    add(0, 0, 10);
    model_call(1, 100, 10);
    model_call(2, 100, 10); // the library within the framework
    text(model_call(1, 5, 5), "gen_ai.response.id", "r1");
    text(model_call(1, 5, 5), "gen_ai.response.id", "r1");
    make();
    assert_int_equal(tree.usage.model_calls, 2);
    assert_true(tree.usage.input_tokens == 105);
}

static void test_an_agent_without_model_calls_speaks_for_itself(void **state)
{
    (void)state;
    struct span *agent = add(0, 0, 10);
    text(agent, "gen_ai.operation.name", "invoke_agent");
    set(agent, "gen_ai.usage.input_tokens", any_int(50));
    set(agent, "gen_ai.usage.cost", any_double(0.25));
    make();
    assert_true(tree.usage.input_tokens == 50);
    assert_true(tree.usage.has_cost);
    assert_true(tree.usage.cost == 0.25);
}

static void test_older_and_other_names_of_tokens_are_understood(void **state)
{
    (void)state;
    set(add(0, 0, 1), "gen_ai.usage.prompt_tokens", any_int(7));
    set(add(1, 0, 1), "llm.token_count.completion", any_int(3));
    make();
    assert_true(tree.usage.output_tokens == 3);
    assert_int_equal(tree.usage.model_calls, 1); // the second is within the first
}

static void test_a_trace_without_spans_is_an_empty_tree(void **state)
{
    (void)state;
    make();
    assert_null(tree.root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_children_follow_their_parents_by_start),
        TEST(test_self_time_is_what_no_child_covers),
        TEST(test_the_critical_path_goes_through_what_ended_last),
        TEST(test_a_missing_parent_is_told_and_its_child_is_a_root),
        TEST(test_circles_of_parents_are_opened),
        TEST(test_a_chain_and_circles_as_long_as_can_be_take_no_time),
        TEST(test_spans_without_an_end_or_with_one_before_the_start_have_no_length),
        TEST(test_a_call_outside_of_its_caller_on_another_host_hints_at_the_clock),
        TEST(test_tokens_of_a_subtree_are_those_of_its_model_calls),
        TEST(test_a_model_call_told_twice_counts_once),
        TEST(test_an_agent_without_model_calls_speaks_for_itself),
        TEST(test_older_and_other_names_of_tokens_are_understood),
        TEST(test_a_trace_without_spans_is_an_empty_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
