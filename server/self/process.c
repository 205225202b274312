#include "self/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"
#include "base/time.h"
#include "self/self.h"

static size_t read_file(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, out, room);
    (void)close(fd); // only read from
    return n > 0 ? (size_t)n : 0;
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
    self_write_family(out, name, SELF_TYPE_GAUGE, help);
    self_write_sample(out, name, value, (char *)NULL);
}

/* Field `number` (1 is the first behind the command's closing parenthesis) of /proc/self/stat. */
static uint64_t stat_field(struct str text, int number)
{
    size_t at = text.n;
    while (at > 0 && text.p[at - 1] != ')')
        at--;
    struct str rest = str_trim(str_sub(text, at, text.n));
    struct str field = {0};
    for (int i = 0; i < number; i++)
        field = str_cut(&rest, ' ');
    uint64_t v = 0;
    return num_parse_u64(field, &v) == 0 ? v : 0;
}

/* Numbers of fields behind the command, as proc(5) counts them less two. */
enum { STAT_STARTTIME = 20, STAT_VSIZE = 21, STAT_RSS = 22 };

static double boot_time_s(void)
{
    char text[4096];
    struct str rest = {text, read_file("/proc/uptime", text, sizeof text)};
    double up;
    if (num_parse_double(str_cut(&rest, ' '), &up) != 0)
        return 0;
    return (double)time_now_unix_ns() / (double)NS_PER_S - up;
}

static size_t read_stat(char *out, size_t room)
{
    return read_file("/proc/self/stat", out, room);
}

/* Computed once: it must not wander with the two clocks that it comes from. */
static double start_time_s;

static void find_start_time(void)
{
    char text[1024];
    struct str stat = {text, read_stat(text, sizeof text)};
    start_time_s =
        boot_time_s() + (double)stat_field(stat, STAT_STARTTIME) / (double)sysconf(_SC_CLK_TCK);
}

static void memory(struct buf *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, find_start_time); // cannot fail with a valid control
    char text[1024];
    struct str stat = {text, read_stat(text, sizeof text)};
    if (stat.n == 0)
        return;
    gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
          (double)stat_field(stat, STAT_RSS) * (double)sysconf(_SC_PAGESIZE));
    gauge(out, "process_start_time_seconds",
          "Start time of the process since unix epoch in seconds.", start_time_s);
    gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
          (double)stat_field(stat, STAT_VSIZE));
}

static void descriptors(struct buf *out)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        int n = 0;
        while (readdir(dir))
            n++;
        (void)closedir(dir);
        gauge(out, "process_open_fds", "Number of open file descriptors.", n - 3); // . .. and dir
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        gauge(out, "process_max_fds", "Maximum number of open file descriptors.",
              (double)limit.rlim_cur);
}

static void cpu(struct buf *out)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0)
        return;
    const char *name = "process_cpu_seconds_total";
    self_write_family(out, name, SELF_TYPE_COUNTER,
                      "Total user and system CPU time spent in seconds.");
    self_write_sample(out, name,
                      (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                          (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
                      (char *)NULL);
}

void process_metrics_write(struct buf *out)
{
    cpu(out);
    descriptors(out);
    memory(out);
}
