/* Whether the targets that a configuration lists are such: for `telltale check config`. */
#include "base/arena.h"
#include "base/buf.h"
#include "receive/relabel.h"
#include "receive/scrape.h"
#include "receive/target.h"

enum { TARGET_MEMORY = 1 << 20 };

/* False, with a line in `out`, when relabelling does not make a target of the address. */
static bool check_address(struct buf *out, const struct scrape_config *config,
                          const struct relabel *relabel, const struct target_group *g,
                          struct str address)
{
    struct arena arena;
    struct target t;
    struct err err = {0};
    arena_init(&arena, TARGET_MEMORY);
    int rc = target_make(config, relabel, address, g->labels, g->n_labels, &arena, &t, &err);
    arena_done(&arena);
    if (rc != 0)
        buf_printf(out, "job \"%s\": target \"%.*s\": %s\n", config->job_name,
                   STR_ARG(str_sub(address, 0, 200)), err.message);
    return rc == 0;
}

size_t scrape_check_targets(const struct scrape_config *config, struct buf *out)
{
    struct relabel *relabel = NULL;
    struct err err = {0};
    size_t problems = 0;
    if (relabel_new(&config->relabel_configs, "relabel_configs", &relabel, &err) != 0) {
        buf_printf(out, "job \"%s\": %s\n", config->job_name, err.message);
        return 1;
    }
    for (size_t i = 0; i < config->n_static_configs; i++) {
        const struct target_group *g = &config->static_configs[i];
        for (size_t k = 0; k < g->n_targets; k++)
            problems += !check_address(out, config, relabel, g, g->targets[k]);
    }
    relabel_free(relabel);
    return problems;
}
