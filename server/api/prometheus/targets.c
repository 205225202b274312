#include "api/prometheus/targets.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "base/time.h"
#include "codec/json_read.h"
#include "model/matcher.h"
#include "query/query.h"
#include "receive/relabel.h"
#include "receive/scrape.h"

static void member_time(struct json *j, const char *name, int64_t unix_ms)
{
    struct buf text = BUF_MAX(64);
    if (unix_ms == 0)
        buf_puts(&text, "0001-01-01T00:00:00Z"); // what Go prints for "never"
    else
        time_format_rfc3339(&text, unix_ms);
    json_member_str(j, name, buf_str(&text));
    buf_done(&text);
}

static void member_duration(struct json *j, const char *name, int64_t ms)
{
    struct buf text = BUF_MAX(64);
    duration_format(&text, ms);
    json_member_str(j, name, buf_str(&text));
    buf_done(&text);
}

static void active_target(struct json *j, const struct target_info *t)
{
    static const char *const health[] = {"unknown", "up", "down"};
    json_object(j);
    json_key(j, "discoveredLabels");
    json_labels(j, &t->discovered);
    json_key(j, "labels");
    json_labels(j, &t->labels);
    json_member_str(j, "scrapePool", t->pool);
    json_member_str(j, "scrapeUrl", t->url);
    json_member_str(j, "globalUrl", t->url);
    json_member_str(j, "lastError", t->last_error);
    member_time(j, "lastScrape", t->last_scrape_unix_ms);
    json_key(j, "lastScrapeDuration");
    json_double(j, t->last_duration_s);
    json_member_str(j, "health", str_c(health[t->health]));
    member_duration(j, "scrapeInterval", t->interval_ms);
    member_duration(j, "scrapeTimeout", t->timeout_ms);
    json_object_end(j);
}

static bool wanted_pool(struct str wanted, struct str pool)
{
    return wanted.n == 0 || str_eq(wanted, pool);
}

static void dropped_counts(struct json *j, const struct target_list *list, bool shown)
{
    json_key(j, "droppedTargetCounts");
    json_object(j);
    for (size_t i = 0; shown && i < list->n_pools; i++) {
        json_str(j, list->pools[i].name);
        buf_putc(j->out, ':');
        j->comma = false;
        json_u64(j, list->pools[i].n_dropped);
    }
    json_object_end(j);
}

static void write_targets(struct json *j, const struct target_list *list, struct str state,
                          struct str pool)
{
    bool active =
        state.n == 0 || str_eq_nocase(state, STR("any")) || str_eq_nocase(state, STR("active"));
    bool dropped =
        state.n == 0 || str_eq_nocase(state, STR("any")) || str_eq_nocase(state, STR("dropped"));
    json_object(j);
    json_key(j, "activeTargets");
    json_array(j);
    for (size_t i = 0; active && i < list->n_active; i++)
        if (wanted_pool(pool, list->active[i].pool))
            active_target(j, &list->active[i]);
    json_array_end(j);
    json_key(j, "droppedTargets");
    json_array(j);
    for (size_t i = 0; dropped && i < list->n_dropped; i++) {
        if (!wanted_pool(pool, list->dropped[i].pool))
            continue;
        json_object(j);
        json_key(j, "discoveredLabels");
        json_labels(j, &list->dropped[i].discovered);
        json_member_str(j, "scrapePool", list->dropped[i].pool);
        json_object_end(j);
    }
    json_array_end(j);
    dropped_counts(j, list, dropped);
    json_object_end(j);
}

/* False when the answer says what is wrong. */
static bool get_targets(const struct api_context *api, const struct http_request *q,
                        struct http_response *r, struct target_list *out)
{
    struct err err;
    int rc = scrape_manager_targets(api->scrape, q->arena, out, &err);
    if (rc != 0)
        answer_error(r, &err);
    return rc == 0;
}

