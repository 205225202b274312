/* Meters and tracers that are switched off by the patterns of their names. */
#ifndef TELLTALE_CORE_SWITCHES_H
#define TELLTALE_CORE_SWITCHES_H

#include <stdbool.h>

struct scope_switch {
    struct scope_switch *next; /* the last set first */
    bool on;
    char pattern[];
};

/* For switches_put, or free(); NULL when out of memory. */
struct scope_switch *switch_new(const char *pattern, bool on);

/* In front of the others, in the place of an older one of its pattern. Taken. */
void switches_put(struct scope_switch **first, struct scope_switch *s);

/* What the first that fits says; on when none does. */
bool switches_say(const struct scope_switch *first, const char *name);

void switches_free(struct scope_switch *first);

#endif
