#include "cli/retention.h"

#include <stdlib.h>

#include "query/query.h"
#include "store/records.h"

static int invalid(size_t i, const char *why, struct err *err)
{
    struct err first = {0};
    (void)err_set(&first, ERR_INVALID, "%s", why); // `why` may be err's own text
    return err_set(err, ERR_INVALID, "storage.retention.overrides[%zu].selector: %s", i,
                   first.message);
}

/* Spans and logs are kept by their source: whether a row is kept must not depend on the row. */
static int check_columns(enum record_table table, const struct store_retention_rule *rule, size_t i,
                         struct err *err)
{
    for (size_t k = 0; k < rule->n_matchers; k++) {
        struct column_ref column;
        struct str name = rule->matchers[k].name;
        if (column_parse(table, name, &column) && column_is_of_source(&column))
            continue;
        struct err why = {0};
        (void)err_set(&why, ERR_INVALID,
                      "found \"%.*s\", expected a column of resource or scope such as "
                      "\"resource.service.name\"",
                      STR_ARG(name));
        return invalid(i, why.message, err);
    }
    return 0;
}

static int read_one(const struct config_retention *from, size_t i, struct retention *out,
                    struct err *err)
{
    struct store_retention_rule *rule = &out->v[from->signal][out->n[from->signal]];
    struct matcher *matchers = NULL;
    struct err why = {0};
    int rc = query_parse_selector(from->selector, &matchers, &rule->n_matchers, &why);
    if (rc != 0)
        return rc == ERR_INVALID ? invalid(i, why.message, err) : err_set(err, rc, "out of memory");
    rule->matchers = matchers;
    rule->keep_ms = from->keep_ms;
    out->n[from->signal]++;
    if (from->signal == CONFIG_METRICS)
        return 0;
    return check_columns(from->signal == CONFIG_SPANS ? RECORD_SPANS : RECORD_LOGS, rule, i, err);
}

int retention_read(const struct config *c, struct retention *out, struct err *err)
{
    int rc = 0;
    size_t n = c->storage.n_retention_overrides;
    *out = (struct retention){0};
    for (int i = 0; rc == 0 && i < CONFIG_SIGNALS; i++) {
        out->v[i] = calloc(n + 1, sizeof *out->v[i]);
        if (!out->v[i])
            rc = err_set(err, ERR_NOMEM, "out of memory for rules of retention");
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = read_one(&c->storage.retention_overrides[i], i, out, err);
    if (rc != 0)
        retention_done(out);
    return rc;
}

void retention_done(struct retention *r)
{
    for (int i = 0; i < CONFIG_SIGNALS; i++) {
        for (size_t k = 0; k < r->n[i]; k++)
            query_matchers_free((struct matcher *)(uintptr_t)r->v[i][k].matchers,
                                r->v[i][k].n_matchers); // made by read_one
        free(r->v[i]);
    }
    *r = (struct retention){0};
}

static struct store_retention_rules rules(const struct retention *r, enum config_signal signal)
{
    return (struct store_retention_rules){r->v[signal], r->n[signal]};
}

void retention_put(const struct retention *r, struct store_options *options)
{
    options->retention_rules = rules(r, CONFIG_METRICS);
    options->retention_records_rules[RECORD_SPANS] = rules(r, CONFIG_SPANS);
    options->retention_records_rules[RECORD_LOGS] = rules(r, CONFIG_LOGS);
}
