#include "api/records/handle.h"

#include "store/store.h"

void record_answer(void *self, const struct http_request *http, struct http_response *response,
                   record_question *ask)
{
    struct record_request r;
    struct err err = {0};
    record_request_begin(&r, self, http);
    int rc = ask(&r, response, &err);
    if (rc != 0) {
        err.code = rc;
        answer_error(response, &err);
    }
    record_request_end(&r);
}

void record_end(struct json *j, const struct record_query *q)
{
    struct str warnings[2];
    size_t n = 0;
    if (q->stats.damaged)
        warnings[n++] = STR(STORE_DAMAGED_WARNING);
    if (q->stats.undecided)
        warnings[n++] = STR(STORE_UNDECIDED_WARNING);
    answer_end(j, warnings, n, NULL, 0);
}

void json_scanned(struct json *j, const struct record_query *q)
{
    json_key(j, "scanned");
    json_object(j);
    json_member_i64(j, "rows", (int64_t)q->stats.rows_read);
    json_member_i64(j, "bytes", (int64_t)q->stats.bytes_read);
    json_member_i64(j, "blocks", (int64_t)q->stats.blocks);
    json_member_i64(j, "blocks_skipped", (int64_t)q->stats.blocks_pruned);
    json_object_end(j);
}
