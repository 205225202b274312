/* YAML into a tree of values, by libyaml's events. What an anchor names is shared by its aliases,
 * not copied, and only what is complete can be named: so a tree has no cycles and is no larger than
 * its text. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/num.h"
#include "declare/scalar.h"
#include "telltale/config.h"

enum { DEPTH_MAX = 32, ANCHORS_MAX = 64, TEXT_BYTES_MAX = 1 << 20, TREE_BYTES_MAX = 32 << 20 };
enum { SCALAR_BYTES_MAX = 64 << 10, FIELDS_MAX = 1024 };
static const double NEWEST = 1.2; // of the versions of the file format

struct tt_config {
    struct arena arena;
    tt_value root;
};

struct parser {
    yaml_parser_t yaml;
    struct arena *arena;
    tt_config_error *error;
    size_t anchors_n;
    struct {
        struct str name;
        tt_value value;
    } anchors[ANCHORS_MAX];
};

static int fail(struct parser *p, const yaml_mark_t *at, const char *what, struct str detail)
{
    (void)snprintf(p->error->text, sizeof p->error->text, "line %zu: %s%s%.*s%s", at->line + 1,
                   what, detail.n ? " \"" : "", (int)MIN(detail.n, 80), detail.p ? detail.p : "",
                   detail.n ? "\"" : "");
    return TT_ERR_INVALID;
}

static int no_memory(struct parser *p)
{
    (void)snprintf(p->error->text, sizeof p->error->text,
                   "the configuration takes too much memory");
    return TT_ERR_NOMEM;
}

static int next_event(struct parser *p, yaml_event_t *event)
{
    if (yaml_parser_parse(&p->yaml, event))
        return TT_OK;
    const char *problem = p->yaml.problem ? p->yaml.problem : "not YAML";
    return fail(p, &p->yaml.problem_mark, problem, (struct str){0});
}

/* --- anchors --------------------------------------------------------------------------------- */

static int remember(struct parser *p, const yaml_mark_t *at, struct str name, const tt_value *v)
{
    if (name.n == 0)
        return TT_OK;
    if (p->anchors_n == ANCHORS_MAX)
        return fail(p, at, "more than 64 anchors", (struct str){0});
    p->anchors[p->anchors_n].name = name;
    p->anchors[p->anchors_n++].value = *v;
    return TT_OK;
}

static int recall(struct parser *p, const yaml_event_t *event, tt_value *out)
{
    struct str name = str_c((const char *)event->data.alias.anchor);
    for (size_t i = p->anchors_n; i > 0; i--) {
        if (str_eq(p->anchors[i - 1].name, name)) {
            *out = p->anchors[i - 1].value;
            return TT_OK;
        }
    }
    return fail(p, &event->start_mark, "an alias of what is not there, or not complete", name);
}

/* --- scalars --------------------------------------------------------------------------------- */

static bool is_text(const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    return event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
           (tag && strcmp(tag, YAML_STR_TAG) == 0);
}

static int read_scalar(struct parser *p, const yaml_event_t *event, tt_value *out)
{
    struct str raw = str_of((const char *)event->data.scalar.value, event->data.scalar.length);
    struct buf text = BUF_MAX(SCALAR_BYTES_MAX);
    int rc = TT_OK;
    if (!scalar_substitute(&text, raw))
        rc = fail(p, &event->start_mark, "not a reference to a variable:", raw);
    else if (buf_failed(&text) || text.n > SCALAR_BYTES_MAX)
        rc = fail(p, &event->start_mark, "a value of more than 64 KiB", (struct str){0});
    struct str kept = rc == TT_OK ? arena_str(p->arena, buf_str(&text)) : (struct str){0};
    buf_done(&text);
    if (rc == TT_OK && arena_failed(p->arena))
        rc = no_memory(p);
    if (rc == TT_OK)
        *out = is_text(event) ? tt_value_text(kept.p, kept.n) : scalar_resolve(kept);
    return rc;
}

/* --- trees ----------------------------------------------------------------------------------- */

static int read_value(struct parser *p, yaml_event_t *event, int depth, tt_value *out);

/* Room for one more, doubling. */
static void *grow(struct parser *p, void *old, size_t n, size_t size)
{
    return n & (n - 1) ? old : arena_grow(p->arena, old, n, n ? 2 * n : 1, size);
}

