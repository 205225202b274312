#include "receive/scrape_ingest.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "model/batch.h"
#include "model/histogram.h"
#include "receive/scrape_buckets.h"
#include "receive/scrape_settings.h"
#include "receive/target.h"
#include "support/check.h"
#include "support/metric_family.h"

/* A target with the labels job="j", instance="i" and what it remembers. */
struct fixture {
    struct scrape_config config;
    struct scrape_settings *settings;
    struct target target;
    struct scrape_memory memory;
    size_t max_series;
    struct scrape_counts counts; /* of the last scrape */
    const char *failure;
};

static const struct label target_labels[] = {{{"instance", 8}, {"i", 1}}, {{"job", 3}, {"j", 1}}};

static void fixture_start(struct fixture *f, struct scrape_config config)
{
    struct err err = {0};
    config.job_name = "j";
    *f = (struct fixture){.config = config, .max_series = 1000};
    if (scrape_settings_new(&config, &f->settings, &err) != 0)
        fail_msg("%s", err.message);
    f->target =
        (struct target){.labels = {target_labels, 2}, .interval_ms = 15000, .timeout_ms = 10000};
    scrape_memory_init(&f->memory);
}

static void fixture_stop(struct fixture *f)
{
    scrape_memory_done(&f->memory);
    scrape_settings_unref(f->settings);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The batch as sorted lines: the order of stale markers is no promise. The labels that all series
 * have, instance and job, are left out. */
static void describe(struct buf *out, const struct batch *b)
{
    char *lines[128];
    size_t n = 0;
    for (size_t i = 0; i < b->n_series; i++) {
        const struct batch_series *s = &b->series[i];
        struct label kept[16];
        struct labels labels = {kept, 0};
        assert_true(labels_are_canonical(&s->labels));
        assert_true(s->hash == labels_hash(&s->labels));
        assert_string_equal("i", labels_get(&s->labels, STR("instance")).n ? "i" : "");
        for (size_t j = 0; j < s->labels.n; j++)
            if (!str_eq(s->labels.v[j].value, STR("i")) && !str_eq(s->labels.v[j].value, STR("j")))
                kept[labels.n++] = s->labels.v[j];
        struct buf line = BUF_MAX(4096);
        labels_format(&line, &labels);
        for (size_t j = 0; j < s->n_samples; j++) {
            buf_putc(&line, ' ');
            if (is_stale_nan(s->samples[j].value))
                buf_puts(&line, "stale");
            else if (s->samples[j].histogram)
                buf_printf(&line, "histogram of %g", s->samples[j].histogram->count);
            else
                buf_put_double(&line, s->samples[j].value);
            buf_printf(&line, "@%lld", (long long)s->samples[j].t_unix_ms);
        }
        for (size_t j = 0; j < s->n_exemplars; j++) {
            buf_puts(&line, " # ");
            labels_format(&line, &s->exemplars[j].labels);
            buf_printf(&line, "@%lld", (long long)s->exemplars[j].t_unix_ms);
        }
        assert_true(n < ARRAY_LEN(lines));
        lines[n++] = buf_take(&line, NULL);
    }
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, lines[i]);
        buf_putc(out, '\n');
        free(lines[i]);
    }
}

enum { NOT_STORED = 1 };

static enum prom_format format = PROM_TEXT;

/* One scrape at `t` seconds. `body`: NULL for a target that does not answer. `wanted`: the batch's
 * lines, or the error's text followed by them. `flags`: NOT_STORED: the sink refuses the batch. */
