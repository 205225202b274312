#include "receive/relabel.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/regex.h"

enum { RESULT_MAX = 1 << 20 }; /* the longest label value that a rule may make */

struct rule {
    const struct relabel_rule *config; /* borrowed */
    struct regex *regex;               /* owned */
    bool constant;                     /* replace: neither target nor replacement has a $ */
    bool any;                          /* the pattern is the default and matches anything */
};

struct relabel {
    size_t n;
    struct rule rules[];
};

/* ---- Checking ---- */

static bool has_dollar(struct str s)
{
    return str_index(s, '$') < s.n;
}

static bool is_word(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && c >= '0' && c <= '9');
}

/* A label name in which $1, ${1} and ${name} stand for parts. */
static bool is_name_template(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (s.p[i] == '$') {
            bool braces = i + 1 < s.n && s.p[i + 1] == '{';
            size_t start = i + 1 + braces, end = start;
            while (end < s.n && is_word(s.p[end], false))
                end++;
            if (end == start || (braces && (end == s.n || s.p[end] != '}')))
                return false;
            i = end + braces;
        } else if (is_word(s.p[i], i == 0)) {
            i++;
        } else {
            return false;
        }
    }
    return s.n > 0;
}

/* Which keys an action needs and which it refuses. */
static const struct action {
    const char *name;
    bool needs_target, plain_target, default_replacement, only_regex, only_source_and_target;
} actions[] = {
    [RELABEL_REPLACE] = {"replace", .needs_target = true},
    [RELABEL_KEEP] = {"keep"},
    [RELABEL_DROP] = {"drop"},
    [RELABEL_KEEP_EQUAL] = {"keepequal", .needs_target = true, .plain_target = true,
                            .only_source_and_target = true},
    [RELABEL_DROP_EQUAL] = {"dropequal", .needs_target = true, .plain_target = true,
                            .only_source_and_target = true},
    [RELABEL_HASHMOD] = {"hashmod", .needs_target = true, .plain_target = true},
    [RELABEL_LABELMAP] = {"labelmap"},
    [RELABEL_LABELDROP] = {"labeldrop", .only_regex = true},
    [RELABEL_LABELKEEP] = {"labelkeep", .only_regex = true},
    [RELABEL_LOWERCASE] = {"lowercase", .needs_target = true, .plain_target = true,
                           .default_replacement = true},
    [RELABEL_UPPERCASE] = {"uppercase", .needs_target = true, .plain_target = true,
                           .default_replacement = true},
};

/* Any UTF-8 text may be a label's name; a template is told by its $. */
static const char *check_target(const struct relabel_rule *r, const struct action *a)
{
    if (a->needs_target && r->target_label.n == 0)
        return "target_label: missing";
    bool template = has_dollar(r->target_label);
    if (template && (a->plain_target || !is_name_template(r->target_label)))
        return "target_label: not a label name";
    if (!str_is_utf8(r->target_label))
        return "target_label: not valid UTF-8";
    return NULL;
}

static const char *check_keys(const struct relabel_rule *r, const struct action *a)
{
    const struct relabel_rule defaults = RELABEL_RULE_DEFAULTS;
    bool replacement_set = !str_eq(r->replacement, defaults.replacement);
    bool others_set = replacement_set || r->modulus || !str_eq(r->separator, defaults.separator);
    if (r->action == RELABEL_HASHMOD && r->modulus == 0)
        return "modulus: missing or 0";
    if (a->default_replacement && replacement_set)
        return "replacement: cannot be set for this action";
    if (r->action == RELABEL_LABELMAP && !is_name_template(r->replacement))
        return "replacement: not a label name";
    if (a->only_regex && (others_set || r->n_source_labels || r->target_label.n))
        return "this action takes a regex and no other key";
    if (a->only_source_and_target && (others_set || !str_eq(r->regex, defaults.regex)))
        return "this action takes source_labels and target_label and no other key";
    return NULL;
}

static int check(const struct relabel_rule *r, struct err *err)
{
    if ((size_t)r->action >= ARRAY_LEN(actions))
        return err_set(err, ERR_INVALID, "action: unknown");
    const struct action *a = &actions[r->action];
    const char *reason = check_target(r, a);
    if (!reason)
        reason = check_keys(r, a);
    return reason ? err_set(err, ERR_INVALID, "%s (action %s)", reason, a->name) : 0;
}

