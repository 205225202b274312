/* Messages in messages, written in one pass into a buffer that grows: the length of each is left
 * open as a varint of five bytes, which the protocol allows to be longer than it needs to be, and
 * filled in at its end. Failures are the buffer's: test it once, at the end. */
#ifndef TELLTALE_CORE_MESSAGE_H
#define TELLTALE_CORE_MESSAGE_H

#include "base/buf.h"
#include "core/proto.h"

/* Begins a message as field `field`; returns what message_close wants. Field 0: with its length
 * alone before it, as messages that follow each other in a stream. */
size_t message_open(struct buf *out, unsigned field);
void message_close(struct buf *out, size_t at);

void message_u64(struct buf *out, unsigned field, uint64_t v); /* fixed64 */
void message_double(struct buf *out, unsigned field, double v);
void message_int(struct buf *out, unsigned field, uint64_t v); /* varint */

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

#endif
