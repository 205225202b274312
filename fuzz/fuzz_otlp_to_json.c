/* OTLP from protobuf to JSON, by the first byte of one signal or the other. What the server's
 * decoder takes as protobuf the SDK can say as JSON, and the server takes that, too; and nothing
 * that is not well-formed UTF-8 comes out. */
#include <stdlib.h>

#include "base/arena.h"
#include "codec/otlp_records.h"
#include "support/otlp_tree.h"
#include "wire/otlp_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 64 << 20 };

typedef int decoder(struct str body, const struct otlp_limits *limits, struct arena *arena,
                    struct otlp_records *out, struct err *err);

static decoder *const decoders[2][2] = {{otlp_traces_decode, otlp_traces_json_decode},
                                        {otlp_logs_decode, otlp_logs_json_decode}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct otlp_records tree, again;
    struct err err = {0};
    if (size == 0)
        return 0;
    bool logs = data[0] & 1;
    struct str body = str_of((const char *)data + 1, size - 1);
    struct buf json = BUF_MAX(MEMORY);
    arena_init(&arena, MEMORY);
    bool said = otlp_json_put(&json, logs ? OTLP_LOGS : OTLP_TRACES, body);
    if (said && !buf_failed(&json) && !str_is_utf8(buf_str(&json)))
        abort();
    int rc = decoders[logs][0](body, NULL, &arena, &tree, &err);
    if (rc == 0 && said && !buf_failed(&json)) {
        rc = decoders[logs][1](buf_str(&json), NULL, &arena, &again, &err);
        if (rc != 0 && rc != ERR_NOMEM)
            abort();
    }
    buf_done(&json);
    arena_done(&arena);
    return 0;
}