int relabel_new(const struct relabel_config *config, const char *what, struct relabel **out,
                struct err *err)
{
    struct relabel *r = calloc(1, sizeof *r + config->n * sizeof r->rules[0]);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory for %s", what);

    r->n = config->n;
    for (size_t i = 0; i < config->n; i++) {
        const struct relabel_rule *rule = &config->rules[i];
        int rc = check(rule, err);
        if (rc == 0) {
            rc = regex_new(rule->regex, &r->rules[i].regex, err);
            err_prefix(err, rc, "regex");
        }
        if (rc != 0) {
            relabel_free(r);
            return err_prefix(err, rc, "%s[%zu]", what, i);
        }
        r->rules[i].config = rule;
        r->rules[i].constant = !has_dollar(rule->target_label) && !has_dollar(rule->replacement);
        r->rules[i].any = str_eq(rule->regex, STR("(.*)"));
    }
    *out = r;
    return 0;
}

void relabel_free(struct relabel *r)
{
    for (size_t i = 0; r && i < r->n; i++)
        regex_free(r->rules[i].regex);
    free(r);
}

/* ---- Applying ---- */

/* The source labels' values with the separator between them; borrowed when there is one label. */
static struct str source(const struct relabel_rule *r, const struct labels_builder *b)
{
    if (r->n_source_labels == 0)
        return (struct str){0};
    if (r->n_source_labels == 1)
        return labels_builder_get(b, r->source_labels[0]);

    size_t n = (r->n_source_labels - 1) * r->separator.n;
    for (size_t i = 0; i < r->n_source_labels; i++)
        n += labels_builder_get(b, r->source_labels[i]).n;
    char *to = arena_alloc(b->arena, n);
    struct str joined = {to, to ? n : 0};
    for (size_t i = 0; to && i < r->n_source_labels; i++) {
        struct str value = labels_builder_get(b, r->source_labels[i]);
        if (i > 0 && r->separator.n)
            memcpy(to, r->separator.p, r->separator.n);
        to += i > 0 ? r->separator.n : 0;
        if (value.n)
            memcpy(to, value.p, value.n);
        to += value.n;
    }
    return joined;
}

/* The template with the groups of the match put in, in the arena. 1, 0 (no match) or an error. */
static int expand(const struct rule *rule, struct str subject, struct str template,
                  struct arena *arena, struct str *out)
{
    struct buf text = BUF_MAX(RESULT_MAX);
    int rc = regex_expand(rule->regex, subject, template, &text);
    if (rc == 1 && buf_failed(&text))
        rc = ERR_TOO_BIG;
    if (rc == 1)
        *out = arena_str(arena, buf_str(&text));
    buf_done(&text);
    return rc;
}

static int replace(const struct rule *rule, struct labels_builder *b, struct str value)
{
    const struct relabel_rule *r = rule->config;
    struct str target = r->target_label, result = r->replacement;
    int rc = 1;
    if (rule->constant) {
        rc = rule->any ? 1 : regex_match(rule->regex, value);
    } else {
        if (has_dollar(target))
            rc = expand(rule, value, r->target_label, b->arena, &target);
        if (rc == 1)
            rc = expand(rule, value, r->replacement, b->arena, &result);
    }
    if (rc <= 0)
        return rc == 0 ? 1 : rc;
    if (target.n && str_is_utf8(target))
        labels_builder_set(b, target, result); // an empty value deletes
    return 1;
}

/* Prometheus counts the hash down from MD5's last eight bytes, for reasons of its history. */
static int hashmod(const struct relabel_rule *r, struct labels_builder *b, struct str value)
{
    unsigned char digest[16];
    if (gnutls_hash_fast(GNUTLS_DIG_MD5, value.p ? value.p : "", value.n, digest) != 0)
        return ERR_INTERNAL;
    uint64_t hash = 0;
    for (size_t i = 8; i < 16; i++)
        hash = hash << 8 | digest[i];

    struct buf text = BUF_MAX(32);
    buf_put_u64(&text, hash % r->modulus);
    labels_builder_set(b, r->target_label, arena_str(b->arena, buf_str(&text)));
    buf_done(&text);
    return 1;
}

