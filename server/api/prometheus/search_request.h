/* What searches as one types have in common: their parameters, how well a name fits, and the lines
 * of the answer around the results. */
#ifndef TELLTALE_API_PROMETHEUS_SEARCH_REQUEST_H
#define TELLTALE_API_PROMETHEUS_SEARCH_REQUEST_H

#include "api/prometheus/question.h"
#include "codec/json_write.h"

enum { SEARCH_TERMS_MAX = 32, SEARCH_LIMIT_MAX = 10000 };

struct search {
    struct question question; /* without a limit of its own */
    struct str terms[SEARCH_TERMS_MAX];
    size_t n_terms, limit, batch;
    double threshold; /* 0 to 1 */
    bool fold, jaro_winkler, by_score, falling, with_score;
};

/* Reads the parameters for the call of this name; ERR_INVALID. On success the caller ends with
 * selectors_done(&out->question.selectors). */
int search_read(const struct http_request *q, const char *call, struct search *out,
                struct err *err);

/* A switch by its name, as Go's ParseBool reads it; ERR_INVALID. */
int search_read_flag(const struct http_request *q, const char *name, bool usual, bool *out,
                     struct err *err);

/* From 0 to 1, by the term that fits best; negative: none does. 1 when there are no terms. */
double search_score(const struct search *s, struct str name);

/* A name that fits. */
struct search_hit {
    struct str name;
    double score;
    size_t which; /* for the caller */
};

/* Puts hits whose names rise into the order of the answer. */
void search_sort(const struct search *s, struct search_hit *v, size_t n);

/* {"results": […]} for each batch of `n` results, with the warnings in the first, and the last
 * line. `write` writes result i. At least one batch is written. */
void search_answer(struct http_response *r, const struct search *s, size_t n, bool has_more,
                   const struct str *warnings, size_t n_warnings,
                   void (*write)(void *self, struct json *j, size_t i), void *self);

#endif
