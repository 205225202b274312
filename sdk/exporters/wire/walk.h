/* The spans, metrics or log records of a request, one after the other. */
#ifndef TELLTALE_SDK_EXPORTERS_WIRE_WALK_H
#define TELLTALE_SDK_EXPORTERS_WIRE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Messages, borrowed from the request. */
struct wire_item {
    struct str resource, scope, item;
};

/* False when the request is malformed, or `visit` returned false. The requests of the three signals
 * are alike. */
bool wire_walk(struct str request, bool (*visit)(void *arg, const struct wire_item *item),
               void *arg);

/* The last field of that number: text or bytes, a number; empty or 0 when it is absent. */
struct str wire_bytes(struct str message, unsigned number);
uint64_t wire_number(struct str message, unsigned number);

/* Key and value of a KeyValue. */
struct wire_attr {
    struct str key, value; /* the value an AnyValue */
};
struct wire_attr wire_attr(struct str message);

/* The value of the attribute, whose field in `message` is `number`. False when it is absent. */
bool wire_find_attr(struct str message, unsigned number, struct str key, struct str *out_value);

/* Appends an AnyValue as people write it: as JSON without the protocol's names, in which a text
 * stands without quotes when it is all of the value and `quoted` is false. */
void wire_put_plain(struct buf *out, struct str value, bool quoted);

#endif