static void scrape(struct fixture *f, int64_t t_s, const char *body, int flags, const char *wanted)
{
    struct batch batch;
    struct err err = {0};
    struct buf out = BUF_MAX(1 << 16);
    batch_init(&batch, 4 << 20);
    struct scrape s = {
        .settings = f->settings,
        .target = &f->target,
        .memory = &f->memory,
        .max_series = f->max_series,
        .t_unix_ms = t_s * 1000,
        .batch = &batch,
    };
    scrape_begin(&s);
    struct buf bytes = BUF_MAX(1 << 16);
    if (body && format == PROM_PROTOBUF)
        metric_families_of(&bytes, body);
    struct str whole = format == PROM_PROTOBUF ? buf_str(&bytes) : str_c(body);
    int rc = body ? scrape_read(&s, whole, format, &err) : ERR_IO;
    if (rc != 0)
        batch_reset(&batch);
    if (rc != 0 && body)
        buf_printf(&out, "%s\n", err.message);
    assert_int_equal(scrape_add_stale(&s, rc != 0, &err), 0);
    f->counts = s.counts;
    f->failure = s.failure;
    describe(&out, &batch);
    if (!(flags & NOT_STORED))
        scrape_commit(&s, rc != 0);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, wanted);
    buf_done(&out);
    batch_done(&batch);
    buf_done(&bytes);
}

static void test_samples_get_target_labels_and_scrape_time(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a 1\nb{c=\"d\"} 2 500\n# a comment\n", 0, "a 1@1000\nb{c=\"d\"} 2@500\n");
    assert_int_equal(f.counts.scraped, 2);
    assert_int_equal(f.counts.kept, 2);
    assert_int_equal(f.counts.added, 2);
    scrape(&f, 2, "a 1\nb{c=\"d\"} 3 1500\n", 0, "a 1@2000\nb{c=\"d\"} 3@1500\n");
    assert_int_equal(f.counts.added, 0);
    fixture_stop(&f);
}

static void test_a_vanished_series_ends_once_and_may_come_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a 1\nb 1\nc 1\n", 0, "a 1@1000\nb 1@1000\nc 1@1000\n");
    scrape(&f, 2, "a 2\nc 2\n", 0, "a 2@2000\nb stale@2000\nc 2@2000\n");
    scrape(&f, 3, "c 3\na 3\n", 0, "a 3@3000\nc 3@3000\n");
    scrape(&f, 4, "a 4\nb 4\nc 4\n", 0, "a 4@4000\nb 4@4000\nc 4@4000\n");
    assert_int_equal(f.counts.added, 1);
    fixture_stop(&f);
}

static void test_a_failed_scrape_ends_all_series_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a 1\nb 1\n", 0, "a 1@1000\nb 1@1000\n");
    scrape(&f, 2, NULL, 0, "a stale@2000\nb stale@2000\n");
    scrape(&f, 3, NULL, 0, "");
    scrape(&f, 4, "a 4\n", 0, "a 4@4000\n");
    assert_int_equal(f.counts.added, 0); // its text was still known
    scrape(&f, 5, "a 5\nnew 5\nbroken\n", 0,
           "line 3: expected a value behind the series, but the line ends\n"
           "a stale@5000\n");
    scrape(&f, 6, "a 6\nnew 6\n", 0, "a 6@6000\nnew 6@6000\n");
    fixture_stop(&f);
}

static void test_what_was_not_stored_is_made_up_for(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a 1\nb 1\n", 0, "a 1@1000\nb 1@1000\n");
    scrape(&f, 2, "a 2\nc 2\n", NOT_STORED, "a 2@2000\nb stale@2000\nc 2@2000\n");
    scrape(&f, 3, "a 3\n", 0, "a 3@3000\nb stale@3000\n"); // and c never was
    scrape(&f, 4, "a 4\n", 0, "a 4@4000\n");
    fixture_stop(&f);
}

static void test_exposed_times_are_honoured_or_not(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    fixture_start(&f, config);
    scrape(&f, 1, "a 1 500\nb 1\n", 0, "a 1@500\nb 1@1000\n");
    scrape(&f, 2, "b 2\n", 0, "b 2@2000\n"); // with a time of its own it has no end
    fixture_stop(&f);

    config.track_timestamps_staleness = true;
    fixture_start(&f, config);
    scrape(&f, 1, "a 1 500\nb 1\n", 0, "a 1@500\nb 1@1000\n");
    scrape(&f, 2, "b 2\n", 0, "a stale@2000\nb 2@2000\n");
    fixture_stop(&f);

    config = scrape_config_defaults();
    config.honor_timestamps = false;
    fixture_start(&f, config);
    scrape(&f, 1, "a 1 500\n", 0, "a 1@1000\n");
    scrape(&f, 2, "", 0, "a stale@2000\n");
    fixture_stop(&f);
}

