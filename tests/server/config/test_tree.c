#include "config/tree.h"

#include "base/buf.h"
#include "support/check.h"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct node *parsed(const char *text)
{
    struct node *root = NULL;
    struct err err = {0};
    if (tree_parse(&arena, str_c(text), &root, &err) != 0)
        fail_msg("%s", err.message);
    return root;
}

static void refused(const char *text, int code, const char *message)
{
    struct node *root = NULL;
    struct err err = {0};
    assert_int_equal(tree_parse(&arena, str_c(text), &root, &err), code);
    assert_string_equal(err.message, message);
    assert_null(root);
}

static void test_nodes_know_their_line_and_column(void **state)
{
    (void)state;
    const struct node *root = parsed("a: 1\nb:\n  - x\n  - {c: 'y'}\n");
    assert_int_equal(root->kind, NODE_MAP);
    assert_int_equal(root->n, 2);
    const struct node *list = node_get(root, STR("b"));
    assert_int_equal(list->kind, NODE_LIST);
    const struct node *c = node_get(list->items[1], STR("c"));
    check_str(c->text, "y");
    assert_false(c->plain);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->column, 9);
    assert_int_equal(root->keys[1]->line, 2);
    assert_int_equal(root->keys[1]->column, 1);
}

static void test_an_empty_document_is_no_node(void **state)
{
    (void)state;
    assert_null(parsed(""));
    assert_null(parsed("# only a comment\n"));
}

static void test_null_is_plain_only(void **state)
{
    (void)state;
    const struct node *root = parsed("a:\nb: ~\nc: null\nd: 'null'\ne: ''\n");
    assert_true(node_is_null(root->items[0]));
    assert_true(node_is_null(root->items[1]));
    assert_true(node_is_null(root->items[2]));
    assert_false(node_is_null(root->items[3]));
    assert_false(node_is_null(root->items[4]));
}

static void test_aliases_and_merges_give_what_they_name(void **state)
{
    (void)state;
    const struct node *root = parsed("base: &b {x: 1, y: 2}\n"
                                     "one: {<<: *b, y: 3}\n"
                                     "two: {<<: [*b, {z: 4, x: 9}]}\n"
                                     "same: *b\n");
    const struct node *one = node_get(root, STR("one")), *two = node_get(root, STR("two"));
    check_str(node_get(one, STR("x"))->text, "1");
    check_str(node_get(one, STR("y"))->text, "3");
    check_str(node_get(two, STR("x"))->text, "1");
    check_str(node_get(two, STR("z"))->text, "4");
    assert_ptr_equal(node_get(root, STR("same")), node_get(root, STR("base")));
}

static void test_a_later_anchor_of_the_same_name_wins(void **state)
{
    (void)state;
    const struct node *root = parsed("a: &x 1\nb: &x 2\nc: *x\n");
    check_str(node_get(root, STR("c"))->text, "2");
}

static void test_bad_yaml_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("a: 1\na: 2\n", ERR_INVALID, "2:1: the key \"a\" stands twice, first at line 1");
    refused("a: *nobody\n", ERR_INVALID, "1:4: an alias without an anchor of that name");
    refused("a: &a [*a]\n", ERR_INVALID, "1:8: an alias inside the node it names");
    refused("? [x]\n: 1\n", ERR_INVALID, "1:3: a key must be a plain text");
    refused("a: {<<: 5}\n", ERR_INVALID, "1:4: <<: expected a map or a list of maps");
    refused("a: {<<: {}, <<: {}}\n", ERR_INVALID, "1:13: << stands twice in one map");
    refused("a: 1\n--- \nb: 2\n", ERR_INVALID, "2:1: a second document; expected one");
    refused("a: \"\\0\"\n", ERR_INVALID, "1:4: a NUL character in a text");
    refused("a: [1, 2\n", ERR_INVALID, "2:1: did not find expected ',' or ']'");
    refused("a: \xff\n", ERR_INVALID, "1:1: invalid leading UTF-8 octet at byte 3");
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    struct buf text = BUF_MAX(4096);
    for (int i = 0; i < TREE_DEPTH_MAX + 2; i++)
        buf_putc(&text, '[');
    struct node *root;
    struct err err = {0};
    assert_int_equal(tree_parse(&arena, buf_str(&text), &root, &err), ERR_TOO_BIG);
    assert_string_equal(err.message, "1:34: nested too deeply");
    buf_done(&text);
}

/* Nine levels of nine aliases would be 9^9 nodes to walk. */
static void test_a_billion_laughs_are_refused(void **state)
{
    (void)state;
    struct buf text = BUF_MAX(4096);
    buf_puts(&text, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 9; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
        buf_puts(&text, "]\n");
    }
    struct node *root;
    struct err err = {0};
    assert_int_equal(tree_parse(&arena, buf_str(&text), &root, &err), ERR_TOO_BIG);
    assert_non_null(strstr(err.message, "too many nodes"));
    buf_done(&text);
}

static void test_a_small_budget_is_an_error_not_a_crash(void **state)
{
    (void)state;
    for (size_t budget = 0; budget < 20000; budget += 500) {
        struct arena small;
        struct node *root = NULL;
        struct err err = {0};
        arena_init(&small, budget);
        int rc =
            tree_parse(&small, STR("a: &x [1, 2, {b: c}]\nd: *x\ne: {<<: {f: g}}\n"), &root, &err);
        assert_true(rc == 0 ? root != NULL : rc == ERR_NOMEM && root == NULL);
        arena_done(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nodes_know_their_line_and_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_empty_document_is_no_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_null_is_plain_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aliases_and_merges_give_what_they_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_later_anchor_of_the_same_name_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_yaml_is_refused_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth_is_limited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_billion_laughs_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_small_budget_is_an_error_not_a_crash, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
