/* Answers to the remote sampler over gRPC: what is taken becomes one value of JSON, which is read
 * as a strategy or refused with a reason. The length of the prefix is put right. */
#include <stdlib.h>

#include "base/arena.h"
#include "codec/json_read.h"
#include "remote/grpc.h"
#include "remote/strategy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Texts are the service's, and need not be UTF-8. */
static void check_json(struct str json)
{
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct json_reader r = json_reader_of(json, &arena, 16);
    struct err err = {0};
    json_skip(&r);
    json_finish(&r);
    if (json_failed(&r) && str_is_utf8(json))
        (void)json_error(&r, "answer", &err), abort();
    arena_done(&arena);
}

static void check_strategy(struct str json)
{
    struct strategy *s = NULL;
    struct err err = {0};
    int rc = strategy_parse(json, &s, &err);
    if (rc != 0 && (s || !err.message[0]))
        abort();
    strategy_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf body = BUF_MAX(1 << 20), out = BUF_MAX(1 << 22);
    for (int shift = 32; shift >= 0; shift -= 8)
        buf_putc(&body, (char)((uint64_t)size >> shift));
    buf_put(&body, data, size);
    if (!buf_failed(&body) && grpc_put_answer(&out, buf_str(&body))) {
        check_json(buf_str(&out));
        check_strategy(buf_str(&out));
    }
    buf_done(&body);
    buf_done(&out);
    return 0;
}
