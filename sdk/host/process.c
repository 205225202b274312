/* One callback reads the files that tell of a process and observes what they say. */
#include "telltale/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/num.h"
#include "base/str.h"

enum { FILE_BYTES = 4096 };

enum { CPU, MEMORY, VIRTUAL, THREADS, FDS, SWITCHES, FAULTS, DISK, UPTIME, PROCESS_METRICS };

static const struct {
    const char *name, *unit, *description;
    bool is_double;
    enum tt_observable_kind kind;
} metrics[PROCESS_METRICS] = {
    [CPU] = {"process.cpu.time", "s", "Time that processors spent on the process", true,
             TT_OBSERVABLE_COUNTER},
    [MEMORY] = {"process.memory.usage", "By", "Physical memory in use", false,
                TT_OBSERVABLE_UPDOWNCOUNTER},
    [VIRTUAL] = {"process.memory.virtual", "By", "Virtual memory that was asked for", false,
                 TT_OBSERVABLE_UPDOWNCOUNTER},
    [THREADS] = {"process.thread.count", "{thread}", "Threads of the process", false,
                 TT_OBSERVABLE_UPDOWNCOUNTER},
    [FDS] = {"process.unix.file_descriptor.count", "{file_descriptor}", "Open file descriptors",
             false, TT_OBSERVABLE_UPDOWNCOUNTER},
    [SWITCHES] = {"process.context_switches", "{context_switch}",
                  "How often another thread got the processor", false, TT_OBSERVABLE_COUNTER},
    [FAULTS] = {"process.paging.faults", "{fault}", "Page faults", false, TT_OBSERVABLE_COUNTER},
    [DISK] = {"process.disk.io", "By", "Bytes that went to and came from disks", false,
              TT_OBSERVABLE_COUNTER},
    [UPTIME] = {"process.uptime", "s", "Time since the process began", true, TT_OBSERVABLE_GAUGE},
};

/* Kept until the process ends: a provider does not tell when it does. */
struct process_metrics {
    struct process_metrics *next;
    tt_observable *of[PROCESS_METRICS];
};

static double seconds_since_boot(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_BOOTTIME, &t); // cannot fail for this clock
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- reading --------------------------------------------------------------------------------- */

/* All of a small file; empty when it cannot be read. */
static struct str read_file(const char *path, char room[FILE_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, room, FILE_BYTES) : 0;
    if (fd >= 0)
        (void)close(fd); // it was only read
    return str_of(room, n > 0 ? (size_t)n : 0);
}

/* The number behind "name:" in lines of such; -1 when there is none. */
static int64_t field(struct str lines, struct str name)
{
    while (lines.n) {
        struct str value = str_cut(&lines, '\n');
        if (!str_eq(str_cut(&value, ':'), name))
            continue;
        value = str_trim(value);
        struct str digits = str_sub(value, 0, str_index(value, ' '));
        int64_t number;
        return num_parse_i64(digits, &number) == 0 ? number : -1;
    }
    return -1;
}

/* The n-th word of a line, from 0. */
static int64_t word(struct str line, int n)
{
    int64_t number;
    while (n-- > 0)
        (void)str_cut(&line, ' ');
    return num_parse_i64(str_cut(&line, ' '), &number) == 0 ? number : -1;
}

static int64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t n = -3; // ".", ".." and the directory itself
    if (!dir)
        return -1;
    while (readdir(dir)) // a callback runs alone, and the stream is ours
        n++;
    (void)closedir(dir);
    return n;
}

/* --- observing ------------------------------------------------------------------------------- */

