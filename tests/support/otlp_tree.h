/* Trees of OTLP's codec: compared, encoded, and made at random, by the codec's own tables. The
 * tables are held against the .proto files in tests/lib/codec/test_otlp.c, by messages that protoc
 * made. */
#ifndef TELLTALE_TESTS_SUPPORT_OTLP_TREE_H
#define TELLTALE_TESTS_SUPPORT_OTLP_TREE_H

#include "codec/otlp.h"

/* Equal but for fields that were sent with their default value, and NaN's bits. */
bool otlp_tree_eq(const struct otlp_request *a, const struct otlp_request *b);

void otlp_tree_encode(struct buf *out, const struct otlp_request *request);
void otlp_tree_encode_json(struct buf *out, const struct otlp_request *request);

/* All text is UTF-8, so that JSON can say it. */
bool otlp_tree_is_utf8(const struct otlp_request *request);

/* A small request with fields of all kinds. */
struct otlp_request otlp_tree_random(uint64_t *seed, struct arena *arena);

#endif