static void test_label_conflicts_are_settled_by_honor_labels(void **state)
{
    (void)state;
    static const char body[] = "a{job=\"x\",exported_job=\"y\",k=\"v\"} 1\n";
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    fixture_start(&f, config);
    scrape(&f, 1, body, 0, "a{exported_exported_job=\"x\", exported_job=\"y\", k=\"v\"} 1@1000\n");
    fixture_stop(&f);

    config.honor_labels = true;
    fixture_start(&f, config);
    scrape(&f, 1, body, 0, "a{exported_job=\"y\", job=\"x\", k=\"v\"} 1@1000\n");
    fixture_stop(&f);
}

static void test_a_series_exposed_twice_counts_once(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a{b=\"c\",d=\"e\"} 1\na{b=\"c\",d=\"e\"} 2\na{d=\"e\",b=\"c\"} 3\n", 0,
           "a{b=\"c\", d=\"e\"} 1@1000\n");
    assert_int_equal(f.counts.duplicates, 2);
    scrape(&f, 2, "a{d=\"e\",b=\"c\"} 4\n", 0, "a{b=\"c\", d=\"e\"} 4@2000\n");
    assert_int_equal(f.counts.duplicates, 0);
    scrape(&f, 3, "a 1 1000\na 2 2000\n", 0,
           "a 1@1000\na 2@2000\na{b=\"c\", d=\"e\"} stale@3000\n"); // with times they are two
    fixture_stop(&f);
}

static void test_metric_relabelling_drops_and_rewrites(void **state)
{
    (void)state;
    struct relabel_rule rules[] = {RELABEL_RULE_DEFAULTS, RELABEL_RULE_DEFAULTS};
    const struct str name[] = {{"__name__", 8}};
    rules[0].source_labels = name;
    rules[0].n_source_labels = 1;
    rules[0].regex = STR("go_.*");
    rules[0].action = RELABEL_DROP;
    rules[1].regex = STR("tmp");
    rules[1].action = RELABEL_LABELDROP;
    struct scrape_config config = scrape_config_defaults();
    config.metric_relabel_configs = (struct relabel_config){rules, 2};
    struct fixture f;
    fixture_start(&f, config);
    for (int i = 1; i <= 2; i++) {
        scrape(&f, 1, "go_x 1\na{tmp=\"x\"} 1\n", 0, "a 1@1000\n");
        assert_int_equal(f.counts.scraped, 2);
        assert_int_equal(f.counts.kept, 1);
    }
    scrape(&f, 2, "a{tmp=\"y\"} 1\n", 0, "a 1@2000\n"); // another text, the same series
    fixture_stop(&f);
}

static void test_each_limit_fails_the_scrape_with_a_reason(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.sample_limit = 2;
    fixture_start(&f, config);
    scrape(&f, 1, "a 1\nb 1\n", 0, "a 1@1000\nb 1@1000\n");
    scrape(&f, 2, "a 2\nb 2\nc 2\n", 0,
           "sample_limit exceeded (3 samples after relabelling, limit: 2)\n"
           "a stale@2000\nb stale@2000\n");
    assert_int_equal(f.counts.scraped, 3);
    assert_string_equal(f.failure, "sample_limit");
    scrape(&f, 3, "a 3\n", 0, "a 3@3000\n");
    assert_null(f.failure);
    fixture_stop(&f);

    config = scrape_config_defaults();
    config.label_limit = 3;
    fixture_start(&f, config);
    scrape(&f, 1, "a 1\nabc{d=\"e\"} 1\n", 0,
           "line 2: label_limit exceeded (metric: abc, number of labels: 4, limit: 3)\n");
    assert_string_equal(f.failure, "label_limit");
    fixture_stop(&f);

    config = scrape_config_defaults();
    config.label_name_length_limit = 8;
    fixture_start(&f, config);
    scrape(&f, 1, "a{long_name=\"e\"} 1\n", 0,
           "line 1: label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, "
           "limit: 8)\n");
    fixture_stop(&f);

    config = scrape_config_defaults();
    config.label_value_length_limit = 3;
    fixture_start(&f, config);
    scrape(&f, 1, "a{b=\"long\"} 1\n", 0,
           "line 1: label_value_length_limit exceeded (metric: a, label name: b, value: \"long\", "
           "length: 4, limit: 3)\n");
    fixture_stop(&f);

    fixture_start(&f, scrape_config_defaults());
    f.max_series = 1;
    scrape(&f, 1, "a 1\nb 1\n", 0, "more than 1 series at one target (limits.max_scrape_series)\n");
    assert_string_equal(f.failure, "series_limit");
    fixture_stop(&f);
}

