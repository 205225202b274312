/* Protobuf, as far as metrics need it, written in one pass: the length of a message is left open as
 * a varint of five bytes, and filled in at its end. Failures are the buffer's. */
#ifndef TELLTALE_SDK_BRIDGE_WIRE_H
#define TELLTALE_SDK_BRIDGE_WIRE_H

#include "base/buf.h"
#include "telltale/attribute.h"

/* Begins a message as a field; returns what wire_close wants. */
size_t wire_open(struct buf *out, unsigned field);
void wire_close(struct buf *out, size_t at);

void wire_varint(struct buf *out, unsigned field, uint64_t v);
void wire_fixed(struct buf *out, unsigned field, uint64_t v);
void wire_double(struct buf *out, unsigned field, double v);
void wire_bytes(struct buf *out, unsigned field, const void *p, size_t n);
void wire_text(struct buf *out, unsigned field, const char *text); /* none when NULL or empty */

/* Each as a KeyValue; what is nested more than 8 deep is left empty. */
void wire_attributes(struct buf *out, unsigned field, const tt_attr *attrs, size_t n);

#endif
