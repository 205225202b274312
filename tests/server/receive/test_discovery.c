#include "receive/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "support/check.h"
#include "support/test_arena.h"

/* "a:1,b:2{x=y}" for each group, or the error's text. */
static void describe(struct buf *out, int rc, const struct target_groups *g, const struct err *err)
{
    if (rc != 0)
        buf_puts(out, err->message);
    for (size_t i = 0; rc == 0 && i < g->n; i++) {
        for (size_t j = 0; j < g->v[i].n_targets; j++)
            buf_printf(out, "%s%.*s", j ? "," : "", STR_ARG(g->v[i].targets[j]));
        buf_putc(out, '{');
        for (size_t j = 0; j < g->v[i].n_labels; j++)
            buf_printf(out, "%s%.*s=%.*s", j ? "," : "", STR_ARG(g->v[i].labels[j].name),
                       STR_ARG(g->v[i].labels[j].value));
        buf_putc(out, '}');
    }
    buf_putc(out, '\0');
}

typedef int parse(struct str text, struct arena *arena, struct target_groups *out, struct err *err);

static void expect(parse *parser, const char *text, const char *wanted)
{
    struct target_groups groups;
    struct err err = {0};
    struct buf out = BUF_MAX(4096);
    int rc = parser(str_c(text), &arena, &groups, &err);
    describe(&out, rc, &groups, &err);
    assert_string_equal(out.p, wanted);
    buf_done(&out);
}

static void test_json_and_yaml_give_the_same_groups(void **state)
{
    (void)state;
    static const struct {
        const char *json, *yaml, *wanted;
    } rows[] = {
        {"[]", "[]", ""},
        {"[{\"targets\":[]}]", "- targets: []\n", "{}"},
        {"[{\"targets\":[\"a:1\",\"b:2\"],\"labels\":{\"x\":\"y\"}},{\"targets\":[\"c\"]}]",
         "- targets: [\"a:1\", 'b:2']\n  labels:\n    x: y\n- targets:\n  - c\n",
         "a:1,b:2{x=y}c{}"},
        {"[{\"labels\":null,\"targets\":[\"a\"]}]", "- labels:\n  targets: [a]\n", "a{}"},
        {"[{\"targets\":[\"\\u00e4\"]}]", "- targets: [\xc3\xa4]\n", "\xc3\xa4{}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect(discovery_parse_json, rows[i].json, rows[i].wanted);
        expect(discovery_parse_yaml, rows[i].yaml, rows[i].wanted);
    }
    expect(discovery_parse_yaml, "", "");
    expect(discovery_parse_yaml, "- targets: [x]\n  labels: {n: 5}\n", "x{n=5}");
}

static void test_wrong_shapes_are_named_by_place(void **state)
{
    (void)state;
    static const struct {
        parse *parser;
        const char *text, *wanted;
    } rows[] = {
        {discovery_parse_json, "{}", "expected a list of target groups"},
        {discovery_parse_json, "[1]", "[0]: expected an object with targets and labels"},
        {discovery_parse_json, "[{\"targets\":[]},{}]", "[1].targets: expected a list of texts"},
        {discovery_parse_json, "[{\"targets\":[1]}]", "[0].targets[0]: expected a text"},
        {discovery_parse_json, "[{\"targets\":[],\"labels\":[]}]",
         "[0].labels: expected an object of texts"},
        {discovery_parse_json, "[{\"targets\":[],\"labels\":{\"a\":1}}]",
         "[0].labels.a: expected a text"},
        {discovery_parse_json, "[{\"target\":[]}]",
         "[0].target: unknown; expected targets and labels"},
        {discovery_parse_json, "[\n{]", "line 2: string or '}' expected near ']'"},
        {discovery_parse_yaml, "a: b\n", "line 1: expected a list of target groups"},
        {discovery_parse_yaml, "- a\n", "line 1: expected a mapping with targets and labels"},
        {discovery_parse_yaml, "\n- labels: {}\n", "line 2: targets: missing"},
        {discovery_parse_yaml, "- targets: x\n", "line 1: targets: expected a list of texts"},
        {discovery_parse_yaml, "- targets:\n  - [x]\n", "line 2: targets: expected a text"},
        {discovery_parse_yaml, "- targets: []\n  labels: x\n",
         "line 2: labels: expected a mapping of texts"},
        {discovery_parse_yaml, "- targets: []\n  labels: {a: [b]}\n",
         "line 2: labels: expected a text"},
        {discovery_parse_yaml, "- targets: []\n  other: 1\n",
         "line 2: unknown key; expected targets and labels"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(rows[i].parser, rows[i].text, rows[i].wanted);
}

static void test_a_list_over_the_memory_budget_is_refused(void **state)
{
    (void)state;
    struct buf text = BUF_MAX(1 << 20);
    buf_puts(&text, "[{\"targets\":[\"a\"");
    for (int i = 0; i < 5000; i++)
        buf_puts(&text, ",\"a\"");
    buf_puts(&text, "]}]");
    struct arena small;
    struct target_groups groups;
    arena_init(&small, 8192);
    assert_int_equal(discovery_parse_json(buf_str(&text), &small, &groups, NULL), ERR_NOMEM);
    arena_done(&small);
    buf_done(&text);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_files_keep_their_groups_while_they_are_broken(void **state)
{
    (void)state;
    char directory[] = "/tmp/test_discovery.XXXXXX", a[64], b[64], pattern[64];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(a, sizeof a, "%s/a.json", directory);
    (void)snprintf(b, sizeof b, "%s/b.yml", directory);
    (void)snprintf(pattern, sizeof pattern, "%s/*", directory);
    const char *const files[] = {pattern};
    const struct file_sd_config config = {files, 1, 1000};
    struct target_groups none = {0}, first, second;
    struct err err = {0};

    uint64_t empty = discovery_files_stamp(&config);
    write_file(a, "[{\"targets\":[\"one\"]}]");
    write_file(b, "- targets: [two]\n  labels: {l: m}\n");
    uint64_t both = discovery_files_stamp(&config);
    assert_true(both != empty);
    assert_int_equal(discovery_read_files(&config, 1000, &none, &arena, &first, &err), 0);
    assert_int_equal(first.n, 2);
    assert_true(str_eq(first.v[0].labels[0].name, STR("__meta_filepath")));
    assert_true(str_eq(first.v[0].labels[0].value, str_c(a)));
    assert_true(str_eq(first.v[1].labels[1].value, STR("m")));

    write_file(a, "[{\"targets\"");
    write_file(b, "- targets: [three]\n");
    assert_true(discovery_files_stamp(&config) != both);
    assert_int_equal(discovery_read_files(&config, 1000, &first, &arena, &second, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.message, "a.json: line 1"));
    assert_int_equal(second.n, 2);
    assert_true(str_eq(second.v[0].targets[0], STR("one")));
    assert_true(str_eq(second.v[1].targets[0], STR("three")));

    assert_int_equal(discovery_read_files(&config, 5, &second, &arena, &first, &err), ERR_TOO_BIG);
    assert_int_equal(first.n, 2);

    assert_int_equal(unlink(a), 0); // a file that is gone takes its groups with it
    assert_int_equal(discovery_read_files(&config, 1000, &second, &arena, &first, &err), 0);
    assert_int_equal(first.n, 1);
    assert_int_equal(unlink(b), 0);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_json_and_yaml_give_the_same_groups, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_wrong_shapes_are_named_by_place, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_a_list_over_the_memory_budget_is_refused, make_arena,
                                        free_arena),
        cmocka_unit_test_setup_teardown(test_files_keep_their_groups_while_they_are_broken,
                                        make_arena, free_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
