/* A job's configuration, compiled: what all its loops share. Immutable; loops in the middle of a
 * scrape keep the one they began with, so it is counted. */
#ifndef TELLTALE_RECEIVE_SCRAPE_SETTINGS_H
#define TELLTALE_RECEIVE_SCRAPE_SETTINGS_H

#include "base/arena.h"
#include "base/atomic.h"
#include "base/err.h"
#include "config/scrape_config.h"

struct relabel;

struct scrape_settings {
    struct refcount refs;
    struct arena arena; /* owns what follows, but for the compiled rules */
    struct scrape_config config;
    struct relabel *relabel, *metric_relabel; /* owned */
    const char *accept;                       /* the header, "Accept: …" */
    struct str encoded;                       /* equal for equal configurations */
    struct str encoded_loop;                  /* the same without discovery */
};

/* A copy of `config`, checked. ERR_INVALID names job and key; ERR_NOMEM. */
int scrape_settings_new(const struct scrape_config *config, struct scrape_settings **out,
                        struct err *err);
struct scrape_settings *scrape_settings_ref(struct scrape_settings *s);
void scrape_settings_unref(struct scrape_settings *s);

#endif
