/* A handler of our own API: a question that is asked with a memory budget and answered in the
 * envelope of all our APIs, or with its error. */
#ifndef TELLTALE_API_RECORDS_HANDLE_H
#define TELLTALE_API_RECORDS_HANDLE_H

#include "api/prometheus/answer.h"
#include "api/records/params.h"
#include "api/records/records.h"
#include "api/records/request.h"
#include "api/records/write.h"

/* Writes the answer into `response`. An error becomes the answer's status and message. */
typedef int record_question(struct record_request *r, struct http_response *response,
                            struct err *err);

/* Asks with a request of its own (arena, budget, deadline); `self` is the api_context. */
void record_answer(void *self, const struct http_request *http, struct http_response *response,
                   record_question *ask);

#define RECORD_HANDLER(name, ask)                                                                  \
    void name(void *self, const struct http_request *http, struct http_response *response)         \
    {                                                                                              \
        record_answer(self, http, response, ask);                                                  \
    }

/* {"status": "success", "data": …, the value comes next; and its end, with a warning
 * when rows are missing because of damage. */
static inline struct json record_begin(struct http_response *response)
{
    return answer_begin(response);
}

void record_end(struct json *j, const struct record_query *q);

/* "scanned": {rows, blocks, …} of the question so far. */
void json_scanned(struct json *j, const struct record_query *q);

#endif
