/* How long a client may take. libmicrohttpd only knows a time without any byte, which a client that
 * trickles never reaches; here every phase of a connection has an end, and a thread that looks once
 * a second closes what is past it. Private. */
#ifndef TELLTALE_NET_HTTP_WATCH_H
#define TELLTALE_NET_HTTP_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"

struct http_watch;
struct tls_credentials;

enum http_phase {
    HTTP_BETWEEN,   /* no byte of a request, or only a part of its first line */
    HTTP_RECEIVING, /* the rest of the header, the body */
    HTTP_HANDLING,  /* no limit here: the handler has its own */
    HTTP_SENDING,
    HTTP_GIVEN_UP /* closed by the watch; libmicrohttpd will notice */
};

struct http_connection {
    struct http_connection *prev, *next; /* guarded by the watch's lock */
    int fd;
    bool tls;
    struct tls_credentials *credentials; /* the session's; NULL without TLS */
    struct lock lock;
    enum http_phase phase;    /* guarded by lock */
    int64_t deadline_mono_ns; /* guarded by lock */
};

/* `tick` runs once a second on the watch's thread, with the number of connections. More than
 * `max` of them are told that the server is full, and closed. */
int http_watch_new(size_t max, void (*tick)(void *self, size_t connections), void *self,
                   struct http_watch **out, struct err *err);

/* Closes every connection, and each that is still to come, and waits until libmicrohttpd has let go
 * of them all; false at the deadline. */
bool http_watch_empty(struct http_watch *w, int64_t deadline_mono_ns);

/* Joins the thread. All connections must be removed. NULL is fine. */
void http_watch_free(struct http_watch *w);

/* A new connection in HTTP_BETWEEN; NULL when out of memory. */
struct http_connection *http_watch_add(struct http_watch *w, int fd, bool tls,
                                       int64_t deadline_mono_ns);

/* Frees it; from then on the watch does not touch its socket. */
void http_watch_remove(struct http_watch *w, struct http_connection *c);

/* False when the connection was given up meanwhile. */
bool http_connection_enter(struct http_connection *c, enum http_phase phase,
                           int64_t deadline_mono_ns);

#endif
