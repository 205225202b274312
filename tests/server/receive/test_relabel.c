#include "receive/relabel.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"

#define RULE(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }
#define FROM(...)                                                                                  \
    .source_labels = (const struct str[]){__VA_ARGS__},                                            \
    .n_source_labels = sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

struct row {
    const char *labels; /* "a=foo,b=bar" */
    struct relabel_rule rules[3];
    size_t n_rules;
    const char *wanted; /* as labels_format writes them; NULL: dropped */
};

static void set_labels(struct labels_builder *b, const char *text)
{
    struct str rest = str_c(text);
    while (rest.p && rest.n) {
        struct str value = str_cut(&rest, ',');
        struct str name = str_cut(&value, '=');
        labels_builder_set(b, name, value);
    }
}

/* Keys that a row leaves out (p == NULL) have their defaults. */
static struct relabel_rule complete(struct relabel_rule r)
{
    const struct relabel_rule defaults = RELABEL_RULE_DEFAULTS;
    r.separator = r.separator.p ? r.separator : defaults.separator;
    r.regex = r.regex.p ? r.regex : defaults.regex;
    r.replacement = r.replacement.p ? r.replacement : defaults.replacement;
    return r;
}

static void check_row(const struct row *row)
{
    struct relabel_rule rules[ARRAY_LEN(row->rules)];
    for (size_t i = 0; i < row->n_rules; i++)
        rules[i] = complete(row->rules[i]);
    const struct relabel_config config = {rules, row->n_rules};
    struct relabel *relabel;
    struct err err = {0};
    if (relabel_new(&config, "relabel_configs", &relabel, &err) != 0)
        fail_msg("%s", err.message);

    struct arena arena;
    struct labels_builder b;
    arena_init(&arena, 1 << 20);
    labels_builder_init(&b, &arena, NULL);
    set_labels(&b, row->labels);
    int rc = relabel_apply(relabel, &b);
    assert_int_equal(rc, row->wanted ? 1 : 0);
    if (row->wanted) {
        struct labels labels = labels_builder_labels(&b);
        struct buf out = BUF_MAX(4096);
        assert_true(labels_are_canonical(&labels));
        labels_format(&out, &labels);
        buf_putc(&out, '\0');
        assert_string_equal(out.p, row->wanted);
        buf_done(&out);
    }
    arena_done(&arena);
    relabel_free(relabel);
}

