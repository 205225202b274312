/* Completion and facets: /api/v1/spans/fields, spans/values, logs/fields, logs/values. */
#include "query/records/facets.h"

#include "api/records/handle.h"

enum { FIELDS = 1000, FIELDS_MAX = 100000, VALUES = 20, VALUES_MAX = 10000 };

static int fields(struct record_request *r, enum record_table table, struct http_response *response,
                  struct err *err)
{
    struct record_params p;
    struct str *names;
    size_t n;
    int rc = record_params_read(r, table, 0, FIELDS, FIELDS_MAX, &p, err);
    if (rc != 0)
        return rc;
    rc = record_fields_like(&r->q, table, http_param(r->http, "prefix"), p.min_unix_ns,
                            p.max_unix_ns, &names, &n, err);
    record_params_done(&p);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_strs(&j, names, n < p.limit ? n : p.limit);
    record_end(&j, &r->q);
    return 0;
}

/* The fields that hold bytes are ids. */
static bool is_id(enum record_table table, struct str field)
{
    size_t n;
    struct column_ref columns[FIELD_COLUMNS_MAX];
    return record_field_columns(table, field, columns) == 1 && columns[0].origin == COLUMN_FIELD &&
           record_fields(table, &n)[columns[0].field].type == ANY_BYTES;
}

/* Ids are hexadecimal everywhere; bytes of attributes are not, whatever these are called. */
static void write_value(struct json *j, bool id, const struct any *v)
{
    if (id && v->type == ANY_BYTES)
        json_id(j, any_text(v));
    else
        json_any(j, v);
}

static void write_facet(struct json *j, bool id, const struct facet *f)
{
    json_object(j);
    json_key(j, "values");
    json_array(j);
    for (size_t i = 0; i < f->n; i++) {
        json_object(j);
        json_key(j, "value");
        write_value(j, id, &f->v[i]->value);
        json_member_i64(j, "count", (int64_t)f->v[i]->count);
        json_object_end(j);
    }
    json_array_end(j);
    json_member_i64(j, "distinct", (int64_t)f->distinct);
    json_member_i64(j, "rows", (int64_t)f->rows);
    json_member_bool(j, "incomplete", f->cut);
}

static int values(struct record_request *r, enum record_table table, struct http_response *response,
                  struct err *err)
{
    struct record_params p;
    struct facet found;
    struct str field = http_param(r->http, "field");
    if (field.n == 0)
        return record_param_bad("field", field, "the name of a field", err);
    int rc = record_params_read(r, table, 0, VALUES, VALUES_MAX, &p, err);
    if (rc != 0)
        return rc;
    const struct facet_search wanted = {.table = table,
                                        .field = field,
                                        .prefix = http_param(r->http, "prefix"),
                                        .where = &p.filter.where,
                                        .min_unix_ns = p.min_unix_ns,
                                        .max_unix_ns = p.max_unix_ns,
                                        .limit = p.limit};
    rc = record_facet(&r->q, &wanted, &found, err);
    record_params_done(&p);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    write_facet(&j, is_id(table, field), &found);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

static int span_fields(struct record_request *r, struct http_response *response, struct err *err)
{
    return fields(r, RECORD_SPANS, response, err);
}

static int log_fields(struct record_request *r, struct http_response *response, struct err *err)
{
    return fields(r, RECORD_LOGS, response, err);
}

static int span_values(struct record_request *r, struct http_response *response, struct err *err)
{
    return values(r, RECORD_SPANS, response, err);
}

static int log_values(struct record_request *r, struct http_response *response, struct err *err)
{
    return values(r, RECORD_LOGS, response, err);
}

RECORD_HANDLER(api_span_fields, span_fields)
RECORD_HANDLER(api_log_fields, log_fields)
RECORD_HANDLER(api_span_values, span_values)
RECORD_HANDLER(api_log_values, log_values)
