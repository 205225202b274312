/* Where targets come from: files and URLs with lists of target groups, in JSON or YAML as
 * Prometheus's file_sd and http_sd have them:
 *
 *   [{"targets": ["host:port", …], "labels": {"name": "value", …}}, …] */
#ifndef TELLTALE_RECEIVE_DISCOVERY_H
#define TELLTALE_RECEIVE_DISCOVERY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/scrape_config.h"

struct scrape_http;

struct target_groups {
    const struct target_group *v;
    size_t n;
};

/* Reads one list; the result lives in the arena. ERR_INVALID names the place ("[2].targets[0]:
 * expected a text") or, for broken syntax, the line. */
int discovery_parse_json(struct str text, struct arena *arena, struct target_groups *out,
                         struct err *err);
int discovery_parse_yaml(struct str text, struct arena *arena, struct target_groups *out,
                         struct err *err);

/* Reads all files of the configuration, globs expanded, each group with __meta_filepath. A file
 * that is there but cannot be read or parsed keeps the groups it had in `before`: `out` is complete
 * then, too, while the result is ERR_… and `err` has the first reason. */
int discovery_read_files(const struct file_sd_config *config, size_t max_bytes,
                         const struct target_groups *before, struct arena *arena,
                         struct target_groups *out, struct err *err);

/* A number that changes when one of the files does (its name, time, size or inode). */
uint64_t discovery_files_stamp(const struct file_sd_config *config);

/* Fetches the URL's list, each group with __meta_url. Errors as scrape_http_get and the parser. */
int discovery_fetch(const struct http_sd_config *config, struct scrape_http *http, size_t max_bytes,
                    const atomic_bool *stop, struct arena *arena, struct target_groups *out,
                    struct err *err);

#endif
