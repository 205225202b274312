/* The textfile mode: a file that is always whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "telltale/prometheus.h"

static const size_t FILE_MAX = (size_t)64 << 20;

static bool write_all(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t done = write(fd, text, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return false;
        text += done;
        n -= (size_t)done;
    }
    return true;
}

/* Into a new file beside the path, then over it. Readers may be of another user. */
static bool replace(const char *path, char *beside, const char *text, size_t n)
{
    int fd = mkstemp(beside);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text, n) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && ok) {
        reason = errno;
        ok = false;
    }
    if (ok && rename(beside, path) == 0)
        return true;
    if (ok)
        reason = errno;
    (void)unlink(beside); // what is left over harms nobody: its name ends in no .prom
    errno = reason;
    return false;
}

int tt_prometheus_write_file(tt_meter_provider *provider, const tt_prometheus_options *options,
                             const char *path)
{
    static const char ending[] = ".XXXXXX";
    tt_prometheus_options o = {0};
    if (!provider || !path || !*path)
        return TT_ERR_INVALID;
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    o.size = sizeof o;
    o.format = TT_PROMETHEUS_TEXT;
    char *text, *beside = malloc(strlen(path) + sizeof ending);
    size_t n;
    if (!beside)
        return TT_ERR_NOMEM;
    (void)memcpy(beside, path, strlen(path));
    (void)memcpy(beside + strlen(path), ending, sizeof ending);
    int rc = tt_prometheus_render_new(provider, &o, FILE_MAX, &text, &n);
    if (rc == TT_OK) {
        rc = replace(path, beside, text, n) ? TT_OK : TT_ERR_IO;
        free(text);
    }
    free(beside);
    return rc;
}