static void test_names_are_checked_by_the_scheme(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.utf8_names = false;
    fixture_start(&f, config);
    scrape(&f, 1, "{\"a.b\"} 1\n", 0, "line 1: invalid metric name or label name: \"a.b\"\n");
    assert_string_equal(f.failure, "label_name");
    scrape(&f, 2, "a{\"b.c\"=\"d\"} 1\n", 0,
           "line 1: invalid metric name or label name: \"b.c\"\n");
    fixture_stop(&f);
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "{\"a.b\"} 1\n", 0, "{\"a.b\"} 1@1000\n");
    fixture_stop(&f);
}

static void test_changed_rules_end_the_series_they_rename(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "a{b=\"c\"} 1\nd 1\n", 0, "a{b=\"c\"} 1@1000\nd 1@1000\n");

    struct relabel_rule rule = RELABEL_RULE_DEFAULTS;
    rule.regex = STR("b");
    rule.action = RELABEL_LABELDROP;
    struct scrape_config config = f.config;
    config.metric_relabel_configs = (struct relabel_config){&rule, 1};
    struct scrape_settings *changed;
    assert_int_equal(scrape_settings_new(&config, &changed, NULL), 0);
    scrape_settings_unref(f.settings);
    f.settings = changed;
    scrape_cache_forget_texts(&f.memory.cache);
    scrape(&f, 2, "a{b=\"c\"} 2\nd 2\n", 0, "a 2@2000\na{b=\"c\"} stale@2000\nd 2@2000\n");
    fixture_stop(&f);
}

static void test_metadata_travels_when_it_changes(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    static const struct {
        const char *body;
        size_t n;
    } steps[] = {
        {"# TYPE a counter\n# HELP a one\n# TYPE b gauge\n", 2},
        {"# TYPE a counter\n# HELP a one\n# TYPE b gauge\n", 0},
        {"# TYPE a counter\n# HELP a two\n# TYPE b gauge\n", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct batch batch;
        batch_init(&batch, 1 << 20);
        struct scrape s = {.settings = f.settings,
                           .target = &f.target,
                           .memory = &f.memory,
                           .max_series = 10,
                           .t_unix_ms = 1,
                           .batch = &batch};
        scrape_begin(&s);
        assert_int_equal(scrape_read(&s, str_c(steps[i].body), PROM_TEXT, NULL), 0);
        assert_int_equal(batch.n_metadata, steps[i].n);
        if (steps[i].n == 1) {
            assert_true(str_eq(batch.metadata[0].family, STR("a")));
            assert_true(str_eq(batch.metadata[0].help, STR("two")));
            assert_int_equal(batch.metadata[0].type, METRIC_COUNTER);
        }
        scrape_commit(&s, false);
        batch_done(&batch);
    }
    fixture_stop(&f);
}

static size_t exemplars_of(struct fixture *f, const char *body, int64_t t_unix_ms)
{
    struct batch batch;
    batch_init(&batch, 1 << 20);
    struct scrape s = {.settings = f->settings,
                       .target = &f->target,
                       .memory = &f->memory,
                       .max_series = 10,
                       .t_unix_ms = t_unix_ms,
                       .batch = &batch};
    scrape_begin(&s);
    assert_int_equal(scrape_read(&s, str_c(body), PROM_OPENMETRICS, NULL), 0);
    size_t n = 0;
    for (size_t i = 0; i < batch.n_series; i++)
        n += batch.series[i].n_exemplars;
    batch_done(&batch);
    return n;
}

static void test_an_exemplar_without_a_time_is_taken_once(void **state)
{
    (void)state;
    static const char first[] = "a_total 1 # {t=\"u\"} 0.5\n# EOF\n";
    static const char second[] = "a_total 2 # {t=\"v\"} 0.5\n# EOF\n";
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    assert_int_equal(exemplars_of(&f, first, 1000), 1);
    assert_int_equal(exemplars_of(&f, first, 2000), 0);
    assert_int_equal(exemplars_of(&f, second, 3000), 1);
    assert_int_equal(exemplars_of(&f, first, 4000), 1);
    fixture_stop(&f);
}

static void test_exemplars_come_with_the_samples_time(void **state)
{
    (void)state;
    static const char body[] =
        "a_total 1 # {t=\"u\"} 0.5\n"
        "b_total 1 # {t=\"u\"} 0.5 0.25\n"
        "c_total 1 # {t=\"123456789012345678901234567890123456789012345678901"
        "23456789012345678901234567890123456789012345678901234567890123456789"
        "0123456789\"} 1\n# EOF\n";
    struct fixture f;
    struct batch batch;
    fixture_start(&f, scrape_config_defaults());
    batch_init(&batch, 1 << 20);
    struct scrape s = {.settings = f.settings,
                       .target = &f.target,
                       .memory = &f.memory,
                       .max_series = 10,
                       .t_unix_ms = 1000,
                       .batch = &batch};
    scrape_begin(&s);
    assert_int_equal(scrape_read(&s, str_c(body), PROM_OPENMETRICS, NULL), 0);
    assert_int_equal(s.counts.exemplars_dropped, 1);
    struct buf out = BUF_MAX(4096);
    describe(&out, &batch);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, "a_total 1@1000 # {t=\"u\"}@1000\nb_total 1@1000 # {t=\"u\"}@250\n"
                               "c_total 1@1000\n");
    buf_done(&out);
    batch_done(&batch);
    fixture_stop(&f);
}

