/* What `telltale store import` and `export` work on: a data directory that no server has open, or a
 * running server. */
#ifndef TELLTALE_CLI_STORE_TARGET_H
#define TELLTALE_CLI_STORE_TARGET_H

#include <stdint.h>

#include "cli/options.h"
#include "net/client.h"
#include "store/store.h"

struct store_target {
    const char *data, *url, *token, *user, *ca_file; /* as the options say */
    bool must_exist;                                 /* `data` is not made when it is missing */
    struct store *store;                             /* with `data` */
    struct http_client *client;                      /* with `url` */
};

enum { STORE_TARGET_OPTIONS = 5 };

/* --data, --url, --token, --user, --ca. */
void store_target_options(struct store_target *t, struct cli_option out[STORE_TARGET_OPTIONS]);

/* Opens the one that was named; ERR_INVALID when none or both were. */
int store_target_open(struct store_target *t, struct err *err);

/* With `data`: writes what was imported. */
int store_target_close(struct store_target *t, struct err *err);

/* One request to the server, `path` with its parameters; again while it is busy, up to a minute.
 * ERR_INVALID and others by the status of an answer that is no success, with the server's words;
 * ERR_TOO_BIG: the answer would be, or the body is. */
int store_target_call(struct store_target *t, const char *method, const char *path,
                      const char *const *headers, struct str body, struct http_answer *out,
                      struct err *err);

/* GETs `path`, the body bit by bit, however long it takes; `want_header`: of http_call. Errors as
 * above, and ERR_IO when the answer ended before it was whole. */
int store_target_stream(struct store_target *t, const char *path, const char *want_header,
                        bool (*take)(void *self, struct str bytes), void *self,
                        struct http_answer *out, struct err *err);

/* Appends `&name=value` (`?` for the first) with its escapes. */
struct buf;
void store_target_param(struct buf *path, const char *name, struct str value);

/* Unix seconds, RFC 3339, or a duration before now. */
int store_target_time(const char *text, int64_t *out_unix_ms, struct err *err);

#endif
