/* What lives on in a child after fork(): the thread that forked, and memory as it was. Locks that
 * other threads held stay locked and their work half done, so whoever has a thread or locks of its
 * own registers a hook that sets them up afresh in the child. */
#ifndef TELLTALE_CORE_FORK_H
#define TELLTALE_CORE_FORK_H

#include <stdbool.h>

struct fork_hook {
    struct fork_hook *next;
    void (*child)(void *arg); /* called in the child, with no other thread there */
    void *arg;
};

/* Borrows the hook until fork_hook_remove. */
void fork_hook_add(struct fork_hook *h);
void fork_hook_remove(struct fork_hook *h);

#endif
