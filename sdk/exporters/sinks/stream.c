/* A write to a full pipe waits for its reader, who may never come, and no deadline ends it. The
 * descriptor is the program's and shared with other processes, so it cannot be made non-blocking
 * either. Therefore pipes and terminals are opened anew for each call, by their name in /proc,
 * which gives a description of our own; sockets know MSG_DONTWAIT. Where neither works (no /proc, a
 * terminal of another user), no more is written than a pipe takes at once after poll said that it
 * takes something: then only another writer, between the two calls, can make it wait.
 *
 * Pieces of at most PIPE_BUF bytes that end with a line's end are written whole or not at all, so
 * lines of several processes do not mix. */
#include "sinks/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/time.h"

enum { LOOK_MS = 50 }; // how soon a cancel is seen

/* --- signals --------------------------------------------------------------------------------- */

/* A pipe whose reader is gone is a failure like others: the signal of it is taken back, unless it
 * waited before. */
struct quiet {
    sigset_t pipe, before;
    bool waited;
};

static void begin_quiet(struct quiet *q)
{
    sigset_t pending;
    (void)sigemptyset(&q->pipe);
    (void)sigaddset(&q->pipe, SIGPIPE); // neither can fail
    (void)sigpending(&pending);
    q->waited = sigismember(&pending, SIGPIPE) == 1;
    (void)pthread_sigmask(SIG_BLOCK, &q->pipe, &q->before);
}

static void end_quiet(struct quiet *q)
{
    struct timespec at_once = {0};
    while (!q->waited && sigtimedwait(&q->pipe, NULL, &at_once) < 0 && errno == EINTR) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* --- descriptors ----------------------------------------------------------------------------- */

struct way {
    int fd;
    bool own;     /* opened here */
    bool socket;  /* written to by send */
    bool limited; /* pieces of PIPE_BUF bytes, and poll before each */
};

static int open_anew(int fd)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static struct way way_to(int fd)
{
    struct way w = {.fd = fd};
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISREG(st.st_mode))
        return w;
    w.socket = S_ISSOCK(st.st_mode);
    w.limited = S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd));
    int own = w.limited ? open_anew(fd) : -1;
    if (own >= 0) {
        w.fd = own;
        w.own = true;
    }
    return w;
}

static void way_end(const struct way *w)
{
    if (w->own)
        (void)close(w->fd); // nothing waits in it
}

/* --- writing --------------------------------------------------------------------------------- */

bool stream_may_wait(const struct stream *s, int64_t deadline_mono_ns)
{
    return !atomic_get_relaxed(&s->cancelled) && time_now_mono_ns() < deadline_mono_ns;
}

static bool wait_for_room(const struct stream *s, int fd, int64_t deadline_mono_ns)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int ready;
    do { // once at least: without time there may be room
        int64_t left_ms = (deadline_mono_ns - time_now_mono_ns()) / NS_PER_MS;
        ready = poll(&p, 1, (int)MAX(MIN(left_ms, LOOK_MS), 0));
    } while ((ready == 0 || (ready < 0 && errno == EINTR)) && stream_may_wait(s, deadline_mono_ns));
    return ready > 0; // also for a failure, which write tells
}

/* As many whole lines as fit, or what fits of one. */
static size_t piece_of(struct str lines, size_t max)
{
    if (lines.n <= max)
        return lines.n;
    size_t n = max;
    while (n && lines.p[n - 1] != '\n')
        n--;
    return n ? n : max;
}

static ssize_t write_piece(const struct way *w, struct str bytes)
{
    return w->socket ? send(w->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL)
                     : write(w->fd, bytes.p, bytes.n);
}

static bool write_all(struct stream *s, const struct way *w, struct str bytes,
                      int64_t deadline_mono_ns)
{
    while (bytes.n) {
        if (w->limited && !wait_for_room(s, w->fd, deadline_mono_ns))
            return false;
        size_t max = w->limited ? PIPE_BUF : bytes.n;
        ssize_t n = write_piece(w, str_sub(bytes, 0, piece_of(bytes, max)));
        bool again = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (n < 0 && errno != EINTR && !again)
            return false;
        if (again && !w->limited && !wait_for_room(s, w->fd, deadline_mono_ns))
            return false;
        if (n > 0)
            s->torn = bytes.p[n - 1] != '\n';
        bytes = str_sub(bytes, n > 0 ? (size_t)n : 0, bytes.n);
    }
    return true;
}

bool stream_write(struct stream *s, int fd, struct str lines, int64_t timeout_ms)
{
    int64_t now = time_now_mono_ns(), ns = MIN(MAX(timeout_ms, 0), INT32_MAX) * NS_PER_MS;
    if (atomic_get_relaxed(&s->cancelled))
        return false;
    struct quiet q;
    struct way w = way_to(fd);
    begin_quiet(&q);
    bool ok =
        (!s->torn || write_all(s, &w, STR("\n"), now + ns)) && write_all(s, &w, lines, now + ns);
    end_quiet(&q);
    way_end(&w);
    return ok;
}
