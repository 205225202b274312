/* Trees of OTLP's codecs: compared, encoded, and made at random, by the codecs' own tables. The
 * tables are held against the .proto files in tests/lib/codec, by messages that protoc made.
 *
 * `signal` says what the trees are: &otlp_request_message (of metrics, struct otlp_request),
 * &otlp_traces_message or &otlp_logs_message (struct otlp_records). */
#ifndef TELLTALE_TESTS_SUPPORT_OTLP_TREE_H
#define TELLTALE_TESTS_SUPPORT_OTLP_TREE_H

#include "codec/otlp_schema.h"

/* Equal but for fields that were sent with their default value, and NaN's bits. */
bool otlp_tree_eq(const struct otlp_message *signal, const void *a, const void *b);

void otlp_tree_encode(struct buf *out, const struct otlp_message *signal, const void *tree);
void otlp_tree_encode_json(struct buf *out, const struct otlp_message *signal, const void *tree);

/* All text is UTF-8, so that JSON can say it. */
bool otlp_tree_is_utf8(const struct otlp_message *signal, const void *tree);

/* Fills the zeroed `tree` with a small request that has fields of all kinds. */
void otlp_tree_random(const struct otlp_message *signal, uint64_t *seed, struct arena *arena,
                      void *tree);

#endif
