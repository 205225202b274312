/* What an eval expects, and whether the answer is that. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_EXPECT_H
#define TELLTALE_QUERY_SCRIPT_EXPECT_H

#include "query/query.h"
#include "query/script/series.h"

enum { EXPECT_NOTES_MAX = 8 };

/* One text that must (or must not) occur among errors or annotations. */
struct expect_text {
    enum { TEXT_ANY, TEXT_EQUAL, TEXT_REGEX } kind;
    struct str text;
};

struct expectation {
    struct arena *arena;
    bool (*same_histogram)(const struct histogram *expected, const struct histogram *got);
    enum {
        FLOATS_CLOSE,
        FLOATS_SAME,
        FLOATS_NEXT
    } floats;              /* to a millionth; to the last bit; or
                            * one that has none between */
    bool instant;          /* of the eval: one value for a series, unless a range is expected */
    bool scalar_as_vector; /* a scalar is a series without labels */
    bool fail, ordered, no_warn, no_info, is_string, is_scalar, is_matrix;
    size_t n_fail; /* lines that ask for a failure */
    struct expect_text fail_text, warn[EXPECT_NOTES_MAX], info[EXPECT_NOTES_MAX];
    size_t n_warn, n_info;
    struct str string;
    double scalar;
    int64_t matrix_from_ms, matrix_to_ms, matrix_step_ms;
    struct script_series *series;
    size_t n, cap;
};

/* Takes one indented line. ERR_INVALID, ERR_NOMEM. */
int expect_line(struct expectation *e, struct str line, struct err *err);

/* 0, or ERR_INVALID with what is different. `rc` and `query_err`: of the query; `t`: its steps. */
int expect_check(const struct expectation *e, const struct query_request *q, int rc,
                 const struct err *query_err, const struct query_result *r, struct err *err);

/* The same, of the step at `at_ms` of a range query's answer, for an expectation of an instant. */
int expect_check_step(const struct expectation *e, const struct query_result *r, int64_t at_ms,
                      struct err *err);

#endif
