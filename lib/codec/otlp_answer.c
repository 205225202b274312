#include "codec/json_write.h"
#include "codec/otlp.h"
#include "codec/protobuf.h"

void otlp_encode_response(struct buf *out, uint64_t rejected, struct str message)
{
    if (rejected == 0 && message.n == 0)
        return; // a full success is the empty message
    size_t partial_success = pb_begin(out, 1);
    if (rejected)
        pb_put_varint(out, 1, rejected);
    if (message.n)
        pb_put_str(out, 2, message);
    pb_end(out, partial_success);
}

void otlp_json_encode_response(struct buf *out, const char *rejected_name, uint64_t rejected,
                               struct str message)
{
    struct json j = json_to(out);
    json_object(&j);
    if (rejected || message.n) {
        char text[24];
        size_t n = 0;
        for (uint64_t v = rejected; n == 0 || v; v /= 10)
            text[sizeof text - ++n] = (char)('0' + v % 10);
        json_key(&j, "partialSuccess");
        json_object(&j);
        json_member_str(&j, rejected_name, str_of(text + sizeof text - n, n)); // an int64
        json_member_str(&j, "errorMessage", message);
        json_object_end(&j);
    }
    json_object_end(&j);
}

void otlp_encode_status(struct buf *out, int code, struct str message)
{
    pb_put_varint(out, 1, (uint64_t)code);
    pb_put_str(out, 2, message);
}

void otlp_json_encode_status(struct buf *out, int code, struct str message)
{
    struct json j = json_to(out);
    json_object(&j);
    json_member_i64(&j, "code", code);
    json_member_str(&j, "message", message);
    json_object_end(&j);
}
