/* ADDR:PORT of a listener. */
#ifndef TELLTALE_NET_ADDRESS_H
#define TELLTALE_NET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

enum { ADDRESS_TEXT_MAX = 64 };

struct address {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* "127.0.0.1:9090", "[::1]:9090", "localhost:9090", ":9090" (all interfaces). ERR_INVALID. */
int address_parse(const char *text, struct address *out, struct err *err);

/* The numeric form, IPv6 in brackets. */
void address_format(const struct address *a, char out[ADDRESS_TEXT_MAX]);

/* Who is at the other end of a connected socket: the numeric form, or "unknown". */
void address_of_peer(int fd, char out[ADDRESS_TEXT_MAX]);

/* A listening, non-blocking TCP socket. Returns the descriptor, or ERR_IO with a message that names
 * the address and, when it is taken, says so. `*a` gets the real port. */
int address_listen(struct address *a, int backlog, struct err *err);

#endif
