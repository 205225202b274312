/* Trees as the JSON that Prometheus's page draws: an object with a "type" for each node. Members
 * stand in the order of their names, as its encoder writes them. */
#include "base/buf.h"
#include "base/num.h"
#include "codec/json_write.h"
#include "model/matcher.h"
#include "query/promql/ast.h"
#include "query/promql/functions.h"

static void member_node(struct json *j, const char *name, const struct node *n)
{
    json_key(j, name);
    if (n)
        node_json(j, n);
    else
        json_null(j);
}

static void member_bool(struct json *j, const char *name, bool v)
{
    json_key(j, name);
    json_bool(j, v);
}

static void member_list(struct json *j, const char *name, const struct str *v, size_t n)
{
    json_key(j, name);
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_array_end(j);
}

/* Milliseconds in `name`; a duration that is an expression has no value yet, which is told as 0,
 * and its tree in `tree`. */
static void member_duration(struct json *j, const char *name, const char *tree,
                            const struct duration *d)
{
    json_member_i64(j, name, d->expr ? 0 : d->ms);
    member_node(j, tree, d->expr);
}

/* "startOrEnd" comes before "timestamp", and other members may stand between. */
static void member_start_or_end(struct json *j, const struct at *at)
{
    json_key(j, "startOrEnd");
    if (at->kind == AT_START || at->kind == AT_END)
        json_str(j, at->kind == AT_START ? STR("start") : STR("end"));
    else
        json_null(j);
}

static void member_timestamp(struct json *j, const struct at *at)
{
    json_key(j, "timestamp");
    if (at->kind == AT_TIME)
        json_i64(j, at->ms);
    else
        json_null(j);
}

static void member_matchers(struct json *j, const struct selector_node *s)
{
    static const char *const types[] = {"=", "!=", "=~", "!~"};
    json_key(j, "matchers");
    json_array(j);
    for (size_t i = 0; i < s->n; i++) {
        json_object(j);
        json_member_str(j, "name", s->matchers[i].name);
        json_member_str(j, "type", str_c(types[s->matchers[i].op]));
        json_member_str(j, "value", s->matchers[i].value);
        json_object_end(j);
    }
    json_array_end(j);
}

/* A selector, with the range of a matrix around it or NULL. */
static void put_selector(struct json *j, const struct selector_node *s,
                         const struct duration *range)
{
    member_bool(j, "anchored", s->anchored);
    member_matchers(j, s);
    json_member_str(j, "name", s->name);
    member_duration(j, "offset", "offsetExpr", &s->offset);
    if (range)
        member_duration(j, "range", "rangeExpr", range);
    member_bool(j, "smoothed", s->smoothed);
    member_start_or_end(j, &s->at);
    member_timestamp(j, &s->at);
    json_member_str(j, "type", range ? STR("matrixSelector") : STR("vectorSelector"));
}

static void put_subquery(struct json *j, const struct subquery_node *q)
{
    member_node(j, "expr", q->expr);
    member_duration(j, "offset", "offsetExpr", &q->offset);
    member_duration(j, "range", "rangeExpr", &q->range);
    member_start_or_end(j, &q->at);
    member_duration(j, "step", "stepExpr", &q->step);
    member_timestamp(j, &q->at);
    json_member_str(j, "type", STR("subquery"));
}

static void put_aggregate(struct json *j, const struct aggregate_node *a)
{
    member_node(j, "expr", a->expr);
    member_list(j, "grouping", a->grouping, a->n_grouping);
    json_member_str(j, "op", token_text(a->op));
    member_node(j, "param", a->param);
    json_member_str(j, "type", STR("aggregation"));
    member_bool(j, "without", a->without);
}

static void member_fill(struct json *j, const char *name, bool is_set, double v)
{
    json_key(j, name);
    if (is_set)
        json_double(j, v);
    else
        json_null(j);
}

static void put_matching(struct json *j, const struct matching *m)
{
    static const char *const cards[] = {
        [ONE_TO_ONE] = "one-to-one",
        [MANY_TO_ONE] = "many-to-one",
        [ONE_TO_MANY] = "one-to-many",
        [MANY_TO_MANY] = "many-to-many",
    };
    json_object(j);
    json_member_str(j, "card", str_c(cards[m->card]));
    json_key(j, "fillValues");
    json_object(j);
    member_fill(j, "lhs", m->fill_left, m->left);
    member_fill(j, "rhs", m->fill_right, m->right);
    json_object_end(j);
    member_list(j, "include", m->include, m->n_include);
    member_list(j, "labels", m->labels, m->n_labels);
    member_bool(j, "on", m->on);
    json_object_end(j);
}

