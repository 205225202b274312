#include "core/fork.h"

#include <pthread.h>

#include "core/mutex.h"

static struct {
    struct mutex lock;
    struct fork_hook *list;
} hooks = {.lock = MUTEX_INIT};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    mutex_lock(&hooks.lock);
}

static void after_fork_in_parent(void)
{
    mutex_unlock(&hooks.lock);
}

static void after_fork_in_child(void)
{
    for (struct fork_hook *h = hooks.list; h; h = h->next)
        h->child(h->arg);
    mutex_unlock(&hooks.lock);
}

static void prepare(void)
{
    // Without it a child may find a lock taken; nothing else depends on it.
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void fork_hook_add(struct fork_hook *h)
{
    (void)pthread_once(&once, prepare);
    mutex_lock(&hooks.lock);
    h->next = hooks.list;
    hooks.list = h;
    mutex_unlock(&hooks.lock);
}

void fork_hook_remove(struct fork_hook *h)
{
    mutex_lock(&hooks.lock);
    struct fork_hook **at = &hooks.list;
    while (*at && *at != h)
        at = &(*at)->next;
    if (*at)
        *at = h->next;
    mutex_unlock(&hooks.lock);
}
