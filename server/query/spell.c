/* What can be said about an expression without running it: its selectors, its form, its tree. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json_write.h"
#include "model/matcher.h"
#include "query/promql/parser.h"
#include "query/query.h"

/* Moves the matchers out of the tree. */
static int take_matchers(struct selector_node *s, struct query_selector *out)
{
    out->matchers = malloc((s->n ? s->n : 1) * sizeof *out->matchers);
    if (!out->matchers)
        return ERR_NOMEM;
    if (s->n > 0)
        memcpy(out->matchers, s->matchers, s->n * sizeof *out->matchers);
    out->n = s->n;
    s->n = 0;
    return 0;
}

int query_parse_any_selector(struct str text, struct matcher **out, size_t *out_n, struct err *err)
{
    struct ast ast;
    int rc = promql_parse_selector(text, &ast, err);
    if (rc != 0)
        return rc;
    struct selector_node *s = &ast.root->selector;
    struct query_selector taken;
    rc = take_matchers(s, &taken);
    ast_done(&ast);
    if (rc != 0)
        return err_set(err, rc, "out of memory for matchers");
    *out = taken.matchers;
    *out_n = taken.n;
    return 0;
}

bool query_matchers_are_picky(const struct matcher *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches_empty(&v[i]))
            return true;
    return false;
}

int query_parse_selector(struct str text, struct matcher **out, size_t *out_n, struct err *err)
{
    struct matcher *v;
    size_t n;
    int rc = query_parse_any_selector(text, &v, &n, err);
    if (rc != 0)
        return rc;
    if (!query_matchers_are_picky(v, n)) {
        query_matchers_free(v, n);
        return err_set(err, ERR_INVALID,
                       "1:1: parse error: vector selector must contain at least one non-empty "
                       "matcher");
    }
    *out = v;
    *out_n = n;
    return 0;
}

void query_matchers_free(struct matcher *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        matcher_done(&v[i]);
    free(v);
}

void query_selectors_free(struct query_selectors *s)
{
    for (size_t i = 0; i < s->n; i++)
        query_matchers_free(s->v[i].matchers, s->v[i].n);
    free(s->v);
    *s = (struct query_selectors){0};
}

int query_selectors(struct str expr, struct query_selectors *out, struct err *err)
{
    struct ast ast;
    int rc = promql_parse(expr, ~0u, &ast, err);
    if (rc != 0)
        return rc;
    struct query_selectors found = {0};
    size_t n = 0;
    for (const struct selector_node *s = ast.selectors; s; s = s->next)
        n++;
    found.v = calloc(n ? n : 1, sizeof *found.v);
    rc = found.v ? 0 : ERR_NOMEM;
    for (struct selector_node *s = ast.selectors; rc == 0 && s; s = s->next) {
        rc = take_matchers(s, &found.v[found.n]);
        found.n += rc == 0;
    }
    ast_done(&ast);
    if (rc != 0) {
        query_selectors_free(&found);
        return err_set(err, rc, "out of memory for matchers");
    }
    *out = found;
    return 0;
}

int query_format(struct str expr, unsigned features, struct buf *out, struct err *err)
{
    struct ast ast;
    int rc = promql_parse(expr, features, &ast, err);
    if (rc != 0)
        return rc;
    node_pretty(out, ast.root, 0);
    ast_done(&ast);
    return buf_failed(out) ? err_set(err, ERR_TOO_BIG, "the formatted query is too long") : 0;
}

int query_parse_tree(struct str expr, unsigned features, struct buf *out, struct err *err)
{
    struct ast ast;
    int rc = promql_parse(expr, features, &ast, err);
    if (rc != 0)
        return rc;
    struct json j = json_to(out);
    node_json(&j, ast.root);
    ast_done(&ast);
    return buf_failed(out) ? err_set(err, ERR_TOO_BIG, "the tree is too large") : 0;
}
