#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "config/config.h"
#include "support/check.h"

static struct str read_all(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("cannot read %s", path);
    for (;;) {
        char *room = buf_reserve(out, 4096);
        size_t n = fread(room, 1, 4096, f);
        if (n == 0)
            break;
        buf_advance(out, n);
    }
    assert_int_equal(fclose(f), 0);
    return buf_str(out);
}

/* After a change of the tables: telltale help config --markdown >docs/configuration.md */
static void test_the_reference_page_is_what_the_tables_say(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/docs/configuration.md", getenv("TELLTALE_SOURCE_ROOT"));
    struct buf page = BUF_MAX(1 << 20), generated = BUF_MAX(1 << 20);
    struct str there = read_all(path, &page);
    assert_int_equal(config_help(&generated, NULL, true), 0);
    if (!str_eq(there, buf_str(&generated)))
        fail_msg("docs/configuration.md is not up to date: run "
                 "telltale help config --markdown >docs/configuration.md");
    buf_done(&page);
    buf_done(&generated);
}

static void test_help_can_be_narrowed_to_a_group(void **state)
{
    (void)state;
    struct buf out = BUF_MAX(1 << 20);
    assert_int_equal(config_help(&out, "storage.retention", false), 0);
    assert_true(str_find(buf_str(&out), STR("storage.retention.metrics")) < out.n);
    assert_true(str_find(buf_str(&out), STR("default 30d")) < out.n);
    assert_int_equal(str_find(buf_str(&out), STR("query.timeout")), out.n);
    buf_reset(&out);
    assert_int_equal(config_help(&out, "scrape_configs[].relabel", false), 0);
    assert_true(str_find(buf_str(&out), STR("scrape_configs[].relabel_configs[].action")) < out.n);
    buf_reset(&out);
    assert_int_equal(config_help(&out, "nothing", false), ERR_NOT_FOUND);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reference_page_is_what_the_tables_say),
        cmocka_unit_test(test_help_can_be_narrowed_to_a_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
