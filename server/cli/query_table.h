/* An answer of the Prometheus HTTP API as text for people. */
#ifndef TELLTALE_CLI_QUERY_TABLE_H
#define TELLTALE_CLI_QUERY_TABLE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Appends the result of `body`: a vector as one line a series, a matrix as a line a point under its
 * series. ERR_INVALID when the body is no answer of the API or is an error, with the server's
 * words. A result that does not fit leaves buf_failed(out). */
int query_table(struct str body, struct buf *out, struct err *err);

#endif
