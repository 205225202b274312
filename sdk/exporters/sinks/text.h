/* The exporters that write lines. */
#ifndef TELLTALE_SDK_EXPORTERS_SINKS_TEXT_H
#define TELLTALE_SDK_EXPORTERS_SINKS_TEXT_H

#include "base/buf.h"
#include "sinks/line.h"

/* Appends a request in a style: a line for each item, or one for all of it. TT_ERR_INVALID when it
 * is malformed, TT_ERR_NOMEM. */
int text_put_request(struct buf *out, const struct line_style *s, enum tt_signal signal,
                     struct str request);

#endif
