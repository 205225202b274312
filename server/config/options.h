/* The tables of options. Private to the folder. */
#ifndef TELLTALE_CONFIG_OPTIONS_H
#define TELLTALE_CONFIG_OPTIONS_H

#include "config/schema.h"

/* struct config, but for scrape_configs, which need the global section read before them. */
extern const struct schema config_schema;

/* One scrape_config. */
extern const struct schema scrape_schema;

/* The keys of `global` that give every scrape_config its start; of struct scrape_config. */
extern const struct schema scrape_global_schema;

struct loader;
struct scrape_config;

/* Fills the job's list of texts that must not be shown. */
void scrape_secrets_collect(struct loader *l, struct scrape_config *job);

#endif