static void observe(tt_observation *o, tt_observable *of, int64_t value, const char *key,
                    const char *is)
{
    tt_attr attr = tt_str(key, is);
    if (value >= 0)
        tt_observe_int(o, of, value, &attr, key ? 1 : 0);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void observe_usage(tt_observation *o, const struct process_metrics *m)
{
    struct rusage r;
    if (getrusage(RUSAGE_SELF, &r) != 0)
        return;
    tt_attr user = tt_str("cpu.mode", "user"), kernel = tt_str("cpu.mode", "system");
    tt_observe_double(o, m->of[CPU], seconds(r.ru_utime), &user, 1);
    tt_observe_double(o, m->of[CPU], seconds(r.ru_stime), &kernel, 1);
    const char *kind = "process.context_switch.type", *fault = "system.paging.fault.type";
    observe(o, m->of[SWITCHES], r.ru_nvcsw, kind, "voluntary");
    observe(o, m->of[SWITCHES], r.ru_nivcsw, kind, "involuntary");
    observe(o, m->of[FAULTS], r.ru_minflt, fault, "minor");
    observe(o, m->of[FAULTS], r.ru_majflt, fault, "major");
}

/* Behind the name in brackets, which may have blanks, /proc/self/stat has words that are counted
 * from the state, its third field. */
static void observe_stat(tt_observation *o, const struct process_metrics *m)
{
    enum { STAT_THREADS = 17, STAT_START = 19, STAT_VIRTUAL = 20, STAT_PAGES = 21 };
    char room[FILE_BYTES];
    struct str line = read_file("/proc/self/stat", room);
    size_t at = line.n;
    while (at > 0 && line.p[at - 1] != ')')
        at--;
    line = str_sub(line, at + 1, line.n);
    if (at == 0 || !line.n)
        return;
    int64_t pages = word(line, STAT_PAGES), ticks = word(line, STAT_START);
    observe(o, m->of[THREADS], word(line, STAT_THREADS), NULL, NULL);
    observe(o, m->of[VIRTUAL], word(line, STAT_VIRTUAL), NULL, NULL);
    observe(o, m->of[MEMORY], pages >= 0 ? pages * sysconf(_SC_PAGESIZE) : -1, NULL, NULL);
    double up = seconds_since_boot() - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    if (ticks >= 0 && up >= 0)
        tt_observe_double(o, m->of[UPTIME], up, NULL, 0);
}

static void observe_all(tt_observation *o, void *arg)
{
    const struct process_metrics *m = arg;
    char room[FILE_BYTES];
    struct str io = read_file("/proc/self/io", room);
    observe_usage(o, m);
    observe_stat(o, m);
    observe(o, m->of[FDS], count_fds(), NULL, NULL);
    observe(o, m->of[DISK], field(io, STR("read_bytes")), "disk.io.direction", "read");
    observe(o, m->of[DISK], field(io, STR("write_bytes")), "disk.io.direction", "write");
}

/* --- starting -------------------------------------------------------------------------------- */

static tt_observable *instrument(tt_meter *meter, size_t i)
{
    tt_instrument_options o = {.size = sizeof o, .unit = metrics[i].unit};
    o.description = metrics[i].description;
    return metrics[i].is_double
               ? tt_observable_new_double(meter, metrics[i].kind, metrics[i].name, &o, NULL, NULL)
               : tt_observable_new(meter, metrics[i].kind, metrics[i].name, &o, NULL, NULL);
}

static void keep(struct process_metrics *m)
{
    static _Atomic(struct process_metrics *) all;
    m->next = atomic_get_relaxed(&all);
    while (!atomic_compare_exchange_weak(&all, &m->next, m)) {
    }
}

int tt_process_metrics_start(tt_meter_provider *p)
{
    tt_meter *meter = tt_meter_get(p, "telltale.process", NULL);
    if (!meter) // no provider, or the SDK is disabled
        return TT_OK;
    struct process_metrics *m = calloc(1, sizeof *m);
    bool ok = m;
    for (size_t i = 0; ok && i < PROCESS_METRICS; i++) {
        m->of[i] = instrument(meter, i);
        ok = m->of[i];
    }
    if (!ok) {
        free(m);
        return TT_ERR_NOMEM;
    }
    keep(m);
    return tt_meter_register_callback(meter, observe_all, m) > 0 ? TT_OK : TT_ERR_NOMEM;
}
