#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/options.h"

static bool add_set(struct arguments *a, const char *key, const char *value)
{
    size_t room = (key ? strlen(key) + 1 : 0) + strlen(value) + 1;
    char *text = a->n < ARGUMENTS_SETS_MAX ? malloc(room) : NULL;
    if (!text) {
        (void)fprintf(stderr, "telltale: too many settings (at most %d)\n", ARGUMENTS_SETS_MAX);
        return false;
    }
    (void)snprintf(text, room, "%s%s%s", key ? key : "", key ? "=" : "", value);
    a->sets[a->n++] = text;
    return true;
}

static bool take_set(void *self, const char *value)
{
    return add_set(self, NULL, value);
}

/* --enable-feature=a,b as Prometheus takes it, also several times; the configuration wants one
 * list. */
static bool take_features(void *self, const char *value)
{
    static const char key[] = "query.features=[";
    struct arguments *a = self;
    const char *before = NULL;
    for (size_t i = 0; i < a->n; i++)
        if (strncmp(a->sets[i], key, sizeof key - 1) == 0)
            before = a->sets[i] + sizeof key - 1;
    char text[2048];
    int kept = before ? (int)strlen(before) - 1 : 0; // without its "]"
    (void)snprintf(text, sizeof text, "[%.*s%s%s]", kept, before ? before : "", before ? "," : "",
                   value);
    return add_set(self, "query.features", text);
}

/* Flags that stand for a key. Those of Prometheus are here so that its command line can be kept;
 * those without a key ask for what is always on, or for what we have no use for. */
struct shortcut {
    const char *flag, *key;
    bool is_switch; /* takes no value; sets the key to true */
};

static const struct shortcut shortcuts[] = {
    {"--http", "http.address", false},
    {"--otlp-grpc", "otlp.grpc.address", false},
    {"--otlp-http", "otlp.http.address", false},
    {"--data", "storage.path", false},
    {"--log.level", "log.level", false},
    {"--log.format", "log.format", false},
    {"--web.listen-address", "http.address", false},
    {"--web.cors.origin", "http.cors_origin", false},
    {"--web.enable-lifecycle", "http.lifecycle", true},
    {"--web.enable-admin-api", "http.admin_api", true},
    {"--web.max-connections", "limits.max_connections", false},
    {"--web.read-timeout", "limits.idle_timeout", false},
    {"--storage.tsdb.path", "storage.path", false},
    {"--storage.tsdb.retention.time", "storage.retention.metrics", false},
    {"--query.lookback-delta", "query.lookback_delta", false},
    {"--query.max-concurrency", "query.max_concurrency", false},
    {"--query.max-samples", "query.max_samples", false},
    {"--query.timeout", "query.timeout", false},
    {"--web.enable-remote-write-receiver", NULL, true},
    {"--web.enable-otlp-receiver", NULL, true},
    {"--web.console.templates", NULL, false},
    {"--web.console.libraries", NULL, false},
    {"--web.page-title", NULL, false},
    {"--storage.tsdb.wal-compression", NULL, true},
    {"--storage.tsdb.no-lockfile", NULL, true},
};

/* A shortcut on its way through the options' reader. */
struct taken {
    struct arguments *arguments;
    const struct shortcut *shortcut;
    bool on; /* of a switch */
};

static bool take_shortcut(void *self, const char *value)
{
    const struct taken *t = self;
    return !t->shortcut->key || add_set(t->arguments, t->shortcut->key, value);
}

bool arguments_read(struct arguments *a, int argc, char **argv)
{
    enum { OWN = 4, ALL = OWN + ARRAY_LEN(shortcuts) };
    struct taken taken[ARRAY_LEN(shortcuts)];
    struct cli_option options[ALL] = {
        {.name = "--config", .value = &a->file},
        {.name = "--config.file", .value = &a->file},
        {.name = "--set", .take = take_set, .self = a},
        {.name = "--enable-feature", .take = take_features, .self = a},
    };
    for (size_t i = 0; i < ARRAY_LEN(shortcuts); i++) {
        taken[i] = (struct taken){a, &shortcuts[i], false};
        options[OWN + i] = (struct cli_option){.name = shortcuts[i].flag, .self = &taken[i]};
        if (shortcuts[i].is_switch)
            options[OWN + i].flag = &taken[i].on;
        else
            options[OWN + i].take = take_shortcut;
    }
    const char *none[1];
    size_t n;
    if (!cli_options(options, ALL, argc, argv, none, 0, &n))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(shortcuts); i++)
        if (taken[i].on && shortcuts[i].key && !add_set(a, shortcuts[i].key, "true"))
            return false;
    return true;
}

void arguments_done(struct arguments *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->sets[i]);
}
