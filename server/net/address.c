#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"

static int invalid(const char *text, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "\"%s\" is not an address: %s; expected ADDR:PORT, e.g. 127.0.0.1:9090 or "
                   "[::1]:9090",
                   text, why);
}

static int resolve(const char *text, const char *host, const char *port, struct address *out,
                   struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (rc != 0)
        return invalid(text, gai_strerror(rc), err);
    /* "localhost" may be both; IPv4 first, as most clients take it. */
    const struct addrinfo *best = found;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        if (a->ai_family == AF_INET && best->ai_family != AF_INET)
            best = a;
    *out = (struct address){.len = best->ai_addrlen};
    memcpy(&out->sa, best->ai_addr, best->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

int address_parse(const char *text, struct address *out, struct err *err)
{
    struct str s = str_c(text);
    size_t colon = s.n;
    while (colon > 0 && s.p[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return invalid(text, "no port", err);
    struct str host = str_sub(s, 0, colon - 1), port = str_sub(s, colon, s.n);
    uint64_t number;
    if (num_parse_u64(port, &number) != 0 || number > 65535)
        return invalid(text, "the port is not a number up to 65535", err);
    bool brackets = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (brackets)
        host = str_sub(host, 1, host.n - 2);
    else if (str_index(host, ':') < host.n)
        return invalid(text, "an IPv6 address stands in brackets", err);
    char host_text[256], port_text[8];
    if (host.n >= sizeof host_text)
        return invalid(text, "the host name is too long", err);
    (void)snprintf(host_text, sizeof host_text, "%.*s", STR_ARG(host));
    (void)snprintf(port_text, sizeof port_text, "%u", (unsigned)number);
    return resolve(text, host_text, port_text, out, err);
}

void address_format(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->sa.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)&a->sa;
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        (void)snprintf(out, ADDRESS_TEXT_MAX, "%s:%u", host, ntohs(v4->sin_port));
        return;
    }
    const struct sockaddr_in6 *v6 = (const void *)&a->sa;
    (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    (void)snprintf(out, ADDRESS_TEXT_MAX, "[%s]:%u", host, ntohs(v6->sin6_port));
}

static int listen_error(const struct address *a, const char *step, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(a, text);
    if (errno == EADDRINUSE)
        return err_set(err, ERR_IO,
                       "cannot listen on %s: another program has this address; stop it or choose "
                       "another one",
                       text);
    return err_errno(err, "cannot listen on %s: %s", text, step);
}

void address_of_peer(int fd, char out[ADDRESS_TEXT_MAX])
{
    struct address a = {.len = sizeof a.sa};
    if (getpeername(fd, (struct sockaddr *)&a.sa, &a.len) == 0)
        address_format(&a, out);
    else
        (void)snprintf(out, ADDRESS_TEXT_MAX, "unknown");
}

int address_listen(struct address *a, int backlog, struct err *err)
{
    int fd = socket(a->sa.ss_family, SOCK_STREAM, 0);
    if (fd < 0)
        return listen_error(a, "socket", err);
    int on = 1;
    int rc = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); // else a restart waits a while
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        rc = listen_error(a, "fcntl", err);
    else if (bind(fd, (const struct sockaddr *)&a->sa, a->len) != 0)
        rc = listen_error(a, "bind", err);
    else if (listen(fd, backlog) != 0)
        rc = listen_error(a, "listen", err);
    else if (getsockname(fd, (struct sockaddr *)&a->sa, &a->len) != 0)
        rc = listen_error(a, "getsockname", err);
    if (rc == 0)
        return fd;
    (void)close(fd); // never used
    return rc;
}