/* ASCII letters only: Go's ToLower knows all of Unicode, label values hardly ever do. */
static int change_case(const struct relabel_rule *r, struct labels_builder *b, struct str value)
{
    char *to = arena_alloc(b->arena, value.n);
    if (!to)
        return ERR_NOMEM;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (r->action == RELABEL_LOWERCASE && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        else if (r->action == RELABEL_UPPERCASE && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        to[i] = c;
    }
    labels_builder_set(b, r->target_label, (struct str){to, value.n});
    return 1;
}

/* The actions on label names look at the labels as they were before the rule. */
static int each_name(const struct rule *rule, struct labels_builder *b)
{
    struct labels now = labels_builder_labels(b);
    struct label *before = arena_alloc(b->arena, now.n * sizeof *before);
    if (!before)
        return ERR_NOMEM;
    if (now.n)
        memcpy(before, now.v, now.n * sizeof *before);

    for (size_t i = 0; i < now.n; i++) {
        struct str mapped = {0};
        int rc = rule->config->action == RELABEL_LABELMAP
                     ? expand(rule, before[i].name, rule->config->replacement, b->arena, &mapped)
                     : regex_match(rule->regex, before[i].name);
        if (rc < 0)
            return rc;
        if (rule->config->action == RELABEL_LABELMAP && rc == 1 && mapped.n)
            labels_builder_set(b, mapped, before[i].value);
        if (rule->config->action == RELABEL_LABELDROP && rc == 1)
            labels_builder_del(b, before[i].name);
        if (rule->config->action == RELABEL_LABELKEEP && rc == 0)
            labels_builder_del(b, before[i].name);
    }
    return 1;
}

/* 1: go on, 0: dropped. */
static int apply(const struct rule *rule, struct labels_builder *b)
{
    const struct relabel_rule *r = rule->config;
    struct str value = source(r, b);
    int matched;
    switch (r->action) {
    case RELABEL_KEEP: return regex_match(rule->regex, value);
    case RELABEL_DROP:
        matched = regex_match(rule->regex, value);
        return matched < 0 ? matched : !matched;
    case RELABEL_KEEP_EQUAL: return str_eq(labels_builder_get(b, r->target_label), value);
    case RELABEL_DROP_EQUAL: return !str_eq(labels_builder_get(b, r->target_label), value);
    case RELABEL_REPLACE: return replace(rule, b, value);
    case RELABEL_HASHMOD: return hashmod(r, b, value);
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE: return change_case(r, b, value);
    case RELABEL_LABELMAP:
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP: return each_name(rule, b);
    }
    return ERR_INTERNAL;
}

static int apply_rule(const struct rule *rule, struct labels_builder *b)
{
    int rc = apply(rule, b);
    return rc == 1 && arena_failed(b->arena) ? ERR_NOMEM : rc;
}

int relabel_apply(const struct relabel *r, struct labels_builder *b)
{
    int rc = 1;
    for (size_t i = 0; i < r->n && rc == 1; i++)
        rc = apply_rule(&r->rules[i], b);
    return rc;
}

const char *relabel_action_name(enum relabel_action action)
{
    return actions[action].name;
}

static int step_failed(int rc, struct err *err)
{
    return err_set(err, rc, "%s",
                   rc == ERR_NOMEM ? "the steps are over their memory budget"
                                   : "a pattern ran into its limit of steps");
}

static int take_step(const struct rule *rule, struct labels_builder *b, struct relabel_step *step,
                     struct err *err)
{
    int rc = apply_rule(rule, b);
    if (rc < 0)
        return step_failed(rc, err);
    step->kept = rc == 1;
    if (!step->kept || b->n == 0)
        return 0;
    struct label *copy = arena_array(b->arena, b->n, sizeof *copy); // the next step changes b's
    if (!copy)
        return step_failed(ERR_NOMEM, err);
    memcpy(copy, b->v, b->n * sizeof *copy);
    step->output = (struct labels){copy, b->n};
    return 0;
}

int relabel_steps(const struct relabel_config *config, const struct labels *labels,
                  struct arena *arena, const struct relabel_step **out, size_t *n, struct err *err)
{
    struct relabel *compiled;
    int rc = relabel_new(config, "relabel_configs", &compiled, err);
    if (rc != 0)
        return rc;
    struct labels_builder b;
    labels_builder_init(&b, arena, labels);
    struct relabel_step *steps = arena_array(arena, config->n + 1, sizeof *steps);
    if (!steps)
        rc = step_failed(ERR_NOMEM, err);
    size_t i = 0;
    for (bool kept = true; rc == 0 && kept && i < config->n; i++) {
        steps[i] = (struct relabel_step){.rule = &config->rules[i]};
        rc = take_step(&compiled->rules[i], &b, &steps[i], err);
        kept = steps[i].kept;
    }
    relabel_free(compiled);
    *out = steps;
    *n = i;
    return rc;
}