void api_targets(void *self, const struct http_request *q, struct http_response *r)
{
    struct target_list list;
    if (!get_targets(self, q, r, &list))
        return;
    struct json j = answer_begin(r);
    write_targets(&j, &list, http_param(q, "state"), http_param(q, "scrapePool"));
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_scrape_pools(void *self, const struct http_request *q, struct http_response *r)
{
    struct target_list list;
    if (!get_targets(self, q, r, &list))
        return;
    struct json j = answer_begin(r);
    json_object(&j);
    json_key(&j, "scrapePools");
    json_array(&j);
    for (size_t i = 0; i < list.n_pools; i++)
        json_str(&j, list.pools[i].name);
    json_array_end(&j);
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

static bool pool_param(const struct http_request *q, struct http_response *r, struct str *out)
{
    struct err err;
    *out = http_param(q, "scrapePool");
    if (out->n)
        return true;
    err_set(&err, ERR_INVALID, "no scrapePool parameter provided");
    answer_error(r, &err);
    return false;
}

/* A pool that is not there is the asker's mistake. */
static int no_config(int rc, struct err *err)
{
    err_prefix(err, rc, "error retrieving scrape config");
    if (err->code == ERR_NOT_FOUND)
        err->code = ERR_INVALID;
    return err->code;
}

void api_scrape_pool_config(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct str pool;
    struct err err;
    if (!pool_param(q, r, &pool))
        return;
    struct buf yaml = BUF_MAX(16 << 20);
    int rc = api->write_job(api->app, pool, &yaml, &err);
    answer_yaml(r, rc == 0 ? 0 : no_config(rc, &err), &yaml, &err);
    buf_done(&yaml);
}

/* {"name": "value", …} */
static int read_labels(struct str text, struct arena *arena, struct labels *out, struct err *err)
{
    struct json_reader json = json_reader_of(text, arena, 1);
    struct labels_builder b;
    struct str name;
    labels_builder_init(&b, arena, &(struct labels){0});
    json_enter_object(&json);
    while (json_next_member(&json, &name))
        labels_builder_set(&b, name, json_read_string(&json));
    json_finish(&json);
    if (json_failed(&json))
        return json_error(&json, "error parsing labels", err);
    *out = labels_builder_labels(&b);
    return 0;
}

static void member_if(struct json *j, const char *name, struct str value)
{
    if (value.n)
        json_member_str(j, name, value);
}

static void write_rule(struct json *j, const struct relabel_rule *rule)
{
    json_object(j);
    if (rule->n_source_labels) {
        json_key(j, "sourceLabels");
        json_strs(j, rule->source_labels, rule->n_source_labels);
    }
    member_if(j, "separator", rule->separator);
    member_if(j, "regex", rule->regex);
    if (rule->modulus) {
        json_key(j, "modulus");
        json_u64(j, rule->modulus);
    }
    member_if(j, "targetLabel", rule->target_label);
    member_if(j, "replacement", rule->replacement);
    json_member_str(j, "action", str_c(relabel_action_name(rule->action)));
    json_object_end(j);
}

static void write_steps(struct json *j, const struct relabel_step *steps, size_t n)
{
    json_object(j);
    json_key(j, "steps");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_key(j, "rule");
        write_rule(j, steps[i].rule);
        json_key(j, "output");
        json_labels(j, &steps[i].output);
        json_key(j, "keep");
        json_bool(j, steps[i].kept);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

void api_relabel_steps(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct str pool;
    struct labels labels;
    struct scrape_config job;
    const struct relabel_step *steps;
    size_t n;
    struct err err;
    if (!pool_param(q, r, &pool))
        return;
    if (http_param(q, "labels").n == 0) {
        answer_bad_data(r, "no labels parameter provided");
        return;
    }
    int rc = read_labels(http_param(q, "labels"), q->arena, &labels, &err);
    if (rc == 0 && (rc = scrape_manager_config(api->scrape, pool, q->arena, &job, &err)) != 0)
        rc = no_config(rc, &err);
    if (rc == 0)
        rc = relabel_steps(&job.relabel_configs, &labels, q->arena, &steps, &n, &err);
    if (rc != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    write_steps(&j, steps, n);
    answer_end(&j, NULL, 0, NULL, 0);
}

/* Entries of targets that match_target selects; at most `limit` of them. */
static void write_metadata(struct json *j, const struct target_metadata *v, size_t n,
                           const struct matcher *matchers, size_t n_matchers, bool with_metric,
                           size_t limit)
{
    size_t written = 0;
    json_array(j);
    for (size_t i = 0; i < n && written < limit; i++) {
        if (matchers_match(matchers, n_matchers, &v[i].target) != 1)
            continue;
        written++;
        json_object(j);
        json_key(j, "target");
        json_labels(j, &v[i].target);
        if (with_metric)
            json_member_str(j, "metric", v[i].metadata.family);
        json_member_str(j, "type", str_c(metric_type_name(v[i].metadata.type)));
        json_member_str(j, "help", v[i].metadata.help);
        json_member_str(j, "unit", v[i].metadata.unit);
        json_object_end(j);
    }
    json_array_end(j);
}

void api_targets_metadata(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    const struct target_metadata *v = NULL;
    struct str metric = http_param(q, "metric"), selector = http_param(q, "match_target");
    struct matcher *matchers = NULL;
    size_t n = 0, n_matchers = 0, limit;
    struct err err;
    if (!param_at_most(q, r, "limit", &limit))
        return;
    if (selector.n && query_parse_any_selector(selector, &matchers, &n_matchers, &err) != 0) {
        err_prefix(&err, err.code, "invalid parameter \"match_target\"");
        answer_error(r, &err);
        return;
    }
    /* With a selector the limit counts what it leaves, so all entries are asked for. */
    size_t ask = n_matchers == 0 ? limit : SIZE_MAX;
    if (scrape_manager_metadata(api->scrape, metric, ask, q->arena, &v, &n, &err) != 0) {
        answer_error(r, &err);
    } else {
        struct json j = answer_begin(r);
        write_metadata(&j, v, n, matchers, n_matchers, metric.n == 0, limit);
        answer_end(&j, NULL, 0, NULL, 0);
    }
    query_matchers_free(matchers, n_matchers);
}
