/* Nothing is remembered of a file between two writes but its descriptor: how large and how old it
 * is, and whether it still has its name, is asked each time, so that other processes may write to
 * it and rotate it, and logrotate, too. Lines go out by one write at the file's end.
 *
 * Who rotates has the file locked (flock) and looks again whether it is still there; others wait
 * for nobody and go on with the file they have. */
#include "sinks/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "telltale/api.h"

enum { PATH_BYTES = 4096 };

/* --- the file -------------------------------------------------------------------------------- */

static bool open_file(struct output *o)
{
    // Without waiting: it may be a pipe that nobody reads.
    int fd = open(o->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd < 0)
        return false;
    if (o->fd >= 0)
        (void)close(o->fd); // what it had to say, write said
    o->fd = fd;
    o->stream.torn = false;
    return true;
}

static bool has_its_name(const struct output *o, const struct stat *own)
{
    struct stat named;
    return stat(o->path, &named) == 0 && named.st_ino == own->st_ino && named.st_dev == own->st_dev;
}

static void name_of(char out[PATH_BYTES], const char *path, int64_t number)
{
    (void)snprintf(out, PATH_BYTES, "%s.%lld", path, (long long)number); // output_open saw to that
}

/* PATH.1 becomes PATH.2, and so on; then PATH becomes PATH.1. */
static void shift(const struct output *o)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    if (o->keep <= 0) {
        (void)unlink(o->path); // or else it goes on growing, until this works
        return;
    }
    for (int64_t i = o->keep; i > 0; i--) {
        name_of(to, o->path, i);
        name_of(from, o->path, i - 1);
        (void)rename(i == 1 ? o->path : from, to); // one that is not there leaves a gap
    }
}

static bool rotate(struct output *o)
{
    struct stat st;
    if (flock(o->fd, LOCK_EX | LOCK_NB) != 0)
        return true; // somebody else does
    if (fstat(o->fd, &st) == 0 && has_its_name(o, &st))
        shift(o);
    return open_file(o);
}

static bool is_due(const struct output *o, const struct stat *st, size_t n, int64_t now_unix_s)
{
    if (!S_ISREG(st->st_mode) || st->st_size == 0)
        return false;
    if (o->bytes_max && (uint64_t)st->st_size + n > o->bytes_max)
        return true;
    return o->period_s > 0 && (int64_t)st->st_mtime / o->period_s < now_unix_s / o->period_s;
}

static bool prepare(struct output *o, size_t n, int64_t now_unix_s)
{
    struct stat st;
    if (fstat(o->fd, &st) != 0)
        return false;
    if (!has_its_name(o, &st))
        return open_file(o);
    return !is_due(o, &st, n, now_unix_s) || rotate(o);
}

int output_write(struct output *o, struct str lines, int64_t now_unix_s, int64_t timeout_ms)
{
    if (o->path && !prepare(o, lines.n, now_unix_s))
        return TT_ERR_IO;
    bool ok = stream_write(&o->stream, o->fd, lines, timeout_ms);
    return ok && (!o->sync || output_flush(o) == TT_OK) ? TT_OK : TT_ERR_IO;
}

int output_flush(struct output *o)
{
    return !o->path || fdatasync(o->fd) == 0 || errno == EINVAL ? TT_OK : TT_ERR_IO;
}

int output_open(struct output *o, const char *path)
{
    o->fd = -1;
    o->path = str_dup(str_c(path));
    if (!o->path)
        return TT_ERR_NOMEM;
    return str_c(path).n + 24 < PATH_BYTES && open_file(o) ? TT_OK : TT_ERR_IO;
}

void output_close(struct output *o)
{
    if (o->path && o->fd >= 0)
        (void)close(o->fd); // as in open_file
    free(o->path);
}
