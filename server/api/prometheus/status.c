#include "api/prometheus/status.h"

#include <stdio.h>
#include <unistd.h>

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "base/atomic.h"
#include "base/num.h"
#include "base/thread.h"
#include "base/time.h"
#include "store/store.h"

enum { TOP_DEFAULT = 10, TOP_MAX = 10000 };

/* No "features" here: a client would take it for Mimir's. */
void api_buildinfo(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    (void)q;
    struct json j = answer_begin(r);
    json_object(&j);
    /* Clients choose what they offer by this number: the version whose API this is. */
    json_member_str(&j, "version", STR("3.5.0"));
    json_member_str(&j, "revision", str_c(api->revision));
    json_member_str(&j, "branch", STR("telltale"));
    json_member_str(&j, "buildUser", STR("telltale"));
    json_member_str(&j, "buildDate", STR(""));
    json_member_str(&j, "goVersion", STR(""));
    json_member_str(&j, "telltaleVersion", str_c(api->version));
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_config(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    (void)q;
    struct buf yaml = BUF_MAX(16 << 20);
    struct err err;
    int rc = api->write_config(api->app, &yaml);
    if (rc != 0)
        rc = err_set(&err, ERR_INTERNAL, "the configuration could not be written");
    answer_yaml(r, rc, &yaml, &err);
    buf_done(&yaml);
}

static void write_flag(void *self, const char *name, struct str value)
{
    json_member_str(self, name, value);
}

void api_flags(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    (void)q;
    struct json j = answer_begin(r);
    json_object(&j);
    api->flags(api->app, write_flag, &j);
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

static void member_time(struct json *j, const char *name, int64_t unix_ms)
{
    struct buf text = BUF_MAX(64);
    time_format_rfc3339(&text, unix_ms);
    json_member_str(j, name, buf_str(&text));
    buf_done(&text);
}

static uint64_t damages(const struct store_stats *s)
{
    uint64_t n = s->damaged_blocks + s->damaged_parts;
    for (int i = 0; i < RECORD_TABLES; i++)
        n += s->records[i].damaged_groups + s->records[i].damaged_parts;
    return n;
}

void api_runtimeinfo(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    char host[256] = "";
    struct store_stats stats;
    struct err err;
    if (store_stats(api->store, 0, q->arena, &stats, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    struct json j = answer_begin(r);
    json_object(&j);
    member_time(&j, "startTime", api->start_unix_ms);
    json_member_str(&j, "CWD", str_c(api->working_dir));
    json_member_str(&j, "hostname", str_c(host));
    member_time(&j, "serverTime", time_now_unix_ms());
    json_key(&j, "reloadConfigSuccess");
    json_bool(&j, atomic_get_relaxed(&api->reload_ok));
    member_time(&j, "lastConfigTime", atomic_get_relaxed(&api->reload_unix_ms));
    json_member_i64(&j, "timeSeriesCount", (int64_t)stats.streams);
    json_member_i64(&j, "corruptionCount", (int64_t)damages(&stats));
    json_member_i64(&j, "goroutineCount", 0);
    json_member_i64(&j, "GOMAXPROCS", thread_processors());
    json_member_i64(&j, "GOMEMLIMIT", 0);
    json_member_str(&j, "GOGC", STR(""));
    json_member_str(&j, "GODEBUG", STR(""));
    struct buf retention = BUF_MAX(64);
    api->write_retention(api->app, &retention);
    json_member_str(&j, "storageRetention", buf_str(&retention));
    buf_done(&retention);
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

static void name_counts(struct json *j, const char *name, const struct store_name_count *v,
                        size_t n)
{
    json_key(j, name);
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_member_str(j, "name", v[i].name);
        json_member_i64(j, "value", (int64_t)v[i].count);
        json_object_end(j);
    }
    json_array_end(j);
}

/* Whom limits of cardinality keep out; beside what Prometheus tells. */
static void write_limited(struct json *j, const struct store_stats *s)
{
    json_array(j);
    for (size_t i = 0; i < s->n_limited; i++) {
        const struct store_limited *l = &s->limited[i];
        json_object(j);
        json_member_str(j, "limit", str_c(l->limit));
        json_member_i64(j, "allowed", (int64_t)l->allowed);
        json_member_str(j, "label", l->name);
        if (l->value.n)
            json_member_str(j, "value", l->value);
        json_member_i64(j, "samplesFolded", (int64_t)l->folded);
        json_member_i64(j, "samplesRefused", (int64_t)l->refused);
        if (l->label.n) {
            json_member_str(j, "guiltyLabel", l->label);
            json_member_i64(j, "guiltyLabelValues", (int64_t)l->label_values);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

/* {"spans": {…}, "logs": {…}} */
static void write_records(struct json *j, const struct store_stats *s)
{
    json_object(j);
    for (int i = 0; i < RECORD_TABLES; i++) {
        const struct store_record_stats *r = &s->records[i];
        json_key(j, record_table_name((enum record_table)i));
        json_object(j);
        json_member_i64(j, "parts", (int64_t)r->parts);
        json_member_i64(j, "partRows", (int64_t)r->part_rows);
        json_member_i64(j, "partBytes", (int64_t)r->part_bytes);
        json_member_i64(j, "headRows", (int64_t)r->head_rows);
        json_member_i64(j, "headBytes", (int64_t)r->head_bytes);
        json_member_i64(j, "walBytes", (int64_t)r->wal_bytes);
        json_member_i64(j, "rejected", (int64_t)r->rejected);
        json_member_i64(j, "damagedGroups", (int64_t)r->damaged_groups);
        json_member_i64(j, "damagedParts", (int64_t)r->damaged_parts);
        json_object_end(j);
    }
    json_object_end(j);
}

static void write_tsdb(struct json *j, const struct store_stats *s)
{
    json_object(j);
    json_key(j, "headStats");
    json_object(j);
    json_member_i64(j, "numSeries", (int64_t)s->streams);
    json_member_i64(j, "numLabelPairs", (int64_t)s->label_pairs);
    json_member_i64(j, "chunkCount", (int64_t)s->head_rows);
    json_member_i64(j, "minTime", s->min_t_unix_ms);
    json_member_i64(j, "maxTime", s->max_t_unix_ms);
    json_object_end(j);
    name_counts(j, "seriesCountByMetricName", s->top_metrics, s->n_top_metrics);
    name_counts(j, "labelValueCountByLabelName", s->top_labels, s->n_top_labels);
    name_counts(j, "memoryInBytesByLabelName", s->top_values, s->n_top_values);
    name_counts(j, "seriesCountByLabelValuePair", s->top_pairs, s->n_top_pairs);
    json_key(j, "storage");
    json_object(j);
    json_member_i64(j, "partitions", (int64_t)s->partitions);
    json_member_i64(j, "parts", (int64_t)s->parts);
    json_member_i64(j, "partRows", (int64_t)s->part_rows);
    json_member_i64(j, "partBytes", (int64_t)s->part_bytes);
    json_member_i64(j, "headRows", (int64_t)s->head_rows);
    json_member_i64(j, "headBytes", (int64_t)s->head_bytes);
    json_member_i64(j, "tombstones", (int64_t)s->tombstones);
    json_member_i64(j, "walBytes", (int64_t)s->wal_bytes);
    json_member_i64(j, "damagedBlocks", (int64_t)s->damaged_blocks);
    json_member_i64(j, "damagedParts", (int64_t)s->damaged_parts);
    json_member_i64(j, "unreadablePages", (int64_t)s->unreadable_pages);
    json_key(j, "readOnly");
    json_bool(j, s->read_only);
    json_key(j, "flushFailed");
    json_bool(j, s->flush_failed);
    json_member_str(j, "message", str_c(s->message));
    json_object_end(j);
    json_key(j, "cardinalityLimits");
    write_limited(j, s);
    json_key(j, "records");
    write_records(j, s);
    json_object_end(j);
}

/* How many of the biggest are asked for. */
static bool read_top(const struct http_request *q, struct http_response *r, size_t *out)
{
    struct str text = http_param(q, "limit");
    int64_t n = TOP_DEFAULT;
    if (text.n && (num_parse_i64(text, &n) != 0 || n < 1)) {
        answer_bad_data(r, "limit must be a positive number");
        return false;
    }
    if (n > TOP_MAX) {
        answer_bad_data(r, "limit must not exceed %d", TOP_MAX);
        return false;
    }
    *out = (size_t)n;
    return true;
}

void api_tsdb(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct store_stats stats;
    struct err err;
    size_t limit;
    if (!read_top(q, r, &limit))
        return;
    if (store_stats(api->store, limit, q->arena, &stats, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    write_tsdb(&j, &stats);
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_tsdb_blocks(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct store_part *v;
    size_t n;
    struct err err;
    if (store_parts(api->store, q->arena, &v, &n, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    json_object(&j);
    json_key(&j, "blocks");
    json_array(&j);
    for (size_t i = 0; i < n; i++) {
        json_object(&j);
        json_member_str(&j, "ulid", v[i].name);
        json_member_i64(&j, "minTime", v[i].min_ms);
        json_member_i64(&j, "maxTime", v[i].max_ms + 1); // theirs ends before it
        json_key(&j, "stats");
        json_object(&j);
        json_member_i64(&j, "numSamples", (int64_t)v[i].rows);
        json_member_i64(&j, "numSeries", (int64_t)v[i].streams);
        json_member_i64(&j, "numBytes", (int64_t)v[i].bytes);
        json_object_end(&j);
        json_key(&j, "compaction");
        json_object(&j);
        json_member_i64(&j, "level", v[i].flushes > 1 ? 2 : 1);
        json_object_end(&j);
        json_member_i64(&j, "version", 1);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_walreplay(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    (void)q;
    bool done = atomic_get_relaxed(&api->ready);
    struct json j = answer_begin(r);
    json_object(&j);
    json_member_i64(&j, "min", 0);
    json_member_i64(&j, "max", 0);
    json_member_i64(&j, "current", 0);
    json_member_str(&j, "state", done ? STR("done") : STR("in progress"));
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

/* ---- Rules and alerts: there are none, and that is what the answers say ---- */

static void empty_lists(struct http_response *r, const char *first, const char *second)
{
    struct json j = answer_begin(r);
    json_object(&j);
    json_key(&j, first);
    json_strs(&j, NULL, 0);
    if (second) {
        json_key(&j, second);
        json_strs(&j, NULL, 0);
    }
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}

void api_rules(void *self, const struct http_request *q, struct http_response *r)
{
    struct str type = http_param(q, "type");
    (void)self;
    if (type.n && !str_eq_nocase(type, STR("alert")) && !str_eq_nocase(type, STR("record"))) {
        char message[128];
        (void)snprintf(message, sizeof message, "not supported value \"%.*s\"",
                       STR_ARG(str_sub(type, 0, 60))); // at most 82 bytes
        answer_bad_param(r, "type", message);
        return;
    }
    empty_lists(r, "groups", NULL);
}

void api_alerts(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    empty_lists(r, "alerts", NULL);
}

void api_alertmanagers(void *self, const struct http_request *q, struct http_response *r)
{
    (void)self, (void)q;
    empty_lists(r, "activeAlertmanagers", "droppedAlertmanagers");
}
