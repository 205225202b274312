/* The connections of an endpoint: room for a new one is made at the cost of one that is idle, so
 * that clients who connect and say nothing, or little by little, do not keep scrapers out; and what
 * slow readers have yet to take is bounded. In the daemon's thread alone. */
#ifndef TELLTALE_SDK_EXPORTERS_PROMETHEUS_CONNECTIONS_H
#define TELLTALE_SDK_EXPORTERS_PROMETHEUS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { CONNECTIONS_MAX = 64 };

struct connection {
    int fd;       /* -1: free */
    bool doomed;  /* was told to end */
    bool waiting; /* for an answer to be taken */
    unsigned long since;
};

struct connections {
    struct connection list[CONNECTIONS_MAX];
    size_t n, doomed;
    unsigned long next; /* numbers of those to come: an order in time */
    size_t bytes;       /* of answers that were not taken yet */
};

void connections_init(struct connections *c);

/* A connection was accepted; returns its entry, NULL when there is no room. Where few places are
 * left, one that has waited longest ends: of those that have no answer under way, if there are any.
 */
struct connection *connections_begin(struct connections *c, int fd);
void connections_end(struct connections *c, struct connection *one);

/* Whether an answer of `n` bytes may wait, too: always where none does. It counts until
 * connections_give_back. */
bool connections_take(struct connections *c, size_t n);
void connections_give_back(struct connections *c, size_t n);

#endif
