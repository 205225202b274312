/* One datagram for each record, to a socket of our own: the C library's openlog is the program's.
 * The socket is not connected, so that a log daemon may be started anew. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/time.h"
#include "sinks/stream.h"
#include "sinks/syslog_message.h"

static const char journal_path[] = "/run/systemd/journal/socket";
enum { DATAGRAM_MAX = 4 << 20, TURN_US = 50000 };

struct syslog_exporter {
    int fd;
    bool journal;
    int facility;
    char *name; /* owned; NULL: the record's service */
    struct sockaddr_un to;
    struct stream stream; /* to be cancelled */
};

struct sending {
    const struct syslog_exporter *exporter;
    struct syslog_names names;
    int64_t deadline_mono_ns;
    size_t failed;
};

/* A daemon that does not read is waited for in short turns, as set_up has it. */
static bool send_datagram(const struct sending *s, const struct buf *datagram)
{
    const struct syslog_exporter *e = s->exporter;
    const struct sockaddr *to = (const struct sockaddr *)&e->to;
    bool may_wait, again;
    ssize_t n;
    do {
        may_wait = stream_may_wait(&e->stream, s->deadline_mono_ns);
        int flags = MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT);
        n = sendto(e->fd, datagram->p, datagram->n, flags, to, sizeof e->to);
        again = n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK);
    } while (again && may_wait);
    return n >= 0;
}

static bool send_record(void *arg, const struct wire_item *record)
{
    struct sending *s = arg;
    const struct syslog_exporter *e = s->exporter;
    struct buf datagram = BUF_MAX(DATAGRAM_MAX);
    (e->journal ? journal_put : syslog_put)(&datagram, &s->names, record);
    s->failed += buf_failed(&datagram) || !send_datagram(s, &datagram);
    buf_done(&datagram);
    return true;
}

static int send_records(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)items;
    const struct syslog_exporter *e = arg;
    struct sending s = {.exporter = e, .names = {str_c(e->name), e->facility, (int)getpid()}};
    s.deadline_mono_ns = time_now_mono_ns() + MIN(MAX(timeout_ms, 0), INT32_MAX) * NS_PER_MS;
    if (signal != TT_SIGNAL_LOGS)
        return TT_ERR_INVALID;
    bool ok = wire_walk(str_of(request, n), send_record, &s);
    return !ok ? TT_ERR_INVALID : s.failed ? TT_ERR_IO : TT_OK;
}

static void cancel(void *arg)
{
    struct syslog_exporter *e = arg;
    stream_cancel(&e->stream);
}

static void close_syslog(void *arg)
{
    struct syslog_exporter *e = arg;
    if (e->fd >= 0)
        (void)close(e->fd); // nothing waits in it
    free(e->name);
    free(e);
}

static int set_up(struct syslog_exporter *e, const tt_syslog_options *o)
{
    e->journal = !o->syslog && (o->path || access(journal_path, W_OK) == 0);
    struct str path = str_c(o->path ? o->path : e->journal ? journal_path : "/dev/log");
    e->to.sun_family = AF_UNIX;
    if (path.n >= sizeof e->to.sun_path)
        return TT_ERR_INVALID;
    memcpy(e->to.sun_path, path.p, path.n);
    e->facility = o->facility ? o->facility : LOG_USER;
    e->name = o->name ? str_dup(str_c(o->name)) : NULL;
    if (o->name && !e->name)
        return TT_ERR_NOMEM;
    e->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval turn = {.tv_usec = TURN_US};
    return e->fd >= 0 && setsockopt(e->fd, SOL_SOCKET, SO_SNDTIMEO, &turn, sizeof turn) == 0
               ? TT_OK
               : TT_ERR_IO;
}

int tt_syslog_exporter_new(const tt_syslog_options *options, tt_exporter *out)
{
    tt_syslog_options o = {0};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    struct syslog_exporter *e = out ? calloc(1, sizeof *e) : NULL;
    if (!e)
        return out ? TT_ERR_NOMEM : TT_ERR_INVALID;
    e->fd = -1;
    int rc = set_up(e, &o);
    if (rc != TT_OK) {
        tt_problem_tell(TT_PROBLEM_EXPORT, "the system's log cannot be used", o.path);
        close_syslog(e);
        return rc;
    }
    *out = (tt_exporter){.send = send_records, .cancel = cancel, .close = close_syslog, .arg = e};
    return TT_OK;
}
