/* Flags of a command, from a table: --name value, --name=value, --name. */
#ifndef TELLTALE_CLI_OPTIONS_H
#define TELLTALE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct cli_option {
    const char *name;   /* with its dashes: "--url" */
    const char **value; /* set to the argument; NULL: the option takes none */
    bool *flag;         /* set to true when it stands there; for options without a value */
    /* For options that may stand several times or mean something else: called with the argument;
     * false with a message on stderr stops. */
    bool (*take)(void *self, const char *value);
    void *self;
};

/* Reads argv; arguments that are no options go to `rest` (at most max_rest) in their order; "--"
 * ends the options. False, with a message that names the option and the nearest known one, on
 * stderr. */
bool cli_options(const struct cli_option *options, size_t n, int argc, char **argv,
                 const char **rest, size_t max_rest, size_t *out_rest);

#endif