static void test_a_scrape_reports_on_itself(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.extra_scrape_metrics = true;
    config.sample_limit = 7;
    fixture_start(&f, config);
    struct batch batch;
    batch_init(&batch, 1 << 20);
    struct scrape s = {.settings = f.settings,
                       .target = &f.target,
                       .memory = &f.memory,
                       .t_unix_ms = 1000,
                       .batch = &batch,
                       .counts = {.scraped = 3, .kept = 2, .added = 1}};
    const struct scrape_report report = {.up = true, .duration_s = 0.25, .body_bytes = 99};
    assert_int_equal(scrape_add_report(&s, &report, NULL), 0);
    struct buf out = BUF_MAX(4096);
    describe(&out, &batch);
    batch_reset(&batch);
    assert_int_equal(scrape_add_stale_report(&s, NULL), 0);
    assert_int_equal(batch.n_series, 8);
    buf_putc(&out, '\0');
    assert_string_equal(out.p, "scrape_body_size_bytes 99@1000\n"
                               "scrape_duration_seconds 0.25@1000\n"
                               "scrape_sample_limit 7@1000\n"
                               "scrape_samples_post_metric_relabeling 2@1000\n"
                               "scrape_samples_scraped 3@1000\n"
                               "scrape_series_added 1@1000\n"
                               "scrape_timeout_seconds 10@1000\n"
                               "up 1@1000\n");
    buf_done(&out);
    batch_done(&batch);
    fixture_stop(&f);
}

