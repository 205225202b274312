#include "core/switches.h"

#include <stdlib.h>
#include <string.h>

#include "base/glob.h"

struct scope_switch *switch_new(const char *pattern, bool on)
{
    size_t n = strlen(pattern) + 1;
    struct scope_switch *s = malloc(sizeof *s + n);
    if (!s)
        return NULL;
    s->next = NULL;
    s->on = on;
    memcpy(s->pattern, pattern, n);
    return s;
}

void switches_put(struct scope_switch **first, struct scope_switch *s)
{
    struct scope_switch **at = first;
    while (*at && strcmp((*at)->pattern, s->pattern) != 0)
        at = &(*at)->next;
    struct scope_switch *old = *at;
    if (old) {
        *at = old->next;
        free(old);
    }
    s->next = *first;
    *first = s;
}

bool switches_say(const struct scope_switch *first, const char *name)
{
    const struct scope_switch *s = first;
    while (s && !glob_fits_nocase(str_c(s->pattern), str_c(name)))
        s = s->next;
    return !s || s->on;
}

void switches_free(struct scope_switch *first)
{
    for (struct scope_switch *s = first, *next; s; s = next) {
        next = s->next;
        free(s);
    }
}
