#include "cli/retention.h"

#include <stdio.h>
#include <string.h>

#include "model/matcher.h"
#include "support/check.h"

static struct config *load(const char *text)
{
    const struct config_source source = {.file = "telltale.yml", .text = str_c(text)};
    struct config *c = NULL;
    struct err err = {0};
    if (config_load(&source, &c, NULL, &err) != 0)
        fail_msg("%s", err.message);
    return c;
}

#define OVERRIDES "storage:\n  retention:\n    overrides:\n"

static void test_overrides_become_rules_of_their_tables_in_order(void **state)
{
    (void)state;
    struct config *c = load(OVERRIDES "    - {selector: '{job=\"batch\"}', keep: 7d}\n"
                                      "    - {selector: 'up{job=~\"a|b\"}', keep: forever}\n"
                                      "    - signal: logs\n"
                                      "      selector: '{\"resource.service.name\"=\"audit\"}'\n"
                                      "      keep: 400d\n");
    struct retention r;
    struct store_options o = {0};
    assert_int_equal(retention_read(c, &r, NULL), 0);
    retention_put(&r, &o);
    assert_int_equal(o.retention_rules.n, 2);
    assert_int_equal(o.retention_rules.v[0].keep_ms, 7 * INT64_C(86400000));
    assert_int_equal(o.retention_rules.v[1].n_matchers, 2);
    assert_true(o.retention_rules.v[1].keep_ms == STORE_RETENTION_FOREVER);
    assert_int_equal(o.retention_records_rules[RECORD_LOGS].n, 1);
    assert_int_equal(o.retention_records_rules[RECORD_SPANS].n, 0);
    const struct matcher *m = o.retention_records_rules[RECORD_LOGS].v[0].matchers;
    assert_true(str_eq(m->name, STR("resource.service.name")));
    retention_done(&r);
    config_free(c);
}

static void test_a_wrong_selector_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *item, *problem;
    } cases[] = {
        {"{selector: '{job=', keep: 7d}", "storage.retention.overrides[0].selector: "},
        {"{selector: '{}', keep: 7d}", "storage.retention.overrides[0].selector: "},
        {"{signal: logs, selector: '{severity_text=\"DEBUG\"}', keep: 7d}",
         "storage.retention.overrides[0].selector: found \"severity_text\", expected a column of "
         "resource or scope such as \"resource.service.name\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct retention r;
        struct err err = {0};
        (void)snprintf(text, sizeof text, "%s    - %s\n", OVERRIDES, cases[i].item);
        struct config *c = load(text);
        assert_int_equal(retention_read(c, &r, &err), ERR_INVALID);
        assert_memory_equal(err.message, cases[i].problem, strlen(cases[i].problem));
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overrides_become_rules_of_their_tables_in_order),
        cmocka_unit_test(test_a_wrong_selector_is_named_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
