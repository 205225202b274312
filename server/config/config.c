#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/num.h"
#include "config/listeners.h"
#include "config/loader.h"
#include "config/options.h"
#include "config/tree.h"

enum { CONFIG_MEMORY_MAX = 256 << 20, MESSAGES_MAX = 64 << 10 };

struct config_private {
    struct arena arena; /* owns everything of the configuration, this struct's owner excepted */
    struct hidden hidden;
};

/* What is found on the way and used at the end. */
struct load {
    struct loader loader;
    struct config *config;
    const struct node *jobs; /* scrape_configs */
    const char *jobs_source;
};

/* ---- The file ---- */

static int read_file(struct load *load, const char *file, struct str *out, struct err *err)
{
    FILE *f = fopen(file, "re");
    if (!f)
        return err_errno(err, "cannot read %s", file);
    struct buf text = BUF_MAX(TREE_BYTES_MAX + 1);
    int rc = 0;
    for (size_t n = 1; n && !rc;) {
        char *room = buf_reserve(&text, 64 << 10);
        n = room ? fread(room, 1, 64 << 10, f) : 0;
        if (room)
            buf_advance(&text, n);
        if (!room || text.n > TREE_BYTES_MAX)
            rc = err_set(err, ERR_TOO_BIG, "%s: over %d bytes", file, TREE_BYTES_MAX);
    }
    if (!rc && ferror(f))
        rc = err_errno(err, "cannot read %s", file);
    (void)fclose(f); // it was read only
    if (!rc)
        *out = arena_str(load->loader.arena, buf_str(&text));
    buf_done(&text);
    return rc;
}

static const char *directory_of(struct arena *arena, const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? arena_str(arena, str_of(file, (size_t)(slash - file))).p : NULL;
}

/* The tree's own errors carry "line:column: " in front. */
static struct node *parse(struct load *load, struct str text)
{
    struct node *root = NULL;
    struct err err = {0};
    if (tree_parse(load->loader.arena, text, &root, &err) < 0) {
        struct loader *l = &load->loader;
        l->n_problems++;
        buf_printf(&l->problems, "%s:%s\n", l->source, err.message);
        return NULL;
    }
    return root;
}

/* The jobs are read last: their defaults stand in `global`, which may follow them in the file. */
static void take_jobs(struct load *load, const struct node *value)
{
    load->jobs = value;
    load->jobs_source = load->loader.source;
}

static void read_document(struct load *load, struct str text)
{
    struct node *root = parse(load, text);
    if (!root || node_is_null(root))
        return;
    if (root->kind != NODE_MAP) {
        loader_expected(&load->loader, root, false, "a map of sections");
        return;
    }
    struct node rest = *root; // the same without scrape_configs
    rest.keys = arena_array(load->loader.arena, root->n + 1, sizeof *rest.keys);
    rest.items = arena_array(load->loader.arena, root->n + 1, sizeof *rest.items);
    rest.n = 0;
    for (size_t i = 0; rest.keys && rest.items && i < root->n; i++) {
        if (str_eq(root->keys[i]->text, STR("scrape_configs"))) {
            take_jobs(load, root->items[i]);
            continue;
        }
        rest.keys[rest.n] = root->keys[i];
        rest.items[rest.n++] = root->items[i];
    }
    schema_read(&load->loader, &config_schema, &rest, load->config);
}

static int read_source_file(struct load *load, const struct config_source *source, struct err *err)
{
    struct str text = source->text;
    load->loader.source = source->file ? source->file : "configuration";
    if (source->file) {
        load->config->file = arena_str(load->loader.arena, str_c(source->file)).p;
        load->loader.dir = directory_of(load->loader.arena, source->file);
        int rc = text.p ? 0 : read_file(load, source->file, &text, err);
        if (rc)
            return rc;
    }
    if (text.p)
        read_document(load, text);
    return 0;
}

/* ---- --set ---- */

static bool is_structured(enum option_type type)
{
    return type == OPT_TEXTS || type == OPT_FILES || type == OPT_LABELS || type == OPT_LIST ||
           type == OPT_CUSTOM;
}

/* Scalars are taken as they are, so that "[::1]:9090" needs no quotes; the rest is YAML. */
static const struct node *set_value(struct load *load, bool structured, struct str text)
{
    if (structured)
        return parse(load, text);
    struct node *scalar = arena_zalloc(load->loader.arena, sizeof *scalar);
    if (scalar)
        *scalar = (struct node){.kind = NODE_SCALAR, .text = arena_str(load->loader.arena, text)};
    return scalar;
}

