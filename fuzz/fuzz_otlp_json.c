/* OTLP from JSON: what is decoded, encoded as JSON or protobuf, decodes to an equal tree. */
#include <stdlib.h>

#include "support/otlp_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct otlp_request tree, again;
    struct err err = {0};
    arena_init(&arena, 64 << 20);
    int rc = otlp_json_decode(str_of((const char *)data, size), NULL, &arena, &tree, &err);
    if ((rc != 0) != (err.message[0] != '\0'))
        abort();
    if (rc == 0) {
        struct buf text = BUF_MAX(64 << 20), bytes = BUF_MAX(64 << 20);
        otlp_tree_encode_json(&text, &otlp_request_message, &tree);
        otlp_tree_encode(&bytes, &otlp_request_message, &tree);
        rc = otlp_json_decode(buf_str(&text), NULL, &arena, &again, &err);
        if (rc != ERR_NOMEM && (rc != 0 || !otlp_tree_eq(&otlp_request_message, &tree, &again)))
            abort();
        rc = otlp_decode(buf_str(&bytes), NULL, &arena, &again, &err);
        if (rc != ERR_NOMEM && (rc != 0 || !otlp_tree_eq(&otlp_request_message, &tree, &again)))
            abort();
        buf_done(&text);
        buf_done(&bytes);
    }
    arena_done(&arena);
    return 0;
}
