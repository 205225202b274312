/* The table of components. It is small, written at start and read at start. */
#include "init/component.h"

#include <stdio.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/mutex.h"
#include "core/options.h"
#include "telltale/component.h"

enum { COMPONENTS_MAX = 64 };

static struct {
    struct mutex lock;
    size_t n;
    tt_component list[COMPONENTS_MAX];
} registry = {.lock = MUTEX_INIT};

/* Where a component is, when nobody has registered it: on each line what a library is called behind
 * "libtelltale-", and what it has behind the number of the kind. A table of pointers would be three
 * times as long. */
static const char libraries[] =
    "otlp 0otlp 0otlp_http 0otlp_grpc 2jaeger_remote 2jaeger_remote/development\n"
    "sinks 0console 0otlp/stdout 0otlp_file/development\n"
    "host 3host 3os 3process 3container 3kubernetes 3service\n"
    "sampling 2composite/development\n"
    "config 4file\n"
    "self 6self\n"
    "prometheus 1prometheus 1prometheus/development";
_Static_assert(TT_COMPONENT_EXPORTER == 0 && TT_COMPONENT_PULL == 1 && TT_COMPONENT_SAMPLER == 2 &&
                   TT_COMPONENT_DETECTOR == 3 && TT_COMPONENT_CONFIGURATION == 4 &&
                   TT_COMPONENT_WATCH == 6,
               "the numbers in the text are these");

/* Under the lock. */
static tt_component *find(enum tt_component_kind kind, const char *name)
{
    for (size_t i = 0; i < registry.n; i++) {
        tt_component *c = &registry.list[i];
        if (c->kind == kind && strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int tt_component_register(const tt_component *given)
{
    tt_component c = {0};
    (void)options_read(&c, sizeof c, given);
    if (!c.name || !c.make.exporter)
        return TT_ERR_INVALID;
    mutex_lock(&registry.lock);
    tt_component *at = find(c.kind, c.name);
    if (!at && registry.n < COMPONENTS_MAX)
        at = &registry.list[registry.n++];
    if (at)
        *at = c;
    mutex_unlock(&registry.lock);
    return at ? TT_OK : TT_ERR_LIMIT;
}

static int copy_found(enum tt_component_kind kind, const char *name, tt_component *out)
{
    mutex_lock(&registry.lock);
    const tt_component *c = find(kind, name);
    if (c)
        *out = *c;
    mutex_unlock(&registry.lock);
    return c ? TT_OK : TT_ERR_INVALID;
}

static bool has(struct str line, enum tt_component_kind kind, struct str name)
{
    while (line.p) {
        struct str word = str_cut(&line, ' ');
        if (word.n && word.p[0] == '0' + (int)kind && str_eq(str_sub(word, 1, word.n), name))
            return true;
    }
    return false;
}

/* Loads the library that has it; it registers when it is loaded. */
static bool load(enum tt_component_kind kind, const char *name)
{
    for (struct str rest = str_c(libraries); rest.p && component_load;) {
        struct str line = str_cut(&rest, '\n'), library = str_cut(&line, ' ');
        char path[32];
        if (!has(line, kind, str_c(name)))
            continue;
        (void)snprintf(path, sizeof path, "libtelltale-%.*s.so.0", (int)library.n, library.p);
        return component_load(path);
    }
    return false;
}

int tt_component_find(enum tt_component_kind kind, const char *name, tt_component *out)
{
    if (!name || !out)
        return TT_ERR_INVALID;
    int rc = copy_found(kind, name, out);
    if (rc != TT_OK && load(kind, name))
        rc = copy_found(kind, name, out);
    return rc;
}

void component_restart(void)
{
    mutex_init(&registry.lock);
}