static int read_list(struct parser *p, int depth, tt_value *out)
{
    tt_value *items = NULL;
    size_t n = 0;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(p, &event);
        if (rc != TT_OK)
            return rc;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            *out = tt_value_array(items, n);
            return TT_OK;
        }
        tt_value *grown = grow(p, items, n, sizeof *items);
        if (grown)
            items = grown;
        rc = grown ? read_value(p, &event, depth, &items[n]) : no_memory(p);
        yaml_event_delete(&event);
        if (rc != TT_OK)
            return rc;
        n++;
    }
}

static int read_key(struct parser *p, const yaml_event_t *event, const tt_attr *fields, size_t n,
                    tt_attr *out)
{
    if (event->type != YAML_SCALAR_EVENT || n == FIELDS_MAX)
        return fail(p, &event->start_mark, "a map has up to 1024 keys, which are words",
                    (struct str){0});
    struct str key = arena_str(
        p->arena, str_of((const char *)event->data.scalar.value, event->data.scalar.length));
    if (arena_failed(p->arena))
        return no_memory(p);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, str_of(fields[i].key, fields[i].key_n)))
            return fail(p, &event->start_mark, "twice in a map:", key);
    }
    *out = (tt_attr){.key = key.p, .key_n = key.n};
    return TT_OK;
}

static int read_field(struct parser *p, const yaml_event_t *key, int depth, tt_attr *fields,
                      size_t n)
{
    yaml_event_t event;
    int rc = read_key(p, key, fields, n, &fields[n]);
    if (rc == TT_OK)
        rc = next_event(p, &event);
    if (rc != TT_OK)
        return rc;
    rc = read_value(p, &event, depth, &fields[n].value);
    yaml_event_delete(&event);
    return rc;
}

static int read_map(struct parser *p, int depth, tt_value *out)
{
    tt_attr *fields = NULL;
    size_t n = 0;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(p, &event);
        if (rc != TT_OK)
            return rc;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            static const tt_attr none;
            *out = tt_value_map(n ? fields : &none, n);
            return TT_OK;
        }
        tt_attr *grown = grow(p, fields, n, sizeof *fields);
        if (grown)
            fields = grown;
        rc = grown ? read_field(p, &event, depth, fields, n) : no_memory(p);
        yaml_event_delete(&event);
        if (rc != TT_OK)
            return rc;
        n++;
    }
}

/* The anchor of a map, list or scalar; empty when it has none. */
static struct str anchor_of(struct parser *p, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    if (event->type == YAML_SCALAR_EVENT)
        anchor = event->data.scalar.anchor;
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        anchor = event->data.sequence_start.anchor;
    else if (event->type == YAML_MAPPING_START_EVENT)
        anchor = event->data.mapping_start.anchor;
    return anchor ? arena_str(p->arena, str_c((const char *)anchor)) : (struct str){0};
}

static int read_value(struct parser *p, yaml_event_t *event, int depth, tt_value *out)
{
    int rc;
    if (depth == DEPTH_MAX)
        return fail(p, &event->start_mark, "nested more than 32 deep", (struct str){0});
    switch (event->type) {
    case YAML_ALIAS_EVENT: return recall(p, event, out);
    case YAML_SCALAR_EVENT: rc = read_scalar(p, event, out); break;
    case YAML_SEQUENCE_START_EVENT: rc = read_list(p, depth + 1, out); break;
    case YAML_MAPPING_START_EVENT: rc = read_map(p, depth + 1, out); break;
    default: rc = fail(p, &event->start_mark, "a value was expected", (struct str){0}); break;
    }
    return rc == TT_OK ? remember(p, &event->start_mark, anchor_of(p, event), out) : rc;
}

/* --- documents ------------------------------------------------------------------------------- */

/* The first value of the first document; what else there is is an error. */
static int read_document(struct parser *p, tt_value *out)
{
    bool found = false;
    for (;;) {
        yaml_event_t event;
        int rc = next_event(p, &event);
        if (rc != TT_OK)
            return rc;
        yaml_event_type_t type = event.type;
        bool frame = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT ||
                     type == YAML_DOCUMENT_END_EVENT || type == YAML_STREAM_END_EVENT;
        if (!frame && found)
            rc = fail(p, &event.start_mark, "a second document", (struct str){0});
        else if (!frame)
            rc = read_value(p, &event, 0, out);
        found |= !frame;
        yaml_event_delete(&event);
        if (rc != TT_OK || type == YAML_STREAM_END_EVENT)
            return rc;
    }
}

