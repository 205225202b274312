/* Traces and logs, by the first byte as protobuf or JSON: what is decoded, encoded again, decodes
 * to an equal tree; and each span or record of it becomes a row or is counted as rejected. */
#include <stdlib.h>

#include "receive/otlp_records.h"
#include "support/otlp_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int decoder(struct str body, const struct otlp_limits *limits, struct arena *arena,
                    struct otlp_records *out, struct err *err);

static decoder *const decoders[2][2] = {{otlp_traces_decode, otlp_traces_json_decode},
                                        {otlp_logs_decode, otlp_logs_json_decode}};

static void check_again(const struct otlp_records *tree, bool logs, bool json, struct arena *arena)
{
    const struct otlp_message *signal = logs ? &otlp_logs_message : &otlp_traces_message;
    struct buf out = BUF_MAX(64 << 20);
    struct otlp_records again;
    if (json && !otlp_tree_is_utf8(signal, tree))
        return;
    if (json)
        otlp_tree_encode_json(&out, signal, tree);
    else
        otlp_tree_encode(&out, signal, tree);
    int rc = buf_failed(&out) ? ERR_NOMEM
                              : decoders[logs][json](buf_str(&out), NULL, arena, &again, NULL);
    if (rc != ERR_NOMEM && (rc != 0 || !otlp_tree_eq(signal, tree, &again)))
        abort();
    buf_done(&out);
}

static void check_rows(const struct otlp_records *tree, bool logs, size_t max_text)
{
    struct record_batch batch;
    struct otlp_records_outcome outcome;
    record_batch_init(&batch, logs ? RECORD_LOGS : RECORD_SPANS, 64 << 20);
    int rc = otlp_records_translate(tree, max_text, 1, &batch, &outcome);
    if (rc != 0 && rc != ERR_NOMEM)
        abort();
    if (rc == 0 && record_batch_count(&batch) + outcome.rejected != outcome.records)
        abort();
    if ((outcome.rejected > 0) != (outcome.message[0] != '\0'))
        abort();
    record_batch_done(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct otlp_records tree;
    struct err err = {0};
    if (size == 0)
        return 0;
    bool logs = data[0] & 1, json = data[0] & 2;
    struct str body = {(const char *)data + 1, size - 1};
    arena_init(&arena, 64 << 20);
    int rc = decoders[logs][json](body, NULL, &arena, &tree, &err);
    if ((rc != 0) != (err.message[0] != '\0'))
        abort();
    if (rc == 0) {
        check_again(&tree, logs, false, &arena);
        check_again(&tree, logs, true, &arena);
        check_rows(&tree, logs, data[0] & 4 ? 3 : 1 << 20);
    }
    arena_done(&arena);
    return 0;
}
