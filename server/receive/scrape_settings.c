#include "receive/scrape_settings.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "receive/relabel.h"

enum { SETTINGS_MAX = 256 << 20 }; /* static lists of targets may be long */

#define PROTOBUF                                                                                   \
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"

static const char *const media_types[SCRAPE_PROTOCOLS] = {
    [SCRAPE_PROTOBUF] = PROTOBUF,
    [SCRAPE_OPENMETRICS_1_0_0] = "application/openmetrics-text;version=1.0.0",
    [SCRAPE_OPENMETRICS_0_0_1] = "application/openmetrics-text;version=0.0.1",
    [SCRAPE_TEXT_1_0_0] = "text/plain;version=1.0.0",
    [SCRAPE_TEXT_0_0_4] = "text/plain;version=0.0.4",
};

/* In falling preference, as Prometheus writes it; the escaping is a parameter of the formats that
 * have UTF-8 names. */
static const char *make_accept(struct arena *arena, const struct scrape_config *c)
{
    struct buf text = BUF_MAX(4096);
    enum scrape_protocol protocols[SCRAPE_PROTOCOLS];
    size_t n = scrape_config_protocols(c, protocols), weight = n + 1;
    buf_puts(&text, "Accept: ");
    for (size_t i = 0; i < n; i++, weight--) {
        enum scrape_protocol p = protocols[i];
        buf_puts(&text, media_types[p]);
        if (p != SCRAPE_OPENMETRICS_0_0_1 && p != SCRAPE_TEXT_0_0_4)
            buf_printf(&text, ";escaping=%s", c->utf8_names ? "allow-utf-8" : "underscores");
        buf_printf(&text, ";q=0.%zu,", weight);
    }
    buf_printf(&text, "*/*;q=0.%zu", weight);
    const char *copy = arena_str(arena, buf_str(&text)).p;
    buf_done(&text);
    return copy;
}

static struct str encode(struct arena *arena, const struct scrape_config *c, bool discovery)
{
    struct buf text = BUF_MAX(SETTINGS_MAX);
    scrape_config_encode(&text, c, discovery);
    struct str copy = arena_str(arena, buf_str(&text));
    arena->failed |= buf_failed(&text);
    buf_done(&text);
    return copy;
}

static int check(const struct scrape_config *c, struct err *err)
{
    if (!c->job_name || !*c->job_name)
        return err_set(err, ERR_INVALID, "job_name: missing");
    if (c->scrape_interval_ms <= 0)
        return err_set(err, ERR_INVALID, "scrape_interval: must be above 0");
    if (c->scrape_timeout_ms <= 0 || c->scrape_timeout_ms > c->scrape_interval_ms)
        return err_set(err, ERR_INVALID,
                       "scrape_timeout: must be above 0 and at most the scrape_interval");
    if (c->n_protocols > SCRAPE_PROTOCOLS)
        return err_set(err, ERR_INVALID, "scrape_protocols: %zu given; expected at most %d",
                       c->n_protocols, (int)SCRAPE_PROTOCOLS);
    for (size_t i = 0; i < c->n_protocols; i++)
        if ((unsigned)c->protocols[i] >= SCRAPE_PROTOCOLS)
            return err_set(err, ERR_INVALID, "scrape_protocols[%zu]: unknown", i);
    return 0;
}

int scrape_settings_new(const struct scrape_config *config, struct scrape_settings **out,
                        struct err *err)
{
    struct scrape_settings *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for scrape_configs");
    refcount_init(&s->refs);
    arena_init(&s->arena, SETTINGS_MAX);

    const char *job = config->job_name ? config->job_name : "";
    int rc = check(config, err);
    if (rc == 0) {
        scrape_config_copy(&s->arena, config, &s->config);
        s->accept = make_accept(&s->arena, config);
        s->encoded = encode(&s->arena, config, true);
        s->encoded_loop = encode(&s->arena, config, false);
        if (arena_failed(&s->arena))
            rc = err_set(err, ERR_NOMEM, "over the memory budget of one job");
    }
    if (rc == 0)
        rc = relabel_new(&s->config.relabel_configs, "relabel_configs", &s->relabel, err);
    if (rc == 0)
        rc = relabel_new(&s->config.metric_relabel_configs, "metric_relabel_configs",
                         &s->metric_relabel, err);
    if (rc != 0) {
        scrape_settings_unref(s);
        return err_prefix(err, rc, "scrape_configs: job \"%s\"", job);
    }
    *out = s;
    return 0;
}

struct scrape_settings *scrape_settings_ref(struct scrape_settings *s)
{
    refcount_get(&s->refs);
    return s;
}

void scrape_settings_unref(struct scrape_settings *s)
{
    if (!s || !refcount_put(&s->refs))
        return;
    relabel_free(s->relabel);
    relabel_free(s->metric_relabel);
    arena_done(&s->arena);
    free(s);
}