static void test_each_action_rewrites_as_prometheus_does(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"a=foo,b=bar,c=baz",
         {RULE(FROM(TEXT("a")), .regex = TEXT("f(.*)"), .target_label = TEXT("d"),
               .replacement = TEXT("ch${1}-ch${1}"))},
         1,
         "{a=\"foo\", b=\"bar\", c=\"baz\", d=\"choo-choo\"}"},
        {"a=foo,b=bar,c=baz",
         {RULE(FROM(TEXT("a"), TEXT("b")), .regex = TEXT("f(.*);(.*)r"), .target_label = TEXT("a"),
               .replacement = TEXT("b${1}${2}m")),
          RULE(FROM(TEXT("c"), TEXT("a")), .regex = TEXT("(b).*b(.*)ba(.*)"),
               .target_label = TEXT("d"), .replacement = TEXT("$1$2$2$3"))},
         2,
         "{a=\"boobam\", b=\"bar\", c=\"baz\", d=\"boooom\"}"},
        {"a=foo", {RULE(FROM(TEXT("a")), .regex = TEXT(".*o.*"), .action = RELABEL_DROP)}, 1, NULL},
        {"a=foo",
         {RULE(FROM(TEXT("a")), .regex = TEXT(".*o.*"), .action = RELABEL_DROP),
          RULE(FROM(TEXT("a")), .target_label = TEXT("d"))},
         2,
         NULL},
        {"a=abc",
         {RULE(FROM(TEXT("a")), .regex = TEXT(".*(b).*"), .target_label = TEXT("d"),
               .separator = TEXT(";"), .replacement = TEXT("$1"))},
         1,
         "{a=\"abc\", d=\"b\"}"},
        {"a=foo",
         {RULE(FROM(TEXT("a")), .regex = TEXT("no-match"), .action = RELABEL_DROP)},
         1,
         "{a=\"foo\"}"},
        {"a=foo",
         {RULE(FROM(TEXT("a")), .regex = TEXT("f|o"), .action = RELABEL_DROP)},
         1,
         "{a=\"foo\"}"}, // anchored
        {"a=foo",
         {RULE(FROM(TEXT("a")), .regex = TEXT("no-match"), .action = RELABEL_KEEP)},
         1,
         NULL},
        {"a=foo",
         {RULE(FROM(TEXT("a")), .regex = TEXT("f.*"), .action = RELABEL_KEEP)},
         1,
         "{a=\"foo\"}"},
        {"a=foo",
         {RULE(FROM(TEXT("b")), .regex = TEXT(""), .action = RELABEL_KEEP)},
         1,
         "{a=\"foo\"}"}, // a missing label is empty
        /* Replacing with nothing deletes; no match leaves things alone. */
        {"a=boo",
         {RULE(FROM(TEXT("a")), .regex = TEXT("f"), .target_label = TEXT("b"),
               .replacement = TEXT("bar"))},
         1,
         "{a=\"boo\"}"},
        {"a=foo,b=bar",
         {RULE(FROM(TEXT("a")), .target_label = TEXT("b"), .replacement = TEXT(""))},
         1,
         "{a=\"foo\"}"},
        {"a=foo",
         {RULE(.target_label = TEXT("b"), .replacement = TEXT("c"))},
         1,
         "{a=\"foo\", b=\"c\"}"},
        {"a=some-name-value",
         {RULE(FROM(TEXT("a")), .regex = TEXT("some-([^-]+)-([^,]+)"), .target_label = TEXT("${1}"),
               .replacement = TEXT("${2}"))},
         1,
         "{a=\"some-name-value\", name=\"value\"}"},
        {"a=some--value", // the target's name comes out empty
         {RULE(FROM(TEXT("a")), .regex = TEXT("some-(.*)-(.*)"), .target_label = TEXT("$1"),
               .replacement = TEXT("$2"))},
         1,
         "{a=\"some--value\"}"},
        {"a=foo,b=bar,c=baz",
         {RULE(FROM(TEXT("c")), .target_label = TEXT("d"), .action = RELABEL_HASHMOD,
               .modulus = 1000)},
         1,
         "{a=\"foo\", b=\"bar\", c=\"baz\", d=\"976\"}"},
        {"a=foo\nbar",
         {RULE(FROM(TEXT("a")), .target_label = TEXT("b"), .action = RELABEL_HASHMOD,
               .modulus = 1000)},
         1,
         "{a=\"foo\\nbar\", b=\"734\"}"},
        {"a=foo,b1=bar,b2=baz",
         {RULE(.regex = TEXT("(b.*)"), .replacement = TEXT("bar_${1}"),
               .action = RELABEL_LABELMAP)},
         1,
         "{a=\"foo\", b1=\"bar\", b2=\"baz\", bar_b1=\"bar\", bar_b2=\"baz\"}"},
        {"a=foo,__meta_my_bar=aaa,__meta_my_baz=bbb,__meta_other=ccc",
         {RULE(.regex = TEXT("__meta_(my.*)"), .action = RELABEL_LABELMAP)},
         1,
         "{__meta_my_bar=\"aaa\", __meta_my_baz=\"bbb\", __meta_other=\"ccc\", a=\"foo\", "
         "my_bar=\"aaa\", my_baz=\"bbb\"}"},
        {"a=foo,b1=bar,b2=baz",
         {RULE(.regex = TEXT("(b.*)"), .action = RELABEL_LABELKEEP)},
         1,
         "{b1=\"bar\", b2=\"baz\"}"},
        {"a=foo,b1=bar,b2=baz",
         {RULE(.regex = TEXT("(b.*)"), .action = RELABEL_LABELDROP)},
         1,
         "{a=\"foo\"}"},
        {"foo=bAr123Foo",
         {RULE(FROM(TEXT("foo")), .target_label = TEXT("up"), .action = RELABEL_UPPERCASE),
          RULE(FROM(TEXT("foo")), .target_label = TEXT("low"), .action = RELABEL_LOWERCASE)},
         2,
         "{foo=\"bAr123Foo\", low=\"bar123foo\", up=\"BAR123FOO\"}"},
        {"x=1234,port=1234",
         {RULE(FROM(TEXT("x")), .target_label = TEXT("port"), .action = RELABEL_KEEP_EQUAL)},
         1,
         "{port=\"1234\", x=\"1234\"}"},
        {"x=1234,port=5678",
         {RULE(FROM(TEXT("x")), .target_label = TEXT("port"), .action = RELABEL_KEEP_EQUAL)},
         1,
         NULL},
        {"x=1234,port=1234",
         {RULE(FROM(TEXT("x")), .target_label = TEXT("port"), .action = RELABEL_DROP_EQUAL)},
         1,
         NULL},
        {"x=1234,port=5678",
         {RULE(FROM(TEXT("x")), .target_label = TEXT("port"), .action = RELABEL_DROP_EQUAL)},
         1,
         "{port=\"5678\", x=\"1234\"}"},
        {"a=foo",
         {RULE(FROM(TEXT("a")), .target_label = TEXT("my.utf8"))},
         1,
         "{a=\"foo\", \"my.utf8\"=\"foo\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
}

