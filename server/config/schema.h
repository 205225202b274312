/* Options as data: a table says for each key its type, bounds, default, help text and which field
 * of a struct it fills. The same table reads YAML and `--set`, writes the effective configuration
 * back, and makes the help and the reference page. Private to the folder.
 *
 * A schema describes one struct. Keys are paths below the schema's root ("tls.cert"). Lists of
 * structs and shared groups of options have a schema of their own. */
#ifndef TELLTALE_CONFIG_SCHEMA_H
#define TELLTALE_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

struct arena;
struct buf;
struct loader;
struct node;
struct schema;

/* The field's type stands behind each. Text without a value is NULL. */
enum option_type {
    OPT_BOOL,     /* bool */
    OPT_COUNT,    /* uint64_t */
    OPT_SIZE,     /* uint64_t, bytes: 64MiB */
    OPT_DURATION, /* int64_t, milliseconds: 1h30m; INT64_MAX for "forever" where it is allowed */
    OPT_CHOICE,   /* int, index into choices */
    OPT_TEXT,     /* const char * */
    OPT_STR,      /* struct str, taken as it stands: no ${…} */
    OPT_FILE,     /* const char *; relative to the configuration file */
    OPT_SECRET,   /* const char *; never shown */
    OPT_ADDRESS,  /* const char *; "host:port" of a listener; NULL for "off" */
    OPT_TEXTS,    /* const struct str * and size_t */
    OPT_FILES,    /* const char *const * and size_t; relative to the configuration file */
    OPT_LABELS,   /* const struct config_label * and size_t, from a map */
    OPT_LIST,     /* const struct * and size_t; `part` describes one item */
    OPT_SHARE,    /* a struct inside, whose keys (of `part`) stand on the same level */
    OPT_CUSTOM,   /* `custom` does it */
    OPT_UNUSED,   /* a key of Prometheus that is not covered: a warning */
};

enum option_flags {
    OPTION_RESTART = 1 << 0, /* a change takes effect at the next start only */
    OPTION_FOREVER = 1 << 1, /* a duration that may be "forever" */
    OPTION_RAW = 1 << 2,     /* ${…} is not expanded: regular expressions have it, too */
    OPTION_REQUIRED = 1 << 3,
    OPTION_ALIAS = 1 << 4, /* another name of a field that has an option: read, not written */
};

struct option_custom {
    int (*read)(struct loader *l, const struct node *value, void *object);
    void (*write)(struct buf *out, const void *object); /* YAML in flow style; nothing: left out */
};

struct option {
    const char *key;
    enum option_type type;
    size_t at, at_n;            /* where the field, and for lists its count, is in the struct */
    const char *fallback;       /* the default as one would write it; NULL: zero, none, empty */
    int64_t min, max;           /* of numbers; max 0: none */
    const char *const *choices; /* NULL-terminated */
    const struct schema *part;
    const struct option_custom *custom;
    unsigned flags;
    const char *help;
    const char *like; /* what Prometheus calls it, when it has another name there */
};

struct schema {
    const struct option *options;
    size_t n;
    size_t size; /* of the struct */
    /* Fills a struct before its keys are read; NULL: zeros and the options' fallbacks. */
    void (*defaults)(struct loader *l, void *object);
    /* Looks at what was read as a whole, completes it, reports problems at `node`. */
    void (*check)(struct loader *l, const struct node *node, void *object);
};

#define SCHEMA(table, type, ...)                                                                   \
    {                                                                                              \
        .options = (table), .n = ARRAY_LEN(table), .size = sizeof(type), __VA_ARGS__               \
    }

/* Reads all keys of a map into `object`, which has its defaults. Problems go to the loader. */
void schema_read(struct loader *l, const struct schema *s, const struct node *map, void *object);

/* Sets every option to its fallback. */
void schema_defaults(struct loader *l, const struct schema *s, void *object);

/* Reads one option's value; a null value leaves the field as it is. */
void option_read(struct loader *l, const struct option *o, const struct node *value, void *object);

/* The option with that key, and the struct inside `object` whose field it is (for OPT_SHARE); NULL
 * when there is none. `object` may be NULL. */
const struct option *schema_find(const struct schema *s, struct str key, void **object);

/* True when keys below `key` exist ("storage" of "storage.path"). */
bool schema_has_group(const struct schema *s, struct str key);

/* The known key nearest to a wrong one, for "did you mean", or the empty str. In a static place of
 * the tables. */
struct str schema_nearest(const struct schema *s, struct str wrong);

/* The value as YAML in flow style, secrets masked; nothing when it has none. `hidden` tells which
 * texts came from ${…}. */
struct hidden {
    const void **v;
    size_t n, cap;
};
void option_write(struct buf *out, const struct option *o, const void *object,
                  const struct hidden *hidden);

/* The whole object as YAML in block style, indented by `indent`. */
void schema_write(struct buf *out, const struct schema *s, const void *object, unsigned indent,
                  const struct hidden *hidden);

/* A text as YAML: bare where that is safe, else in double quotes. */
void schema_write_text(struct buf *out, struct str s);

#endif
