/* Both syntaxes are read into one small builder that checks shapes and names places. */
#include "receive/discovery.h"

#include <jansson.h>
#include <string.h>
#include <yaml.h>

#include "base/compiler.h"

/* ---- JSON ---- */

static struct str json_text(const json_t *v)
{
    return str_of(json_string_value(v), json_string_length(v));
}

static int json_targets(const json_t *list, size_t group, struct arena *arena,
                        struct target_group *out, struct err *err)
{
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "[%zu].targets: expected a list of texts", group);
    size_t n = json_array_size(list);
    struct str *targets = arena_array(arena, n, sizeof *targets);
    for (size_t i = 0; targets && i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return err_set(err, ERR_INVALID, "[%zu].targets[%zu]: expected a text", group, i);
        targets[i] = arena_str(arena, json_text(v));
    }
    out->targets = targets;
    out->n_targets = n;
    return 0;
}

static int json_labels(json_t *object, size_t group, struct arena *arena, struct target_group *out,
                       struct err *err)
{
    if (!object || json_is_null(object))
        return 0;
    if (!json_is_object(object))
        return err_set(err, ERR_INVALID, "[%zu].labels: expected an object of texts", group);
    struct config_label *labels = arena_array(arena, json_object_size(object), sizeof *labels);
    size_t n = 0;
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value))
            return err_set(err, ERR_INVALID, "[%zu].labels.%.100s: expected a text", group, name);
        if (labels)
            labels[n++] = (struct config_label){arena_str(arena, str_c(name)),
                                                arena_str(arena, json_text(value))};
    }
    out->labels = labels;
    out->n_labels = n;
    return 0;
}

static int json_group(json_t *v, size_t group, struct arena *arena, struct target_group *out,
                      struct err *err)
{
    if (!json_is_object(v))
        return err_set(err, ERR_INVALID, "[%zu]: expected an object with targets and labels",
                       group);
    const char *key;
    json_t *value;
    json_object_foreach(v, key, value)
    {
        (void)value;
        if (strcmp(key, "targets") != 0 && strcmp(key, "labels") != 0)
            return err_set(err, ERR_INVALID, "[%zu].%.100s: unknown; expected targets and labels",
                           group, key);
    }
    int rc = json_targets(json_object_get(v, "targets"), group, arena, out, err);
    return rc != 0 ? rc : json_labels(json_object_get(v, "labels"), group, arena, out, err);
}

static int json_groups(json_t *root, struct arena *arena, struct target_groups *out,
                       struct err *err)
{
    if (!json_is_array(root))
        return err_set(err, ERR_INVALID, "expected a list of target groups");
    size_t n = json_array_size(root);
    struct target_group *groups = arena_array(arena, n, sizeof *groups);
    int rc = 0;
    for (size_t i = 0; groups && rc == 0 && i < n; i++)
        rc = json_group(json_array_get(root, i), i, arena, &groups[i], err);
    if (rc == 0 && arena_failed(arena))
        rc = err_set(err, ERR_NOMEM, "the list of targets is over its memory budget");
    if (rc == 0)
        *out = (struct target_groups){groups, n};
    return rc;
}

int discovery_parse_json(struct str text, struct arena *arena, struct target_groups *out,
                         struct err *err)
{
    json_error_t bad;
    json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return err_set(err, ERR_INVALID, "line %d: %s", bad.line, bad.text);
    int rc = json_groups(root, arena, out, err);
    json_decref(root);
    return rc;
}

/* ---- YAML ---- */

struct yaml_reader {
    yaml_document_t doc;
    struct arena *arena;
    struct err *err;
};

static int bad_node(const struct yaml_reader *r, const yaml_node_t *node, const char *reason)
{
    return err_set(r->err, ERR_INVALID, "line %zu: %s", node->start_mark.line + 1, reason);
}

static struct str yaml_text(const yaml_node_t *node)
{
    return str_of((const char *)node->data.scalar.value, node->data.scalar.length);
}

static const yaml_node_t *node_at(struct yaml_reader *r, int index)
{
    return yaml_document_get_node(&r->doc, index);
}

