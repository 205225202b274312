/* Container runtimes name a control group after the container:
 *
 *     12:pids:/docker/<id>                                      docker, cgroup v1
 *     0::/system.slice/docker-<id>.scope                        docker, systemd
 *     0::/kubepods.slice/…-pod<uid>.slice/cri-containerd-<id>.scope
 *     0::/../../crio-<id>.scope   /user.slice/…/libpod-<id>.scope/container
 *
 * Where the group is a namespace's root ("0::/") the id stands in the path from which the runtime
 * mounts /etc/hostname: …/containers/<id>/hostname. Of containerd's sandboxes that is the pod's. */
#include "host/container.h"

enum { ID_MIN = 32, ID_MAX = 64, UID_BYTES = 36 };

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/* The id in a name like "cri-containerd-<id>.scope" or "<id>". */
static struct str id_in(struct str name)
{
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '-' || name.p[i - 1] == ':') {
            name = str_sub(name, i, name.n);
            break;
        }
    }
    name = str_sub(name, 0, str_index(name, '.'));
    return name.n >= ID_MIN && name.n <= ID_MAX && is_hex(name) ? name : (struct str){0};
}

struct str container_id_of_cgroup(struct str text)
{
    while (text.p && text.n) {
        struct str line = str_cut(&text, '\n'), found = {0};
        while (line.p && line.n) {
            struct str id = id_in(str_cut(&line, '/'));
            found = id.n ? id : found; // the innermost
        }
        if (found.n)
            return found;
    }
    return (struct str){0};
}

struct str container_id_of_mounts(struct str text)
{
    while (text.p && text.n) {
        struct str line = str_cut(&text, '\n');
        if (str_find(line, STR(" /etc/hostname ")) == line.n ||
            str_find(line, STR("/sandboxes/")) < line.n)
            continue;
        while (line.p && line.n) {
            struct str id = id_in(str_cut(&line, '/'));
            if (id.n == ID_MAX)
                return id;
        }
    }
    return (struct str){0};
}

/* 8-4-4-4-12 hexadecimal digits; systemd's names have underscores instead. */
static bool is_uid(struct str s)
{
    for (size_t i = 0; i < UID_BYTES; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' && s.p[i] != '_' : !is_hex(str_sub(s, i, 1)))
            return false;
    }
    return true;
}

struct str pod_uid_of_cgroup(struct str text)
{
    while (text.n > 3 + UID_BYTES) {
        size_t at = str_find(text, STR("pod"));
        text = str_sub(text, at + 3, text.n);
        if (text.n >= UID_BYTES && is_uid(text))
            return str_sub(text, 0, UID_BYTES);
    }
    return (struct str){0};
}
