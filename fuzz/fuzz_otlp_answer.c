/* What collectors answer, by the first byte as HTTP with protobuf or JSON, or gRPC; for gRPC the
 * lines before the body are its status, message and details. Whatever comes, the verdict is one,
 * its message is UTF-8, and it stays within the answer's bounds. */
#include <stdlib.h>

#include "otlp/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const long statuses[] = {0, 200, 302, 400, 429, 503};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct otlp_verdict v;
    struct otlp_reply reply = {.retry_after_ms = -1};
    if (size == 0)
        return 0;
    struct str rest = str_of((const char *)data + 1, size - 1);
    reply.http_status = statuses[data[0] / 3 % 6];
    reply.grpc_status = str_cut(&rest, '\n');
    reply.grpc_message = str_cut(&rest, '\n');
    reply.grpc_details = str_cut(&rest, '\n');
    reply.body = rest;
    reply.retry_after_ms = otlp_retry_after_ms(reply.grpc_message, 1000);
    if (reply.retry_after_ms < -1 || reply.retry_after_ms > INT64_MAX / 2)
        abort();
    otlp_judge((enum tt_otlp_protocol)(TT_OTLP_HTTP_PROTOBUF + data[0] % 3), &reply, &v);
    if (!str_is_utf8(str_c(v.message)) || v.retry_after_ms < -1 ||
        v.retry_after_ms > INT64_MAX / 2 || (v.odd && v.fate != OTLP_DELIVERED))
        abort();
    if (reply.http_status == 0 && v.fate != OTLP_LATER)
        abort();
    return 0;
}
