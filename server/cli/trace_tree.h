/* One trace of the server's API as a tree for people. */
#ifndef TELLTALE_CLI_TRACE_TREE_H
#define TELLTALE_CLI_TRACE_TREE_H

#include <jansson.h>

#include "base/buf.h"

void trace_tree_put(struct buf *out, const json_t *data, bool colours);

#endif
