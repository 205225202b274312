/* Answers to the remote sampler over gRPC: what is taken becomes JSON that is read to its end, as a
 * strategy or as one that a reason refuses. The length of the prefix is put right. */
#include <stdlib.h>

#include "remote/grpc.h"
#include "remote/strategy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct str json)
{
    struct strategy *s = NULL;
    struct err err = {0};
    int rc = strategy_parse(json, &s, &err);
    if (rc != 0 && (s || !err.message[0]))
        abort();
    if (rc != 0 && str_find(str_c(err.message), STR("expected")) == str_c(err.message).n &&
        str_find(str_c(err.message), STR("strategy")) == str_c(err.message).n &&
        str_find(str_c(err.message), STR("UTF-8")) == str_c(err.message).n)
        abort(); // not about a value, but about JSON itself
    strategy_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf body = BUF_MAX(1 << 20), out = BUF_MAX(1 << 22);
    for (int shift = 32; shift >= 0; shift -= 8)
        buf_putc(&body, (char)((uint64_t)size >> shift));
    buf_put(&body, data, size);
    if (!buf_failed(&body) && grpc_put_answer(&out, buf_str(&body)))
        check_json(buf_str(&out));
    buf_done(&body);
    buf_done(&out);
    return 0;
}
