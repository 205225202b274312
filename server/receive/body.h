/* Request bodies as they were before the client compressed them. */
#ifndef TELLTALE_RECEIVE_BODY_H
#define TELLTALE_RECEIVE_BODY_H

#include "base/buf.h"
#include "base/err.h"
#include "receive/receive.h"

/* `encoding`: what Content-Encoding or grpc-encoding says, empty for nothing. `out` is the body
 * itself when it is not compressed, else borrowed from `room`, which the caller empties (buf_done)
 * in every case. ERR_UNSUPPORTED (encoding), ERR_INVALID (damage), ERR_TOO_BIG (a limit),
 * ERR_NOMEM. */
int body_decode(struct str encoding, struct str body, const struct receive_limits *limits,
                struct buf *room, struct str *out, struct err *err);

#endif