static void read_set(struct load *load, struct str set)
{
    struct loader *l = &load->loader;
    struct str rest = set;
    struct str key = str_cut(&rest, '=');
    if (!rest.p) {
        loader_problem(l, NULL, "found \"%.*s\", expected KEY=VALUE", STR_ARG(set));
        return;
    }
    size_t mark = loader_enter(l, key);
    void *owner = load->config;
    const struct option *o = schema_find(&config_schema, key, &owner);
    bool jobs = str_eq(key, STR("scrape_configs"));
    struct str hint = o || jobs ? (struct str){0} : schema_nearest(&config_schema, key);
    if (!o && !jobs && hint.n)
        loader_problem(l, NULL, "unknown key; did you mean %.*s?", STR_ARG(hint));
    else if (!o && !jobs)
        loader_problem(l, NULL, "unknown key");
    const struct node *value =
        o || jobs ? set_value(load, jobs || is_structured(o->type), rest) : NULL;
    if (value && jobs)
        take_jobs(load, value);
    else if (value)
        option_read(l, o, value, owner);
    loader_leave(l, mark);
}

/* ---- The whole ---- */

static const struct option jobs_option = {.key = "scrape_configs",
                                          .type = OPT_LIST,
                                          .at = offsetof(struct config, scrape_configs),
                                          .at_n = offsetof(struct config, n_scrape_configs),
                                          .part = &scrape_schema};

static void read_jobs(struct load *load)
{
    if (!load->jobs)
        return;
    struct loader *l = &load->loader;
    l->source = load->jobs_source;
    size_t mark = loader_enter(l, STR("scrape_configs"));
    option_read(l, &jobs_option, load->jobs, load->config);
    struct map names = {0};
    const struct config *c = load->config;
    for (size_t i = 0; i < c->n_scrape_configs && !l->n_problems; i++) {
        struct str name = str_c(c->scrape_configs[i].job_name);
        if (map_get(&names, name))
            loader_problem(l, load->jobs->items[i], "two jobs have the name \"%.*s\"",
                           STR_ARG(name));
        else if (map_put(&names, name, load->jobs->items[i]) < 0)
            loader_problem(l, NULL, "out of memory");
    }
    map_done(&names);
    loader_leave(l, mark);
}

static void check_users(struct loader *l, const struct config *c)
{
    for (size_t i = 0; i < c->auth.n_users; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(str_c(c->auth.users[i].name), str_c(c->auth.users[k].name)))
                loader_problem(l, NULL, "auth.users[%zu]: the name \"%s\" stands twice", i,
                               c->auth.users[i].name);
}

/* What one key cannot tell alone. */
static void check_whole(struct loader *l, const struct config *c)
{
    l->source = c->file ? c->file : "configuration";
    if (!c->http.tls.cert != !c->http.tls.key)
        loader_problem(l, NULL, "http.tls.cert and http.tls.key belong together");
    if (c->http.tls.client_ca && !c->http.tls.cert)
        loader_problem(l, NULL, "http.tls.client_ca needs http.tls.cert and http.tls.key");
    if (!c->storage.path || !c->storage.path[0])
        loader_problem(l, NULL, "storage.path is empty");
    if (c->storage.series_per_tenant && c->storage.tenant_label.n == 0)
        loader_problem(
            l, NULL,
            "storage.cardinality.series_per_tenant needs storage.cardinality.tenant_label");
    listeners_check(l, c);
    check_users(l, c);
}

static void write_yaml(struct load *load)
{
    static const struct schema jobs = {&jobs_option, 1, sizeof(struct config), NULL, NULL};
    struct buf text = BUF_MAX(CONFIG_MEMORY_MAX / 4);
    schema_write(&text, &config_schema, load->config, 0, &load->loader.hidden);
    schema_write(&text, &jobs, load->config, 0, &load->loader.hidden);
    load->config->yaml = arena_str(load->loader.arena, buf_str(&text)).p;
    load->config->warnings = arena_str(load->loader.arena, buf_str(&load->loader.warnings)).p;
    buf_done(&text);
}

