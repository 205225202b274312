/* What the files of /proc tell about the container that a process is in. */
#ifndef TELLTALE_SDK_HOST_CONTAINER_H
#define TELLTALE_SDK_HOST_CONTAINER_H

#include "base/str.h"

/* The container's id, borrowed from the text: of /proc/self/cgroup (cgroup v1, and v2 without a
 * namespace of its own), and of /proc/self/mountinfo (v2). Empty when there is none. */
struct str container_id_of_cgroup(struct str text);
struct str container_id_of_mounts(struct str text);

/* The pod's UID in the text of /proc/self/cgroup; empty when there is none. */
struct str pod_uid_of_cgroup(struct str text);

#endif