/* Random scrapes against a plain model: what is live, and what must end. */
static void test_random_scrapes_agree_with_a_simple_model(void **state)
{
    (void)state;
    enum { SERIES = 40, SCRAPES = 400 };
    struct fixture f;
    uint64_t random = 42;
    bool live[SERIES] = {false};
    fixture_start(&f, scrape_config_defaults());
    for (int t = 1; t <= SCRAPES; t++) {
        struct buf body = BUF_MAX(1 << 16);
        bool present[SERIES] = {false};
        random = random * 6364136223846793005u + 1442695040888963407u;
        int shift = (int)(random >> 60), start = (int)(random >> 33) % SERIES;
        bool failed = (random >> 40) % 7 == 0;
        for (int i = 0; i < SERIES; i++) {
            int n = (start + i) % SERIES;
            if (((random >> (n % 31 + shift)) & 3) == 0)
                continue;
            present[n] = true;
            buf_printf(&body, "s%02d %d\n", n, t);
        }
        if (failed)
            buf_puts(&body, "broken\n");
        struct batch batch;
        batch_init(&batch, 1 << 20);
        struct scrape s = {.settings = f.settings,
                           .target = &f.target,
                           .memory = &f.memory,
                           .max_series = f.max_series,
                           .t_unix_ms = t,
                           .batch = &batch};
        scrape_begin(&s);
        assert_int_equal(scrape_read(&s, buf_str(&body), PROM_TEXT, NULL) != 0, failed);
        if (failed)
            batch_reset(&batch);
        assert_int_equal(scrape_add_stale(&s, failed, NULL), 0);
        size_t wanted = 0;
        for (int i = 0; i < SERIES; i++) {
            bool now = present[i] && !failed;
            wanted += now || live[i];
            live[i] = now;
        }
        assert_int_equal(batch.n_series, wanted);
        for (size_t i = 0; i < batch.n_series; i++) {
            struct str name = labels_metric_name(&batch.series[i].labels);
            int n = (name.p[1] - '0') * 10 + name.p[2] - '0';
            assert_int_equal(is_stale_nan(batch.series[i].samples[0].value), !live[n]);
        }
        scrape_commit(&s, failed);
        batch_done(&batch);
        buf_done(&body);
    }
    fixture_stop(&f);
}

#define NATIVE                                                                                     \
    "name:\"h\" type:4 metric{label{name:\"a\" value:\"b\"} histogram{count:2 sum:3 schema:0 "     \
    "zero_threshold:0.1 zero_count:1 positive_span{offset:1 length:1} positive_delta:[1] "         \
    "bucket{count:2 bound:9} exemplar{value:1 time:500} exemplar{value:2}}}"

static void test_native_histograms_are_stored_where_they_are_wanted(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.native_histograms = true;
    format = PROM_PROTOBUF;
    fixture_start(&f, config);
    scrape(&f, 1, NATIVE, 0, "h{a=\"b\"} histogram of 2@1000 # {}@500\n");
    assert_int_equal(f.counts.exemplars_dropped, 1); // that of no time
    scrape(&f, 2, NATIVE, 0, "h{a=\"b\"} histogram of 2@2000 # {}@500\n");
    assert_int_equal(f.counts.added, 0);
    scrape(&f, 3, "name:\"c\"", 0, "h{a=\"b\"} stale@3000\n");
    fixture_stop(&f);

    config.classic_histograms = true;
    fixture_start(&f, config);
    scrape(&f, 1, NATIVE, 0,
           "h_bucket{a=\"b\", le=\"+Inf\"} 2@1000\nh_bucket{a=\"b\", le=\"9.0\"} 2@1000\n"
           "h_count{a=\"b\"} 2@1000\nh_sum{a=\"b\"} 3@1000\n"
           "h{a=\"b\"} histogram of 2@1000 # {}@500\n");
    fixture_stop(&f);
    format = PROM_TEXT;
}

static void test_histograms_of_many_buckets_get_coarser_ones(void **state)
{
    (void)state;
    static const char four[] =
        "name:\"h\" type:4 metric{histogram{count:4 sum:4 schema:8 zero_threshold:0.1 "
        "negative_span{offset:0 length:1} negative_delta:[1] positive_span{offset:1 length:3} "
        "positive_delta:[1 0 0]}}";
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.native_histograms = true;
    config.bucket_limit = 3;
    format = PROM_PROTOBUF;
    fixture_start(&f, config);
    scrape(&f, 1, four, 0, "h histogram of 4@1000\n");
    fixture_stop(&f);
    config.bucket_limit = 1; // values of two signs never share a bucket
    fixture_start(&f, config);
    scrape(&f, 1, four, 0,
           "family 1 \"h\", metric 1: native_histogram_bucket_limit exceeded at the coarsest scale "
           "(limit: 1)\n");
    assert_string_equal(f.failure, "native_histogram_bucket_limit");
    fixture_stop(&f);
    format = PROM_TEXT;
}