static void put_binary(struct json *j, const struct binary_node *b)
{
    bool vectors = b->lhs->type == VALUE_VECTOR && b->rhs->type == VALUE_VECTOR;
    member_bool(j, "bool", b->return_bool);
    member_node(j, "lhs", b->lhs);
    json_key(j, "matching");
    if (vectors)
        put_matching(j, &b->matching);
    else
        json_null(j);
    json_member_str(j, "op", token_text(b->op));
    member_node(j, "rhs", b->rhs);
    json_member_str(j, "type", STR("binaryExpr"));
}

/* The types' names in programs, not those for people. */
static struct str type_word(enum value_type t)
{
    static const char *const words[] = {[VALUE_NONE] = "none",
                                        [VALUE_SCALAR] = "scalar",
                                        [VALUE_VECTOR] = "vector",
                                        [VALUE_MATRIX] = "matrix",
                                        [VALUE_STRING] = "string"};
    return str_c(words[t]);
}

static void put_function(struct json *j, const struct function *f)
{
    struct str types[FUNCTION_ARGS_MAX];
    size_t n = function_arity(f);
    for (size_t i = 0; i < n; i++)
        types[i] = type_word(f->args[i]);
    json_object(j);
    member_list(j, "argTypes", types, n);
    json_member_str(j, "name", str_c(f->name));
    json_member_str(j, "returnType", type_word(f->returns));
    json_member_i64(j, "variadic", f->variadic);
    json_object_end(j);
}

static void put_call(struct json *j, const struct call_node *c)
{
    json_key(j, "args");
    json_array(j);
    for (size_t i = 0; i < c->n; i++)
        node_json(j, c->args[i]);
    json_array_end(j);
    json_key(j, "func");
    put_function(j, c->function);
    json_member_str(j, "type", STR("call"));
}

static void put_number(struct json *j, const struct number_node *n)
{
    char text[NUM_DOUBLE_MAX];
    json_member_str(j, "type", STR("numberLiteral"));
    json_member_str(j, "val", str_of(text, num_format_plain(text, n->value)));
}

/* Part of a duration: there a number tells whether it was written as one. */
static void member_operand(struct json *j, const char *name, const struct node *n)
{
    if (!n || n->kind != NODE_NUMBER) {
        member_node(j, name, n);
        return;
    }
    json_key(j, name);
    json_object(j);
    member_bool(j, "duration", n->number.is_duration);
    put_number(j, &n->number);
    json_object_end(j);
}

static void put_duration(struct json *j, const struct duration_node *d)
{
    static const char *const functions[] = {[DURATION_STEP] = "step",
                                            [DURATION_RANGE] = "range",
                                            [DURATION_MIN] = "min_of",
                                            [DURATION_MAX] = "max_of"};
    bool operator= d->kind == DURATION_BINARY || d->kind == DURATION_UNARY;
    member_operand(j, "lhs", d->lhs);
    json_member_str(j, "op", operator? token_text(d->op) : str_c(functions[d->kind]));
    member_operand(j, "rhs", d->rhs);
    json_member_str(j, "type", STR("durationExpr"));
    member_bool(j, "wrapped", d->wrapped);
}

void node_json(struct json *j, const struct node *n)
{
    json_object(j);
    switch (n->kind) {
    case NODE_SELECTOR: put_selector(j, &n->selector, NULL); break;
    case NODE_MATRIX: put_selector(j, &n->matrix.selector->selector, &n->matrix.range); break;
    case NODE_SUBQUERY: put_subquery(j, &n->subquery); break;
    case NODE_CALL: put_call(j, &n->call); break;
    case NODE_AGGREGATE: put_aggregate(j, &n->aggregate); break;
    case NODE_BINARY: put_binary(j, &n->binary); break;
    case NODE_NUMBER: put_number(j, &n->number); break;
    case NODE_STRING:
        json_member_str(j, "type", STR("stringLiteral"));
        json_member_str(j, "val", n->string.value);
        break;
    case NODE_UNARY:
        member_node(j, "expr", n->unary.expr);
        json_member_str(j, "op", token_text(n->unary.op));
        json_member_str(j, "type", STR("unaryExpr"));
        break;
    case NODE_PAREN:
        member_node(j, "expr", n->paren.expr);
        json_member_str(j, "type", STR("parenExpr"));
        break;
    case NODE_DURATION: put_duration(j, &n->duration); break;
    }
    json_object_end(j);
}
