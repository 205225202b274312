/* One request and its response, from the first header byte to the last byte sent. Private.
 *
 *   HEAD -> [PASSWORD ->] BODY -> WORK -> ANSWERED
 *      \______________\-> DROP ----/
 *
 * In PASSWORD and WORK the connection is suspended and a worker has the exchange; at all other
 * times it is its event thread's. DROP: the answer (a refusal) is known, the body is read and
 * thrown away so that the client gets to read it; see http_serve.c. */
#ifndef TELLTALE_NET_HTTP_EXCHANGE_H
#define TELLTALE_NET_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "net/http.h"

enum { EXCHANGE_ARENA_BYTES = 64 << 20 };

enum exchange_stage {
    STAGE_HEAD,
    STAGE_PASSWORD,
    STAGE_BODY,
    STAGE_DROP,
    STAGE_WORK,
    STAGE_ANSWERED
};

struct http_exchange {
    struct http_server *server;         /* borrowed */
    struct MHD_Connection *mhd;         /* borrowed */
    struct http_connection *connection; /* borrowed */
    const struct http_route *route;     /* borrowed; NULL until found */
    const char *url;                    /* as sent; in the arena */
    struct http_request request;
    struct http_response response;
    struct MHD_Response *answer; /* made of the response; owned */
    struct arena arena;
    struct buf body;
    size_t budgeted; /* bytes taken from the server's budget */
    size_t sending;  /* bytes of the answer, as counted in the server's field of that name */
    size_t dropped;  /* bytes of body thrown away */
    enum exchange_stage stage;
    enum { FORM_UNREAD, FORM_READ, FORM_BAD } form; /* bad: the response says why */
    enum auth_result credential;                    /* what the password's check said */
    bool away, busy;   /* counted in the server's fields of that name */
    bool quick, later; /* run on the event thread; its handler gave up there */
    uint64_t likeness; /* 0: unknown */
    bool close;        /* the connection ends with the answer */
};

/* Until resumed, the connection is not libmicrohttpd's to handle; the server waits for it when it
 * stops. On the event thread. */
void exchange_give_away(struct http_exchange *x);
void exchange_get_back(struct http_exchange *x);

/* Fills path, raw_path and the URL's parameters. ERR_TOO_BIG, ERR_NOMEM, ERR_INVALID. */
int exchange_read_url(struct http_exchange *x, const struct http_limits *limits);

/* Puts the parameters of a form body, if it is one and the method is POST or PUT, before those of
 * the URL. ERR_TOO_BIG, ERR_NOMEM, ERR_INVALID. */
int exchange_read_form(struct http_exchange *x, const struct http_limits *limits);

/* Makes the response a refusal, in the route's shape of errors, and counts the reason. */
void exchange_refuse(struct http_exchange *x, int status, const char *reason, const char *message);

/* Whether the page that sent the request, if any, may: false when it is one of another origin that
 * wants to administer; the response says so then. */
bool exchange_origin_ok(struct http_exchange *x);

/* Turns the response into an answer for libmicrohttpd: headers, compression. Any thread that has
 * the exchange. On failure `x->answer` is NULL and the connection can only be closed. */
void exchange_finish(struct http_exchange *x);

/* Percent-decoding; '+' is a space in queries. False for a bad escape. In the arena. */
bool percent_decode(struct arena *arena, struct str text, bool plus_is_space, struct str *out);

/* True when a list like Accept-Encoding's allows gzip. */
bool accepts_gzip(struct str accept_encoding);

#endif
