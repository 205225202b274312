/* The HTTP/1.1 server: listens, authenticates, limits, and hands whole requests to handlers on
 * worker threads. It knows no handler; the caller gives it a table of routes.
 *
 * Connections are served by a few event threads; a request whose body is complete waits in a
 * bounded queue of its class (ingest, query or brief) for one of that class's workers, so a slow
 * client costs no thread and a heavy query does not delay ingest. A full queue answers 503 with
 * Retry-After (not 429: Prometheus drops samples on a 429 unless told otherwise).
 *
 * A route can tell which requests are alike. Those whose like took less than half a millisecond
 * lately are run on the event thread itself, past the queue and the two wake-ups of a hand-over. */
#ifndef TELLTALE_NET_HTTP_H
#define TELLTALE_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "net/auth.h"

struct http_server;
struct tls_options;

enum http_method {
    HTTP_GET = 1 << 0, /* HEAD too: the body is dropped */
    HTTP_POST = 1 << 1,
    HTTP_PUT = 1 << 2,
    HTTP_DELETE = 1 << 3,
};

/* Which workers run it. HTTP_INLINE: on the event thread, for answers that never wait. HTTP_BRIEF:
 * for what may wait for a lock or the disk, but should not wait for queries. */
enum http_class { HTTP_INLINE, HTTP_INGEST, HTTP_QUERY, HTTP_BRIEF };

struct http_param {
    struct str name, value; /* percent-decoded */
};

/* Valid during the handler's call; everything is borrowed. */
struct http_request {
    enum http_method method;
    struct str path;           /* percent-decoded, without the query */
    struct str raw_path;       /* as sent, for path segments with an encoded slash */
    struct str rest;           /* what a route with a trailing wildcard matched */
    struct str body;           /* as sent, still compressed when Content-Encoding says so */
    struct http_param *params; /* of an application/x-www-form-urlencoded body, then of the URL */
    size_t n_params;
    struct arena *arena; /* for the handler's use, freed after the answer */
    int64_t received_mono_ns;
    struct http_exchange *exchange; /* private */
};

/* The first value of parameter `name`; p == NULL when absent. */
struct str http_param(const struct http_request *r, const char *name);

/* A request header by name (any case); p == NULL when absent. */
struct str http_header(const struct http_request *r, const char *name);

/* True when the client has closed the connection or the server cannot wait any longer: a long query
 * asks this now and then. A system call each time. Threads: any, during the handler's call. */
bool http_client_gone(const struct http_request *r);

/* The client's address in numbers, without its port: "10.0.0.7", "::1"; or "unknown". In `out`. */
enum { HTTP_IP_MAX = 64 };
struct str http_client_ip(const struct http_request *r, char out[HTTP_IP_MAX]);

/* True when the handler runs on an event thread because requests like this one were quick: it must
 * not wait, and should end within milliseconds. If it cannot, it calls http_run_later and returns;
 * what it put into the response is forgotten, and it is called again on a worker. */
bool http_is_quick(const struct http_request *r);
void http_run_later(const struct http_request *r);

/* An answer that comes bit by bit, for as long as the client listens. */
struct http_stream {
    /* Appends what there is to say now, if anything; negative: that was the end. Called every
     * `period_ms`, the first time at once, on a thread that all streams of a server share: it
     * should not take long. */
    int (*next)(void *self, struct buf *out);
    void (*done)(void *self); /* after the last call of next; exactly once */
    void *self;               /* lives until done: the request does not */
    int64_t period_ms;
    /* NULL: whenever it ends it is whole. Else asked once next has said that it ends: false when
     * what was sent is not whole, and the connection is cut, as it is when the stream ends
     * otherwise, so that the client sees it. Appends the value of `trailer`. */
    bool (*finish)(void *self, struct buf *out);
    const char *trailer; /* name, static; with `finish` */
};

enum { HTTP_STREAMS_MAX = 32 }; /* of a server at once; more are refused with 503 */

/* What a handler fills. The server adds Content-Length, Date and gzip when the client accepts it
 * and the body is over 1 KiB. */