/* "1.2", "1.0-rc.1", or without quotes a number. What is newer than we know has more keys, but not
 * other ones: it is told, and read. */
static bool format_is_known(const tt_value *root)
{
    const tt_value *format = tt_property(root, "file_format");
    struct str text = str_c(tt_property_text(root, "file_format"));
    double version = format && format->type == TT_TYPE_DOUBLE ? format->as.number : 0;
    if (text.n && num_parse_double(str_cut(&text, '-'), &version) != 0)
        return false;
    if (version > NEWEST && version < 2)
        tt_problem_tell(TT_PROBLEM_MISUSE, "a configuration's file_format is newer than 1.2", NULL);
    return version == 0.4 || (version >= 1 && version < 2);
}

static int check_root(struct parser *p, const tt_value *root)
{
    static const yaml_mark_t top;
    if (root->type != TT_TYPE_MAP)
        return fail(p, &top, "a configuration is a map", (struct str){0});
    if (!format_is_known(root))
        return fail(p, &top, "file_format: expected \"1.0\" to \"1.2\", or \"0.4\"",
                    (struct str){0});
    return TT_OK;
}

static int parse(tt_config *c, const char *text, size_t n, tt_config_error *error)
{
    struct parser *p = calloc(1, sizeof *p);
    if (!p || !yaml_parser_initialize(&p->yaml)) {
        free(p);
        (void)snprintf(error->text, sizeof error->text, "no memory for a configuration");
        return TT_ERR_NOMEM;
    }
    p->arena = &c->arena;
    p->error = error;
    yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->yaml, (const unsigned char *)text, n);
    int rc = read_document(p, &c->root);
    if (rc == TT_OK)
        rc = check_root(p, &c->root);
    yaml_parser_delete(&p->yaml);
    free(p);
    return rc;
}

static int refuse(int rc, const tt_config_error *error)
{
    tt_problem_tell(TT_PROBLEM_MISUSE, "a configuration cannot be read", error->text);
    return rc;
}

int tt_config_parse(const char *text, size_t n, tt_config **out, tt_config_error *out_error)
{
    tt_config_error ours, *error = out_error ? out_error : &ours;
    error->text[0] = '\0';
    if (!out || (!text && n) || n > TEXT_BYTES_MAX) {
        (void)snprintf(error->text, sizeof error->text, "a configuration has at most 1 MiB");
        return refuse(TT_ERR_INVALID, error);
    }
    tt_config *c = calloc(1, sizeof *c);
    if (!c)
        return TT_ERR_NOMEM;
    arena_init(&c->arena, TREE_BYTES_MAX);
    int rc = parse(c, text ? text : "", n, error);
    if (rc == TT_OK) {
        *out = c;
        return rc;
    }
    tt_config_free(c);
    return refuse(rc, error);
}

/* A pipe that nobody writes to would hold the program up for ever. */
static bool is_regular(int fd)
{
    struct stat s;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode))
        return true;
    errno = 0;
    return false;
}

/* How many bytes; -1 with errno, which is 0 for what is no regular file. */
static ssize_t read_whole(const char *path, char *to, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    size_t n = 0;
    ssize_t got = is_regular(fd) ? 1 : -1;
    while (got > 0 && n < max && (got = read(fd, to + n, max - n)) > 0)
        n += (size_t)got;
    int reason = errno;
    (void)close(fd);
    errno = reason;
    return got < 0 ? -1 : (ssize_t)n;
}

int tt_config_parse_file(const char *path, tt_config **out, tt_config_error *out_error)
{
    tt_config_error ours, *error = out_error ? out_error : &ours;
    char *text = malloc(TEXT_BYTES_MAX + 1);
    if (!text)
        return TT_ERR_NOMEM;
    ssize_t n = path ? read_whole(path, text, TEXT_BYTES_MAX + 1) : -1;
    int rc = TT_ERR_IO;
    if (n >= 0) {
        rc = tt_config_parse(text, (size_t)n, out, error);
    } else {
        const char *reason = !path   ? strerror(EINVAL)
                             : errno ? strerror(errno)
                                     : "not a regular file";
        (void)snprintf(error->text, sizeof error->text, "%s: %s", path ? path : "(null)", reason);
        (void)refuse(rc, error);
    }
    free(text);
    return rc;
}

const tt_value *tt_config_model(const tt_config *c)
{
    return c ? &c->root : NULL;
}

void tt_config_free(tt_config *c)
{
    if (!c)
        return;
    arena_done(&c->arena);
    free(c);
}