static int yaml_targets(struct yaml_reader *r, const yaml_node_t *list, struct target_group *out)
{
    if (list->type != YAML_SEQUENCE_NODE)
        return bad_node(r, list, "targets: expected a list of texts");
    const yaml_node_item_t *item = list->data.sequence.items.start;
    size_t n = (size_t)(list->data.sequence.items.top - item);
    struct str *targets = arena_array(r->arena, n, sizeof *targets);
    for (size_t i = 0; targets && i < n; i++) {
        const yaml_node_t *v = node_at(r, item[i]);
        if (v->type != YAML_SCALAR_NODE)
            return bad_node(r, v, "targets: expected a text");
        targets[i] = arena_str(r->arena, yaml_text(v));
    }
    out->targets = targets;
    out->n_targets = n;
    return 0;
}

static bool is_null(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || str_eq(yaml_text(node), STR("null")) ||
            str_eq(yaml_text(node), STR("~")));
}

static int yaml_labels(struct yaml_reader *r, const yaml_node_t *map, struct target_group *out)
{
    if (is_null(map))
        return 0;
    if (map->type != YAML_MAPPING_NODE)
        return bad_node(r, map, "labels: expected a mapping of texts");
    const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
    size_t n = (size_t)(map->data.mapping.pairs.top - pair);
    struct config_label *labels = arena_array(r->arena, n, sizeof *labels);
    for (size_t i = 0; labels && i < n; i++) {
        const yaml_node_t *name = node_at(r, pair[i].key), *value = node_at(r, pair[i].value);
        if (name->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE)
            return bad_node(r, value, "labels: expected a text");
        labels[i] = (struct config_label){arena_str(r->arena, yaml_text(name)),
                                          arena_str(r->arena, yaml_text(value))};
    }
    out->labels = labels;
    out->n_labels = n;
    return 0;
}

static int yaml_group(struct yaml_reader *r, const yaml_node_t *node, struct target_group *out)
{
    if (node->type != YAML_MAPPING_NODE)
        return bad_node(r, node, "expected a mapping with targets and labels");
    bool has_targets = false;
    int rc = 0;
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         rc == 0 && pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(r, pair->key), *value = node_at(r, pair->value);
        struct str name = key->type == YAML_SCALAR_NODE ? yaml_text(key) : (struct str){0};
        if (str_eq(name, STR("targets"))) {
            has_targets = true;
            rc = yaml_targets(r, value, out);
        } else if (str_eq(name, STR("labels"))) {
            rc = yaml_labels(r, value, out);
        } else {
            rc = bad_node(r, key, "unknown key; expected targets and labels");
        }
    }
    return rc != 0 || has_targets ? rc : bad_node(r, node, "targets: missing");
}

static int yaml_groups(struct yaml_reader *r, struct target_groups *out)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
    if (!root || is_null(root)) {
        *out = (struct target_groups){0};
        return 0;
    }
    if (root->type != YAML_SEQUENCE_NODE)
        return bad_node(r, root, "expected a list of target groups");
    const yaml_node_item_t *item = root->data.sequence.items.start;
    size_t n = (size_t)(root->data.sequence.items.top - item);
    struct target_group *groups = arena_array(r->arena, n, sizeof *groups);
    int rc = 0;
    for (size_t i = 0; groups && rc == 0 && i < n; i++)
        rc = yaml_group(r, node_at(r, item[i]), &groups[i]);
    if (rc == 0 && arena_failed(r->arena))
        rc = err_set(r->err, ERR_NOMEM, "the list of targets is over its memory budget");
    if (rc == 0)
        *out = (struct target_groups){groups, n};
    return rc;
}

int discovery_parse_yaml(struct str text, struct arena *arena, struct target_groups *out,
                         struct err *err)
{
    struct yaml_reader r = {.arena = arena, .err = err};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(err, ERR_NOMEM, "out of memory for the YAML reader");
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);

    int rc;
    if (yaml_parser_load(&parser, &r.doc)) {
        rc = yaml_groups(&r, out);
        yaml_document_delete(&r.doc);
    } else {
        rc = err_set(err, ERR_INVALID, "line %zu: %s", parser.problem_mark.line + 1,
                     parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    return rc;
}
