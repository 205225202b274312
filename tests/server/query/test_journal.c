/* The list of running queries and the log of those that ended, with many at it at once. */
#include "query/exec/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/thread.h"
#include "support/check.h"

enum { THREADS = 4, ROUNDS = 200 };

struct fixture {
    struct journal journal;
    char dir[32], paths[2][64];
    atomic_bool stop;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.stop = false};
    memcpy(f.dir, "/tmp/telltale-journal-XXXXXX", 29);
    assert_non_null(mkdtemp(f.dir));
    for (int i = 0; i < 2; i++)
        (void)snprintf(f.paths[i], sizeof f.paths[i], "%s/%d", f.dir, i);
    journal_init(&f.journal);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    journal_done(&f->journal);
    for (int i = 0; i < 2; i++)
        (void)unlink(f->paths[i]);
    return rmdir(f->dir);
}

static void run_queries(void *arg)
{
    struct fixture *f = arg;
    const struct query_request request = {.expr = STR("up"), .instant = true, .start_ms = 1000};
    const struct query_result result = {.stats.samples_read = 3};
    const struct err why = {.message = "it failed"};
    for (int i = 0; i < ROUNDS; i++) {
        struct journal_entry entry;
        journal_begin(&f->journal, &request, &entry);
        if (i % 10 == 0)
            journal_drop(&f->journal, &entry);
        else
            journal_end(&f->journal, &entry, i % 2 ? &result : NULL, &why);
    }
}

static void list_and_switch(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; !atomic_load(&f->stop); i++) {
        struct arena arena;
        struct query_active *v;
        size_t n;
        arena_init(&arena, 1 << 20);
        assert_int_equal(journal_list(&f->journal, &arena, &v, &n), 0);
        assert_true(n <= THREADS);
        for (size_t k = 0; k < n; k++)
            check_str(v[k].expr, "up");
        arena_done(&arena);
        assert_int_equal(journal_log_to(&f->journal, f->paths[i % 2], NULL), 0);
    }
}

/* Whole lines of the file; each must be an object. */
static size_t count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    size_t n = 0;
    for (; file && fgets(line, sizeof line, file); n++)
        if (strncmp(line, "{\"params\":{", 11) != 0 || strcmp(line + strlen(line) - 2, "}\n") != 0)
            fail_msg("a line is torn: %s", line);
    if (file)
        (void)fclose(file);
    return n;
}

static void test_each_query_that_ended_is_one_line_whatever_else_goes_on(void **state)
{
    struct fixture *f = *state;
    struct thread queries[THREADS] = {0}, other = {0};
    assert_int_equal(journal_log_to(&f->journal, f->paths[0], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(thread_start(&queries[i], "query", run_queries, f, NULL), 0);
    assert_int_equal(thread_start(&other, "other", list_and_switch, f, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        thread_join(&queries[i]);
    atomic_store(&f->stop, true);
    thread_join(&other);
    assert_int_equal(count_lines(f->paths[0]) + count_lines(f->paths[1]),
                     THREADS * ROUNDS * 9 / 10);
}

static void test_a_log_that_cannot_be_opened_leaves_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct journal_entry entry;
    const struct query_request request = {.expr = STR("up")};
    const struct err why = {.message = "it failed"};
    struct err err;
    assert_int_equal(journal_log_to(&f->journal, f->paths[0], NULL), 0);
    assert_int_equal(journal_log_to(&f->journal, "/nowhere/log", &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/log"));
    journal_begin(&f->journal, &request, &entry);
    journal_end(&f->journal, &entry, NULL, &why);
    assert_int_equal(count_lines(f->paths[0]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_each_query_that_ended_is_one_line_whatever_else_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_log_that_cannot_be_opened_leaves_the_old_one, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
