#include "api/prometheus/snapshot.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "store/store.h"

void api_snapshot(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    char name[STORE_SNAPSHOT_NAME];
    struct err err = {0};
    bool skip_head = false;
    if (!param_flag(http_param(q, "skip_head"), false, &skip_head)) {
        answer_bad_param(r, "skip_head", "unable to parse boolean: expected true or false");
        return;
    }
    if (store_snapshot(api->store, NULL, skip_head, name, &err) != 0) {
        answer_error(r, &err);
        return;
    }
    struct json j = answer_begin(r);
    json_object(&j);
    json_member_str(&j, "name", str_c(name));
    json_object_end(&j);
    answer_end(&j, NULL, 0, NULL, 0);
}
