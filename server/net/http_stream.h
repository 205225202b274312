/* Answers that go on: a thread of the server's own asks each stream for more when its time comes;
 * libmicrohttpd asks for bytes on its event thread, and while there are none the connection is
 * suspended. Private. */
#ifndef TELLTALE_NET_HTTP_STREAM_H
#define TELLTALE_NET_HTTP_STREAM_H

#include "net/http_exchange.h"

struct http_streams;

/* Starts the thread; the server outlives it. ERR_NOMEM, ERR_IO (no thread). */
int http_streams_new(struct http_server *s, struct http_streams **out, struct err *err);

/* How many there are now. */
size_t http_streams_count(struct http_streams *s);

/* All streams end as soon as their thread gets to them, and none begins. */
void http_streams_stop(struct http_streams *s);

/* Joins the thread; there must be no streams any more. NULL is fine. */
void http_streams_free(struct http_streams *s);

/* The answer of an exchange whose response has a stream, which it owns from here on. NULL: there
 * are too many, or no memory; the stream is done then, and the response a refusal. */
struct MHD_Response *http_stream_begin(struct http_exchange *x);

#endif
