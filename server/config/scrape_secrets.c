/* The texts of one job that came from ${…} and that the server would otherwise repeat: in the URL
 * of a target, or among the labels it was discovered with. */
#include "base/arena.h"
#include "config/config.h"
#include "config/loader.h"
#include "config/options.h"

struct collecting {
    struct loader *loader;
    struct str *v;
    size_t n, cap;
};

static void add(struct collecting *c, struct str text)
{
    if (!text.n || !loader_is_hidden(c->loader, text.p))
        return;
    struct str *v = arena_room(c->loader->arena, c->v, c->n, &c->cap, 8, sizeof *v);
    if (!v)
        return; // the arena has failed: the configuration will not be used
    c->v = v;
    c->v[c->n++] = text;
}

/* Labels of groups end in the URL when they are called __param_… or __metrics_path__. Others are
 * stored with each series: nothing to hide there. */
static void add_groups(struct collecting *c, const struct scrape_config *job)
{
    for (size_t i = 0; i < job->n_static_configs; i++) {
        const struct target_group *g = &job->static_configs[i];
        for (size_t k = 0; k < g->n_labels; k++)
            if (str_starts(g->labels[k].name, STR("__")))
                add(c, g->labels[k].value);
    }
}

void scrape_secrets_collect(struct loader *l, struct scrape_config *job)
{
    struct collecting c = {.loader = l};
    if (job->metrics_path)
        add(&c, str_c(job->metrics_path));
    for (size_t i = 0; i < job->n_params; i++)
        for (size_t k = 0; k < job->params[i].n_values; k++)
            if (job->params[i].values[k])
                add(&c, str_c(job->params[i].values[k]));
    for (size_t i = 0; i < job->n_http_sd_configs; i++)
        if (job->http_sd_configs[i].url)
            add(&c, str_c(job->http_sd_configs[i].url)); // shown as __meta_url
    add_groups(&c, job);
    job->secrets = c.v;
    job->n_secrets = c.n;
}
