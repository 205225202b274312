#include "model/matcher.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/regex.h"
#include "model/labels.h"

static bool has_regex(enum match_op op)
{
    return op == MATCH_REGEX || op == MATCH_NOT_REGEX;
}

int matcher_init(struct matcher *m, enum match_op op, struct str name, struct str value,
                 struct err *err)
{
    *m = (struct matcher){.op = op};
    if (has_regex(op)) {
        int rc = regex_new(value, &m->regex, err);
        if (rc != 0)
            return rc;
    }
    m->name = str_of(str_dup(name), name.n);
    m->value = str_of(str_dup(value), value.n);
    if (!m->name.p || !m->value.p) {
        matcher_done(m);
        return err_set(err, ERR_NOMEM, "out of memory for a matcher");
    }
    return 0;
}

void matcher_done(struct matcher *m)
{
    regex_free(m->regex);
    free((void *)(uintptr_t)m->name.p); // ours since matcher_init, const for everybody else
    free((void *)(uintptr_t)m->value.p);
    *m = (struct matcher){0};
}

int matcher_matches_among(const struct matcher *m, struct str value, struct regex_toil *toil)
{
    switch (m->op) {
    case MATCH_EQUAL: return str_eq(m->value, value);
    case MATCH_NOT_EQUAL: return !str_eq(m->value, value);
    case MATCH_REGEX: return regex_match_among(m->regex, value, toil);
    case MATCH_NOT_REGEX: break;
    }
    int rc = regex_match_among(m->regex, value, toil);
    return rc < 0 ? rc : !rc;
}

int matcher_matches(const struct matcher *m, struct str value)
{
    struct regex_toil toil = {0};
    return matcher_matches_among(m, value, &toil);
}

int matchers_match(const struct matcher *v, size_t n, const struct labels *labels)
{
    for (size_t i = 0; i < n; i++) {
        int rc = matcher_matches(&v[i], labels_get(labels, v[i].name));
        if (rc <= 0)
            return rc;
    }
    return 1;
}

bool matcher_matches_empty(const struct matcher *m)
{
    return matcher_matches(m, (struct str){0}) == 1;
}

void matcher_format(struct buf *out, const struct matcher *m)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    if (label_name_is_plain(m->name))
        buf_put_str(out, m->name);
    else
        str_quote_visible(out, m->name);
    buf_puts(out, ops[m->op]);
    str_quote_visible(out, m->value);
}
