#include "cli/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct cli_option *find(const struct cli_option *options, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_c(options[i].name)))
            return &options[i];
    return NULL;
}

static void unknown(const struct cli_option *options, size_t n, struct str name)
{
    const char *nearest = NULL;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t distance = str_distance(name, str_c(options[i].name));
        if (distance < best) {
            best = distance;
            nearest = options[i].name;
        }
    }
    (void)fprintf(stderr, "telltale: unknown option \"%.*s\"", STR_ARG(name));
    if (nearest && best <= 3)
        (void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
    (void)fputs("\nAdd --help for what the command takes.\n", stderr);
}

/* Gives the option its value; `next` is the argument behind it. Returns how many arguments it took
 * beyond its own, or -1. */
static int apply(const struct cli_option *o, const char *value, const char *next)
{
    bool wants = o->value || o->take;
    if (!wants && value) {
        (void)fprintf(stderr, "telltale: %s takes no value\n", o->name);
        return -1;
    }
    if (!wants) {
        *o->flag = true;
        return 0;
    }
    const char *given = value ? value : next;
    if (!given) {
        (void)fprintf(stderr, "telltale: %s needs a value\n", o->name);
        return -1;
    }
    if (o->value)
        *o->value = given;
    else if (!o->take(o->self, given))
        return -1;
    return value ? 0 : 1;
}

bool cli_options(const struct cli_option *options, size_t n, int argc, char **argv,
                 const char **rest, size_t max_rest, size_t *out_rest)
{
    bool ended = false;
    *out_rest = 0;
    for (int i = 0; i < argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        }
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            if (*out_rest == max_rest) {
                (void)fprintf(stderr, "telltale: one argument too many: \"%s\"\n", argv[i]);
                return false;
            }
            rest[(*out_rest)++] = argv[i];
            continue;
        }
        const char *equals = strchr(argv[i], '=');
        struct str name = {argv[i], equals ? (size_t)(equals - argv[i]) : strlen(argv[i])};
        const struct cli_option *o = find(options, n, name);
        if (!o) {
            unknown(options, n, name);
            return false;
        }
        int took = apply(o, equals ? equals + 1 : NULL, i + 1 < argc ? argv[i + 1] : NULL);
        if (took < 0)
            return false;
        i += took;
    }
    return true;
}
