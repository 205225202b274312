/* The HTTP server's inside, shared by its files. Private. */
#ifndef TELLTALE_NET_HTTP_SERVER_H
#define TELLTALE_NET_HTTP_SERVER_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "base/lock.h"
#include "net/address.h"
#include "net/http.h"
#include "net/http_costs.h"
#include "net/http_spare.h"

/* Counts what is turned away, with the reason. */
extern struct self_metric http_refusals;

struct http_server {
    struct http_options options;
    struct http_limits limits; /* no field is 0 that has a default */
    char address[ADDRESS_TEXT_MAX];
    struct MHD_Daemon *daemon;
    struct workers *ingest, *query, *brief;
    struct workers *passwords; /* slow hashes, one at a time, away from the other workers */
    struct http_watch *watch;
    struct tls_context *tls; /* NULL: plain text */
    struct regex *cors;      /* NULL: none, or any origin */
    atomic_size_t buffered;  /* bytes of bodies */
    atomic_size_t sending;   /* bytes of answers, those of small ones left out */
    atomic_bool leaving;     /* connections end with their answer */
    atomic_bool stopping;    /* clients count as gone */
    struct http_streams *streams;
    struct http_costs costs;
    struct http_spare spare;
    struct lock lock;
    struct cond idle;
    size_t away; /* exchanges given to workers and not yet got back; guarded by lock */
    size_t busy; /* exchanges with a whole request and an answer not fully sent; guarded by lock */
};

#endif
