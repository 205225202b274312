/* label_replace and label_join: functions of labels, blind to values. */
#include "base/buf.h"
#include "base/regex.h"
#include "query/promql/open.h"

struct label_op {
    struct op op;
    struct op *from;
    struct regex *regex; /* label_replace */
    struct str target, source, replacement;
    struct str separator, *sources; /* label_join */
    size_t n_sources;
};

static void close_labels(struct op *op)
{
    regex_free(((struct label_op *)op)->regex);
}

static struct str string_argument(const struct node *n, size_t i)
{
    return node_unwrap(n->call.args[i])->string.value;
}

static int set_label(struct label_op *l, struct row *r, struct str value)
{
    struct eval *ev = l->op.ev;
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, &r->labels);
    labels_builder_set(&b, l->target, arena_str(ev->arena, value));
    if (arena_failed(ev->arena))
        return eval_memory_error(ev);
    r->labels = labels_builder_labels(&b);
    if (str_eq(l->target, LABEL_NAME))
        r->drop_name = false; // a name given on purpose stays
    return 0;
}

static int replace_next(struct op *op, struct row *out)
{
    struct label_op *l = (struct label_op *)op;
    int rc = op_next(l->from, out);
    if (rc <= 0)
        return rc;
    struct buf text = BUF_MAX(1 << 20);
    int matched =
        regex_expand(l->regex, labels_get(&out->labels, l->source), l->replacement, &text);
    if (matched < 0 || buf_failed(&text))
        rc = err_set(op->ev->err, ERR_TOO_BIG,
                     "label_replace(): the regular expression or its "
                     "replacement ran into a limit");
    else if (matched)
        rc = set_label(l, out, buf_str(&text));
    buf_done(&text);
    return rc < 0 ? rc : 1;
}

static int join_next(struct op *op, struct row *out)
{
    struct label_op *l = (struct label_op *)op;
    int rc = op_next(l->from, out);
    if (rc <= 0)
        return rc;
    struct buf text = BUF_MAX(1 << 20);
    for (size_t i = 0; i < l->n_sources; i++) {
        if (i)
            buf_put_str(&text, l->separator);
        buf_put_str(&text, labels_get(&out->labels, l->sources[i]));
    }
    rc = buf_failed(&text)
             ? err_set(op->ev->err, ERR_TOO_BIG, "label_join(): the label is too long")
             : set_label(l, out, buf_str(&text));
    buf_done(&text);
    return rc < 0 ? rc : 1;
}

static int check_name(struct eval *ev, struct str name, const char *which, const char *function)
{
    if (name.n && str_is_utf8(name))
        return 0;
    return err_set(ev->err, ERR_UNSUPPORTED, "invalid %s label name in %s(): %.*s", which, function,
                   STR_ARG(str_sub(name, 0, 128)));
}

/* Names may have become equal: such series are joined, or refused. */
static int finish(struct eval *ev, struct label_op *l, const struct node *n, struct timeline t,
                  struct op **out)
{
    int rc = op_open(ev, n->call.args[0], t, &l->from);
    return rc ? rc : op_open_merge(ev, &l->op, out);
}

int open_label_replace(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct label_op *l = op_new(ev, sizeof *l, t, replace_next);
    if (!l)
        return ERR_TOO_BIG;
    l->op.close = close_labels;
    l->target = string_argument(n, 1);
    l->replacement = string_argument(n, 2);
    l->source = string_argument(n, 3);
    struct str pattern = string_argument(n, 4);
    if (regex_new(pattern, &l->regex, NULL) != 0)
        return err_set(ev->err, ERR_UNSUPPORTED,
                       "invalid regular expression in label_replace(): %.*s",
                       STR_ARG(str_sub(pattern, 0, 400)));
    int rc = check_name(ev, l->target, "destination", "label_replace");
    return rc ? rc : finish(ev, l, n, t, out);
}

int open_label_join(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct label_op *l = op_new(ev, sizeof *l, t, join_next);
    if (!l)
        return ERR_TOO_BIG;
    l->target = string_argument(n, 1);
    l->separator = string_argument(n, 2);
    l->n_sources = n->call.n - 3;
    l->sources = eval_alloc(ev, l->n_sources, sizeof *l->sources);
    if (!l->sources)
        return ERR_TOO_BIG;
    int rc = 0;
    for (size_t i = 0; i < l->n_sources && rc == 0; i++) {
        l->sources[i] = string_argument(n, i + 3);
        rc = check_name(ev, l->sources[i], "source", "label_join");
    }
    if (rc == 0)
        rc = check_name(ev, l->target, "destination", "label_join");
    return rc ? rc : finish(ev, l, n, t, out);
}
