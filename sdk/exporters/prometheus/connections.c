#include "prometheus/connections.h"

#include <sys/socket.h>

enum { LEFT_MIN = 8 }; /* places that are free, or about to be */

static const size_t WAITING_MAX = (size_t)128 << 20;

void connections_init(struct connections *c)
{
    *c = (struct connections){.next = 1};
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        c->list[i].fd = -1;
}

/* Whether `a` is to end rather than `b`. */
static bool is_worse(const struct connection *a, const struct connection *b)
{
    return a->waiting != b->waiting ? !a->waiting : a->since < b->since;
}

/* The daemon finds the end of its input, and closes. */
static void end_one(struct connections *c)
{
    struct connection *worst = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *one = &c->list[i];
        if (one->fd >= 0 && !one->doomed && (!worst || is_worse(one, worst)))
            worst = one;
    }
    if (!worst)
        return;
    worst->doomed = true;
    c->doomed++;
    (void)shutdown(worst->fd, SHUT_RDWR); // it may have ended by itself
}

struct connection *connections_begin(struct connections *c, int fd)
{
    struct connection *free_one = NULL;
    for (size_t i = 0; i < CONNECTIONS_MAX && !free_one; i++) {
        if (c->list[i].fd < 0)
            free_one = &c->list[i];
    }
    if (CONNECTIONS_MAX - c->n + c->doomed <= LEFT_MIN)
        end_one(c);
    if (!free_one)
        return NULL;
    *free_one = (struct connection){.fd = fd, .since = c->next++};
    c->n++;
    return free_one;
}

void connections_end(struct connections *c, struct connection *one)
{
    if (!one)
        return;
    c->n--;
    c->doomed -= one->doomed;
    one->fd = -1;
}

bool connections_take(struct connections *c, size_t n)
{
    if (c->bytes && (n > WAITING_MAX || c->bytes > WAITING_MAX - n))
        return false;
    c->bytes += n;
    return true;
}

void connections_give_back(struct connections *c, size_t n)
{
    c->bytes -= n;
}
