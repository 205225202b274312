#include "api/prometheus/snapshot.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "store/store.h"

/* "true", "1", … as Go's ParseBool has it, which is what Prometheus's clients know. */
static int parse_flag(struct str text, bool *out)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = {{"", false},      {"0", false},     {"f", false},  {"F", false}, {"false", false},
                 {"FALSE", false}, {"False", false}, {"1", true},   {"t", true},  {"T", true},
                 {"true", true},   {"TRUE", true},   {"True", true}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(text, str_c(words[i].text))) {
            *out = words[i].value;
            return 0;
        }
    return ERR_INVALID;
}

void api_snapshot(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    char name[STORE_SNAPSHOT_NAME];
    struct err err = {0};
    bool skip_head = false;
    if (parse_flag(http_param(q, "skip_head"), &skip_head) != 0) {
        answer_bad_param(r, "skip_head", "expected true or false");
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