static int outcome(struct loader *l, struct buf *problems, struct err *err)
{
    if (l->n_problems) {
        struct str all = buf_str(&l->problems);
        if (problems)
            buf_put_str(problems, all);
        if (problems && l->n_problems > LOADER_PROBLEMS_MAX)
            buf_printf(problems, "… and %zu more\n", l->n_problems - LOADER_PROBLEMS_MAX);
        struct str first = str_cut(&all, '\n');
        return err_set(err, ERR_INVALID, "%.*s", STR_ARG(first));
    }
    if (arena_failed(l->arena))
        return err_set(err, ERR_NOMEM, "the configuration needs over %d MiB",
                       CONFIG_MEMORY_MAX >> 20);
    return 0;
}

static int load_all(struct load *load, const struct config_source *source, struct buf *problems,
                    struct err *err)
{
    struct loader *l = &load->loader;
    l->source = "defaults";
    schema_defaults(l, &config_schema, load->config);
    int rc = read_source_file(load, source, err);
    if (rc)
        return rc;
    const char *dir = l->dir;
    l->source = "--set";
    l->dir = NULL; // paths on the command line are relative to where it was typed
    for (size_t i = 0; i < source->n_sets; i++)
        read_set(load, str_c(source->sets[i]));
    l->dir = dir;
    read_jobs(load);
    if (!l->n_problems)
        check_whole(l, load->config);
    rc = outcome(l, problems, err);
    if (rc)
        return rc;
    write_yaml(load);
    load->config->private->hidden = l->hidden;
    return outcome(l, problems, err);
}

int config_load(const struct config_source *source, struct config **out, struct buf *problems,
                struct err *err)
{
    struct config *c = calloc(1, sizeof *c);
    struct config_private *private = c ? calloc(1, sizeof *private) : NULL;
    if (!private) {
        free(c);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    arena_init(&private->arena, CONFIG_MEMORY_MAX);
    c->private = private;
    struct load load = {.config = c,
                        .loader = {.arena = &private->arena,
                                   .config = c,
                                   .path = BUF_MAX(4096),
                                   .problems = BUF_MAX(MESSAGES_MAX),
                                   .warnings = BUF_MAX(MESSAGES_MAX)}};
    int rc = load_all(&load, source, problems, err);
    buf_done(&load.loader.path);
    buf_done(&load.loader.problems);
    buf_done(&load.loader.warnings);
    if (rc)
        config_free(c);
    else
        *out = c;
    return rc;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    arena_done(&c->private->arena);
    free(c->private);
    free(c);
}

/* ---- Comparing and listing ---- */

void config_restart_keys(const struct config *old, const struct config *new, struct buf *out)
{
    const char *comma = "";
    for (size_t i = 0; i < config_schema.n; i++) {
        const struct option *o = &config_schema.options[i];
        if (!(o->flags & OPTION_RESTART))
            continue;
        struct buf a = BUF_MAX(1 << 20), b = BUF_MAX(1 << 20);
        option_write(&a, o, old, NULL);
        option_write(&b, o, new, NULL);
        if (!str_eq(buf_str(&a), buf_str(&b))) {
            buf_printf(out, "%s%s", comma, o->key);
            comma = ", ";
        }
        buf_done(&a);
        buf_done(&b);
    }
}

int config_write_job(const struct config *c, struct str job, struct buf *out, struct err *err)
{
    for (size_t i = 0; i < c->n_scrape_configs; i++) {
        if (!str_eq(str_c(c->scrape_configs[i].job_name), job))
            continue;
        schema_write(out, &scrape_schema, &c->scrape_configs[i], 0, &c->private->hidden);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "scrape pool \"%.*s\" not found", STR_ARG(job));
}

static struct str without_quotes(struct str s)
{
    bool quoted = s.n >= 2 && s.p[0] == '"' && str_index(s, '\\') == s.n;
    return quoted ? str_sub(s, 1, s.n - 2) : s;
}

void config_each(const struct config *c,
                 void (*each)(void *self, const char *key, const char *like, struct str value),
                 void *self)
{
    for (size_t i = 0; i < config_schema.n; i++) {
        const struct option *o = &config_schema.options[i];
        if (o->type == OPT_SHARE || o->type == OPT_UNUSED || o->type == OPT_LIST)
            continue;
        struct buf value = BUF_MAX(1 << 20);
        option_write(&value, o, c, &c->private->hidden);
        each(self, o->key, o->like, without_quotes(buf_str(&value)));
        buf_done(&value);
    }
}
