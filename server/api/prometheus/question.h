/* What the calls about series, names and values share: parameters, memory, collecting. */
#ifndef TELLTALE_API_PROMETHEUS_QUESTION_H
#define TELLTALE_API_PROMETHEUS_QUESTION_H

#include "api/prometheus/params.h"
#include "base/arena.h"
#include "base/budget.h"
#include "base/err.h"

struct api_context;
struct store;

struct question {
    struct selectors selectors;
    int64_t start_ms, end_ms;
    size_t limit;
};

/* start, end, limit and match[]. False: one is wrong, and the answer says so. Otherwise the caller
 * ends with selectors_done. */
bool question_read(const struct http_request *q, struct http_response *r, struct question *out);

/* The store's limit: one more than asked, to tell whether something was cut. */
size_t question_store_limit(size_t limit);

/* Cuts to the limit; true when something was cut. */
bool question_cut(size_t *n, size_t limit);

struct question_warnings {
    struct str v[2];
    size_t n;
};

struct question_warnings question_warnings(const struct api_context *api,
                                           const struct question *question, bool was_cut);

/* The arena of one request, which shares in the memory of queries; and the error when it is full.
 */
void question_arena(const struct api_context *api, struct arena *arena, struct budget *memory);
void question_arena_done(struct arena *arena, const struct budget *memory);
int question_too_large(const struct arena *arena, struct err *err);

/* Names of labels (`name` empty) or values of one, of the series that satisfy any of the selectors:
 * sorted, each once, in the arena. */
int question_text(struct store *store, struct str name, const struct question *question,
                  struct arena *arena, struct str **out, size_t *out_n, struct err *err);

/* On a thread that must not wait (http_is_quick) while older rows of the log are still on their
 * way: has the request run again on a worker; the handler returns. */
bool question_runs_later(const struct api_context *api, const struct http_request *q);

#endif