static void test_bad_rules_are_refused_with_the_key(void **state)
{
    (void)state;
    const struct {
        struct relabel_rule rule;
        const char *wanted;
    } rows[] = {
        {RULE(FROM(TEXT("a"))),
         "metric_relabel_configs[0]: target_label: missing (action replace)"},
        {RULE(.action = RELABEL_HASHMOD, .target_label = TEXT("a")),
         "metric_relabel_configs[0]: modulus: missing or 0 (action hashmod)"},
        {RULE(.target_label = TEXT("a${1")),
         "metric_relabel_configs[0]: target_label: not a label name (action replace)"},
        {RULE(.target_label = TEXT("$1"), .action = RELABEL_LOWERCASE),
         "metric_relabel_configs[0]: target_label: not a label name (action lowercase)"},
        {RULE(.target_label = TEXT("a"), .replacement = TEXT("b"), .action = RELABEL_UPPERCASE),
         "metric_relabel_configs[0]: replacement: cannot be set for this action (action "
         "uppercase)"},
        {RULE(.replacement = TEXT("a b"), .action = RELABEL_LABELMAP),
         "metric_relabel_configs[0]: replacement: not a label name (action labelmap)"},
        {RULE(.target_label = TEXT("a"), .action = RELABEL_LABELDROP),
         "metric_relabel_configs[0]: this action takes a regex and no other key (action "
         "labeldrop)"},
        {RULE(.target_label = TEXT("a"), .separator = TEXT(","), .action = RELABEL_KEEP_EQUAL),
         "metric_relabel_configs[0]: this action takes source_labels and target_label and no other "
         "key (action keepequal)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct relabel_rule rule = complete(rows[i].rule);
        const struct relabel_config config = {&rule, 1};
        struct relabel *relabel = NULL;
        struct err err = {0};
        assert_int_equal(relabel_new(&config, "metric_relabel_configs", &relabel, &err),
                         ERR_INVALID);
        assert_string_equal(err.message, rows[i].wanted);
        assert_null(relabel);
    }
    const struct relabel_rule pattern =
        complete((struct relabel_rule)RULE(.target_label = TEXT("a"), .regex = TEXT("(")));
    const struct relabel_config config = {&pattern, 1};
    struct relabel *relabel = NULL;
    struct err err = {0};
    assert_int_equal(relabel_new(&config, "relabel_configs", &relabel, &err), ERR_INVALID);
    assert_non_null(strstr(err.message, "relabel_configs[0]: regex: "));
}

static void test_a_spent_arena_is_told(void **state)
{
    (void)state;
    const struct relabel_rule rule = complete((struct relabel_rule)RULE(
        FROM(TEXT("a")), .target_label = TEXT("b"), .replacement = TEXT("$1$1$1$1$1$1$1$1")));
    const struct relabel_rule rules[] = {rule, rule};
    const struct relabel_config config = {rules, 2};
    struct relabel *relabel;
    assert_int_equal(relabel_new(&config, "relabel_configs", &relabel, NULL), 0);

    static char long_value[4096];
    memset(long_value, 'x', sizeof long_value);
    struct arena arena;
    struct labels_builder b;
    arena_init(&arena, 16 * 1024);
    labels_builder_init(&b, &arena, NULL);
    labels_builder_set(&b, STR("a"), str_of(long_value, sizeof long_value));
    assert_int_equal(relabel_apply(relabel, &b), ERR_NOMEM);
    arena_done(&arena);
    relabel_free(relabel);
}

static void check_labels(const struct labels *labels, const char *wanted)
{
    struct buf out = BUF_MAX(4096);
    labels_format(&out, labels);
    check_str(buf_str(&out), wanted);
    buf_done(&out);
}

static void test_steps_are_shown_up_to_the_one_that_drops(void **state)
{
    (void)state;
    const struct relabel_rule rules[] = {
        complete((struct relabel_rule)RULE(FROM(TEXT("a")), .target_label = TEXT("b"))),
        complete((struct relabel_rule)RULE(.regex = TEXT("a"), .action = RELABEL_LABELDROP)),
        complete(
            (struct relabel_rule)RULE(FROM(TEXT("b")), .regex = TEXT("1"), .action = RELABEL_DROP)),
        complete((struct relabel_rule)RULE(.target_label = TEXT("never"))),
    };
    const struct relabel_config config = {rules, 4};
    const struct label label = {STR("a"), STR("1")};
    const struct relabel_step *steps;
    size_t n;
    struct err err;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(relabel_steps(&config, &(struct labels){&label, 1}, &arena, &steps, &n, &err),
                     0);
    assert_int_equal(n, 3);
    check_labels(&steps[0].output, "{a=\"1\", b=\"1\"}");
    check_labels(&steps[1].output, "{b=\"1\"}");
    assert_true(steps[1].kept);
    assert_false(steps[2].kept);
    assert_int_equal(steps[2].output.n, 0);
    assert_ptr_equal(steps[2].rule, &rules[2]);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_action_rewrites_as_prometheus_does),
        cmocka_unit_test(test_bad_rules_are_refused_with_the_key),
        cmocka_unit_test(test_a_spent_arena_is_told),
        cmocka_unit_test(test_steps_are_shown_up_to_the_one_that_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
