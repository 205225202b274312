/* From a header that has arrived to the answer: routing, rights, bodies, workers. Private. */
#ifndef TELLTALE_NET_HTTP_SERVE_H
#define TELLTALE_NET_HTTP_SERVE_H

#include "net/http_exchange.h"

/* The next step of an exchange; called by libmicrohttpd with a header, with bytes of the body (`*n`
 * of them, set to what is left), at the body's end, and after a worker resumed it. */
enum MHD_Result exchange_step(struct http_exchange *x, const char *method, const char *body,
                              size_t *n);

/* The exchange is back from its worker, or gone for ever. */
void exchange_settle(struct http_exchange *x);

/* What the worker pools run. */
void exchange_work(void *exchange);
void exchange_check_password(void *exchange);

#endif
