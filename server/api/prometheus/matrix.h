/* The series of a range query written as JSON while the query runs. */
#ifndef TELLTALE_API_PROMETHEUS_MATRIX_H
#define TELLTALE_API_PROMETHEUS_MATRIX_H

#include "base/err.h"
#include "codec/json_write.h"
#include "net/http.h"

struct matrix_step;
struct query_result;
struct query_row;

struct matrix {
    struct json *json;                  /* borrowed; nothing else writes until the end */
    const struct http_request *request; /* borrowed */
    struct arena *arena;                /* the request's */
    struct matrix_step *steps;          /* their times as text */
    size_t *ends;                       /* of each series in the buffer */
    size_t n, cap, begin;
    bool large; /* its buffer */
};

/* What stands behind "result" goes to `json` from here on. */
void matrix_begin(struct matrix *m, struct json *json, const struct http_request *request);

/* A taker of rows, of a `struct matrix`. ERR_TOO_BIG, ERR_NOMEM: the buffer is full. */
int matrix_take(void *matrix, const struct query_row *row, struct err *err);

/* The end of the list, which gets its order; or all of the result, where no rows were given.
 * ERR_NOMEM: there is no room for sorting; the buffer is to be thrown away. */
int matrix_end(struct matrix *m, const struct query_result *result, struct err *err);

#endif