struct http_response {
    int status;               /* 200 unless set */
    const char *content_type; /* static text; NULL: "text/plain; charset=utf-8" */
    struct buf body;          /* owned by the server after the call; its maximum is set */
    struct http_out_header {
        const char *name; /* static text */
        struct str value; /* in the request's arena or static */
    } headers[12];
    size_t n_headers;
    bool no_gzip;
    struct http_stream stream; /* with `next` set: in place of a body */
};

/* The body has become large, and more is to come: it goes on in the memory of an answer that was
 * sent a moment ago, if there is one. During the handler's call. */
void http_more_room(const struct http_request *r, struct buf *body);

/* Sets the header, or gives it another value. Both are borrowed until the answer is sent:
 * constants, or text in the request's arena. One beyond the room of the response is left out. */
void http_set_header(struct http_response *r, const char *name, struct str value);

/* A hash of what decides how long a request takes, so that those after the first can be run without
 * a worker where that was quick; 0: not known. The parameters of a form are there. */
typedef uint64_t http_likeness(const struct http_request *request);

typedef void http_handler(void *self, const struct http_request *request,
                          struct http_response *response);

/* Writes why the server refuses a request, whose status is set, as the route's clients expect it:
 * body and content type. */
typedef void http_refusal(const struct http_request *request, struct http_response *response,
                          const char *message);

/* In the JSON shape of Prometheus's API. */
http_refusal http_refuse_json;

struct http_route {
    unsigned methods; /* of enum http_method */
    const char *path; /* exact, or with a trailing "*" for a prefix */
    enum auth_right right;
    enum http_class class;
    http_handler *handler;
    void *self;
    const char *name;        /* for metrics and logs; NULL: the path */
    http_refusal *refusal;   /* writes the server's own refusals; NULL: plain text */
    http_likeness *likeness; /* NULL: always by its class's workers */
};

struct http_limits {
    size_t max_body_bytes;                  /* 413 above; 0: 64 MiB */
    size_t max_response_bytes;              /* 0: 512 MiB */
    size_t max_url_bytes;                   /* 414; 0: 64 KiB */
    size_t max_header_bytes;                /* 431; 0: 32 KiB */
    unsigned max_params;                    /* of URL and form; 414, 413 above; 0: 10,000 */
    unsigned max_connections;               /* more get 503 and are closed; 0: 1,024 */
    unsigned max_connections_per_ip;        /* more are closed; 0: any */
    unsigned idle_timeout_s;                /* 0: 300 */
    unsigned body_timeout_s;                /* time for a whole request to arrive; 0: 60 */
    unsigned ingest_workers, query_workers; /* 0: number of cores; 0: 8 */
    unsigned ingest_queue, query_queue;     /* 0: 256; 0: 1,024 */
    /* Bodies in memory, all connections, and as much again of answers that wait for their clients:
     * 503 above; 0: 1 GiB. */
    size_t max_buffered_bytes;
};

struct http_options {
    const char *address;           /* "127.0.0.1:9090", "[::1]:0" */
    const char *name;              /* of the listener, for logs: "http", "otlp-http" */
    const struct tls_options *tls; /* NULL: plain text */
    struct auth *auth;             /* NULL: no authentication; borrowed, outlives the server */
    const char *cors_origin;       /* NULL: no CORS headers; else "*" or an origin or a regex */
    struct http_limits limits;
    const struct http_route *routes; /* borrowed, outlives the server */
    size_t n_routes;
};

/* Starts listening. ERR_IO with a message that names the address and what to do (address in use).
 */
int http_server_start(const struct http_options *options, struct http_server **out,
                      struct err *err);

/* The bound address, with the real port when it was 0; borrowed. */
const char *http_server_address(const struct http_server *s);

/* Reads certificate, key and client CA again (other files are fine) for the connections to come. On
 * failure the old ones stay. ERR_INVALID when the server has no TLS. Threads: any. */
int http_server_reload_tls(struct http_server *s, const struct tls_options *tls, struct err *err);

/* Stops accepting, lets running handlers end (at most `grace_ms`), closes. NULL is fine. */
void http_server_stop(struct http_server *s, int64_t grace_ms);

#endif
