/* The command line of `telltale serve` as settings: each flag stands for a key of the
 * configuration, so that there is one place where values are checked. Prometheus's flags for the
 * same things are in the table, too: its command line can be kept. */
#ifndef TELLTALE_CLI_ARGUMENTS_H
#define TELLTALE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS_SETS_MAX = 256 };

struct arguments {
    const char *file;               /* --config; borrowed from argv; NULL: none */
    char *sets[ARGUMENTS_SETS_MAX]; /* "key=value" in their order; owned */
    size_t n;
};

/* `out` is {0} before. False with a message on stderr that names the argument; call arguments_done
 * in any case. */
bool arguments_read(struct arguments *out, int argc, char **argv);
void arguments_done(struct arguments *a);

#endif
