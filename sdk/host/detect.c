/* Resource detectors. Each appends attributes whose texts are in a common buffer; nothing here
 * takes longer than reading a few small files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "host/container.h"
#include "telltale/component.h"
#include "telltale/host.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.37.0"

enum { ATTRS_MAX = 32, TEXT_MAX = 8192, FILE_MAX = 32 << 10, VALUE_MAX = 1024 };

struct found {
    tt_attr attrs[ATTRS_MAX];
    size_t n;
    char text[TEXT_MAX]; /* of the values */
    size_t text_n;
};

/* What is empty or does not fit is left out. */
static void add(struct found *f, const char *key, struct str value)
{
    value = str_trim(value);
    if (value.n == 0 || value.n > VALUE_MAX || value.n > TEXT_MAX - f->text_n || f->n == ATTRS_MAX)
        return;
    char *to = memcpy(f->text + f->text_n, value.p, value.n);
    f->text_n += value.n;
    f->attrs[f->n++] = tt_text(key, to, value.n);
}

/* Of a file, as much as fits; empty when it cannot be read. */
static struct str read_file(const char *path, char *to, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t got = 0;
    while (fd >= 0 && n < max && (got = read(fd, to + n, max - n)) > 0)
        n += (size_t)got;
    if (fd >= 0)
        (void)close(fd);
    return str_of(to, n);
}

/* --- host and operating system --------------------------------------------------------------- */

/* The names that OpenTelemetry gives to what uname() says. */
static const char *arch_name(const char *machine)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "x86"}, {"i386", "x86"},
        {"armv7l", "arm32"}, {"armv6l", "arm32"},  {"ppc", "ppc32"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i][0], machine) == 0)
            return names[i][1];
    }
    return machine;
}

static void detect_host(struct found *f)
{
    struct utsname system;
    char id[64];
    if (uname(&system) == 0) {
        add(f, "host.name", str_c(system.nodename));
        add(f, "host.arch", str_c(arch_name(system.machine)));
    }
    add(f, "host.id", read_file("/etc/machine-id", id, sizeof id));
}

/* NAME="value" of os-release(5); empty when it is not there. */
static struct str release_field(struct str text, struct str name)
{
    while (text.p && text.n) {
        struct str value = str_cut(&text, '\n');
        if (!str_eq(str_cut(&value, '='), name))
            continue;
        bool quoted = value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'');
        return quoted ? str_sub(value, 1, value.n - 2) : value;
    }
    return (struct str){0};
}

static void detect_os(struct found *f)
{
    struct utsname system;
    char text[2048], description[VALUE_MAX];
    struct str release = read_file("/etc/os-release", text, sizeof text);
    add(f, "os.type", STR("linux"));
    add(f, "os.name", release_field(release, STR("NAME")));
    add(f, "os.version", release_field(release, STR("VERSION_ID")));
    if (uname(&system) != 0)
        return;
    int n = snprintf(description, sizeof description, "%s %s %s", system.sysname, system.release,
                     system.version);
    add(f, "os.description", str_of(description, MIN((size_t)MAX(n, 0), sizeof description - 1)));
}

/* --- the process ----------------------------------------------------------------------------- */

static void detect_process(struct found *f)
{
    char path[VALUE_MAX];
    if (f->n < ATTRS_MAX)
        f->attrs[f->n++] = tt_int("process.pid", getpid());
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    struct str whole = str_of(path, (size_t)MAX(n, 0)), name = whole;
    for (struct str rest = whole; rest.p && rest.n;)
        name = str_cut(&rest, '/');
    add(f, "process.executable.path", whole);
    add(f, "process.executable.name", name);
}

/* --- containers ------------------------------------------------------------------------------ */

static void detect_container(struct found *f)
{
    static const char *const paths[] = {"/proc/self/cgroup", "/proc/self/mountinfo"};
    char *text = malloc(FILE_MAX);
    if (!text)
        return;
    struct str id = container_id_of_cgroup(read_file(paths[0], text, FILE_MAX));
    if (!id.n)
        id = container_id_of_mounts(read_file(paths[1], text, FILE_MAX));
    add(f, "container.id", id);
    free(text);
}

/* Kubernetes tells nothing by itself: a pod's manifest gives its fields to variables (the downward
 * API), under the first of these names that is set. */