static void test_buckets_are_merged_until_they_fit(void **state)
{
    (void)state;
    static const struct histogram_span spans[] = {{1, 3}, {12, 1}};
    static const double counts[] = {1, 2, 3, 4};
    const struct histogram given = {.schema = 2,
                                    .integer = true,
                                    .count = 10,
                                    .positive_spans = spans,
                                    .n_positive_spans = 2,
                                    .positive = counts,
                                    .n_positive = 4};
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct histogram *h = &given;
    assert_int_equal(scrape_fit_buckets(&arena, &h, 4), 0);
    assert_ptr_equal(h, &given);
    assert_int_equal(scrape_fit_buckets(&arena, &h, 2), 0); // 1…3 and 16 of upper bounds
    assert_int_equal(h->schema, 0);
    assert_true(h->integer && h->n_positive == 2);
    assert_true(h->positive[0] == 6 && h->positive[1] == 4);
    assert_int_equal(histogram_validate(h, NULL), 0);
    h = &given;
    assert_int_equal(scrape_fit_buckets(&arena, &h, 1), 0);
    assert_int_equal(h->schema, -2);
    assert_true(h->n_positive == 1 && h->positive[0] == 10);
    arena_done(&arena);
}

static void test_a_target_may_change_its_format(void **state)
{
    (void)state;
    struct fixture f;
    fixture_start(&f, scrape_config_defaults());
    scrape(&f, 1, "g{a=\"b\"} 1\n", 0, "g{a=\"b\"} 1@1000\n");
    format = PROM_PROTOBUF;
    scrape(&f, 2, "name:\"g\" type:1 metric{label{name:\"a\" value:\"b\"} gauge{value:2}}", 0,
           "g{a=\"b\"} 2@2000\n");
    format = PROM_TEXT;
    scrape(&f, 3, "g{a=\"b\"} 3\n", 0, "g{a=\"b\"} 3@3000\n");
    fixture_stop(&f);
}

static void test_labels_repeated_by_protobuf_count_as_in_text(void **state)
{
    (void)state;
    struct fixture f;
    struct scrape_config config = scrape_config_defaults();
    config.body_size_limit = 20;
    format = PROM_PROTOBUF;
    fixture_start(&f, config);
    scrape(&f, 1,
           "name:\"s\" type:2 metric{label{name:\"a\" value:\"b\"} summary{quantile{quantile:1}}}",
           0, "names and labels of all samples are over 20 bytes\n");
    assert_string_equal(f.failure, "body_size_limit");
    fixture_stop(&f);
    format = PROM_TEXT;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_get_target_labels_and_scrape_time),
        cmocka_unit_test(test_a_vanished_series_ends_once_and_may_come_back),
        cmocka_unit_test(test_a_failed_scrape_ends_all_series_once),
        cmocka_unit_test(test_what_was_not_stored_is_made_up_for),
        cmocka_unit_test(test_exposed_times_are_honoured_or_not),
        cmocka_unit_test(test_label_conflicts_are_settled_by_honor_labels),
        cmocka_unit_test(test_a_series_exposed_twice_counts_once),
        cmocka_unit_test(test_metric_relabelling_drops_and_rewrites),
        cmocka_unit_test(test_each_limit_fails_the_scrape_with_a_reason),
        cmocka_unit_test(test_names_are_checked_by_the_scheme),
        cmocka_unit_test(test_changed_rules_end_the_series_they_rename),
        cmocka_unit_test(test_metadata_travels_when_it_changes),
        cmocka_unit_test(test_exemplars_come_with_the_samples_time),
        cmocka_unit_test(test_an_exemplar_without_a_time_is_taken_once),
        cmocka_unit_test(test_a_scrape_reports_on_itself),
        cmocka_unit_test(test_random_scrapes_agree_with_a_simple_model),
        cmocka_unit_test(test_native_histograms_are_stored_where_they_are_wanted),
        cmocka_unit_test(test_histograms_of_many_buckets_get_coarser_ones),
        cmocka_unit_test(test_buckets_are_merged_until_they_fit),
        cmocka_unit_test(test_a_target_may_change_its_format),
        cmocka_unit_test(test_labels_repeated_by_protobuf_count_as_in_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
