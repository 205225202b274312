/* Base64 (RFC 4648, standard alphabet). */
#ifndef TELLTALE_CODEC_BASE64_H
#define TELLTALE_CODEC_BASE64_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* With padding. */
void base64_encode(struct buf *out, struct str bytes);

/* Of the standard or the URL-safe alphabet, with or without padding, as protobuf's JSON allows. The
 * bytes are of the arena. ERR_INVALID, ERR_NOMEM. */
int base64_decode(struct str text, struct arena *arena, struct str *out);

#endif
