/* The rules of retention of a configuration as the store takes them. */
#ifndef TELLTALE_CLI_RETENTION_H
#define TELLTALE_CLI_RETENTION_H

#include "config/config.h"
#include "store/store.h"

struct retention {
    struct store_retention_rule *v[CONFIG_SIGNALS]; /* owned, with their matchers */
    size_t n[CONFIG_SIGNALS];
};

/* Reads the selectors. ERR_INVALID: the message names the override; ERR_NOMEM. `out` is empty after
 * an error. */
int retention_read(const struct config *c, struct retention *out, struct err *err);
void retention_done(struct retention *r);

/* Borrowed: the store copies them. */
void retention_put(const struct retention *r, struct store_options *options);

#endif