static const struct {
    const char *key, *variables[3];
} downward[] = {
    {"k8s.pod.name", {"K8S_POD_NAME", "POD_NAME", "MY_POD_NAME"}},
    {"k8s.pod.uid", {"K8S_POD_UID", "POD_UID", "MY_POD_UID"}},
    {"k8s.namespace.name", {"K8S_NAMESPACE_NAME", "POD_NAMESPACE", "MY_POD_NAMESPACE"}},
    {"k8s.node.name", {"K8S_NODE_NAME", "NODE_NAME", "MY_NODE_NAME"}},
    {"k8s.container.name", {"K8S_CONTAINER_NAME", "CONTAINER_NAME", "MY_CONTAINER_NAME"}},
    {"k8s.deployment.name", {"K8S_DEPLOYMENT_NAME", "DEPLOYMENT_NAME", "MY_DEPLOYMENT_NAME"}},
    {"k8s.cluster.name", {"K8S_CLUSTER_NAME", "CLUSTER_NAME", "MY_CLUSTER_NAME"}},
};

static const char *first_set(const char *const names[3])
{
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

static bool has(const struct found *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->attrs[i].key, key) == 0)
            return true;
    }
    return false;
}

static void detect_kubernetes(struct found *f)
{
    static const char namespace[] = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
    char text[4096];
    if (!getenv("KUBERNETES_SERVICE_HOST"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(downward); i++)
        add(f, downward[i].key, str_c(first_set(downward[i].variables)));
    if (!has(f, "k8s.namespace.name"))
        add(f, "k8s.namespace.name", read_file(namespace, text, sizeof text));
    if (!has(f, "k8s.pod.name"))
        add(f, "k8s.pod.name", str_c(getenv("HOSTNAME")));
    if (!has(f, "k8s.pod.uid"))
        add(f, "k8s.pod.uid", pod_uid_of_cgroup(read_file("/proc/self/cgroup", text, sizeof text)));
}

/* --- the service ----------------------------------------------------------------------------- */

static void detect_service(struct found *f)
{
    char id[37];
    uint64_t bits[2];
    if (getrandom(bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
        return; // a machine that has only begun
    uint64_t a = bits[0], b = bits[1];
    a = (a & ~UINT64_C(0xf000)) | UINT64_C(0x4000);             // version 4: random
    b = (b & (UINT64_MAX >> 2)) | UINT64_C(0x8000000000000000); // variant of RFC 9562
    (void)snprintf(id, sizeof id, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
                   (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff), (unsigned)(b >> 48),
                   (unsigned long long)(b & UINT64_C(0xffffffffffff)));
    add(f, "service.instance.id", str_c(id));
}

tt_resource *tt_resource_detect(unsigned detectors)
{
    static const struct {
        unsigned bit;
        void (*detect)(struct found *f);
    } table[] = {
        {TT_DETECT_HOST, detect_host},
        {TT_DETECT_OS, detect_os},
        {TT_DETECT_PROCESS, detect_process},
        {TT_DETECT_CONTAINER, detect_container},
        {TT_DETECT_KUBERNETES, detect_kubernetes},
        {TT_DETECT_SERVICE, detect_service},
    };
    struct found *f = malloc(sizeof *f);
    if (!f)
        return NULL;
    f->n = f->text_n = 0;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (detectors & table[i].bit)
            table[i].detect(f);
    }
    tt_resource *r = tt_resource_new(f->attrs, f->n, f->n ? SCHEMA_URL : NULL);
    free(f);
    return r;
}

/* --- by name --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned detector;
} names[] = {
    {"host", TT_DETECT_HOST},
    {"os", TT_DETECT_OS},
    {"process", TT_DETECT_PROCESS},
    {"container", TT_DETECT_CONTAINER},
    {"kubernetes", TT_DETECT_KUBERNETES},
    {"service", TT_DETECT_SERVICE},
};

static int make(void *arg, const tt_value *properties, tt_resource **out)
{
    (void)properties;
    const unsigned *detector = arg;
    *out = tt_resource_detect(*detector);
    return *out ? TT_OK : TT_ERR_NOMEM;
}

int tt_host_register(void)
{
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_DETECTOR, .name = names[i].name};
        c.make.detector = make;
        c.arg = (void *)(uintptr_t)&names[i].detector;
        rc = tt_component_register(&c);
    }
    return rc;
}

ON_LOAD static void on_load(void)
{
    (void)tt_host_register(); // there is room, or nothing is detected
}
