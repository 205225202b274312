/* The OTLP receiver: export requests over HTTP and gRPC. */
#ifndef TELLTALE_RECEIVE_OTLP_H
#define TELLTALE_RECEIVE_OTLP_H

#include "receive/receive.h"

struct otlp_receiver;

enum otlp_signal { OTLP_METRICS, OTLP_TRACES, OTLP_LOGS, OTLP_SIGNALS };

/* Where the requests of one signal come in; of the receiver. */
struct otlp_endpoint {
    struct otlp_receiver *receiver;
    enum otlp_signal signal;
};

/* ERR_NOMEM. */
int otlp_receiver_new(const struct receiver_options *options, struct otlp_receiver **out,
                      struct err *err);

/* No request may be running. NULL is fine. */
void otlp_receiver_free(struct otlp_receiver *r);

/* New limits and rules; requests that run keep theirs, streams of delta temporality go on. When
 * memory is short the old ones stay. Threads: any. */
void otlp_receiver_reconfigure(struct otlp_receiver *r, const struct receiver_options *options);

struct otlp_endpoint *otlp_receiver_endpoint(struct otlp_receiver *r, enum otlp_signal signal);

/* The handlers; `self` is an endpoint. Threads: any.
 *
 * Over HTTP the body is protobuf or JSON, by Content-Type, and so is the answer. 200: all is
 * stored, or what was left out is told (partial success); 400, 413, 415: nothing was stored and
 * saying it again will not help; 503 with Retry-After: nothing was stored, send it again.
 * Errors have a google.rpc.Status as body. */
void otlp_receiver_http(void *self, const struct http_request *request,
                        struct http_response *response);

/* What the HTTP server itself refuses is a Status, too. */
http_refusal otlp_receiver_refuse;

/* MetricsService/Export and its kin. What may be sent again is UNAVAILABLE with a RetryInfo. */
void otlp_receiver_grpc(void *self, const struct grpc_request *request,
                        struct grpc_response *response);

#endif
