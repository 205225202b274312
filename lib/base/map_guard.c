/* The handler may run in any thread at any moment, so it takes no lock: entries are never freed,
 * and what it needs of one is atomic. An entry that is being removed cannot fault: its owner is the
 * one who would have to look at it. */
#include "base/map_guard.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/err.h"
#include "base/lock.h"

struct entry {
    atomic_uintptr_t from; /* 0: free */
    atomic_size_t n;
    struct entry *next;      /* set before the entry is published */
    struct entry *next_free; /* guarded by `lock` */
};

static struct lock lock = LOCK_INIT(LOCK_LEAF);
static _Atomic(struct entry *) entries;
static struct entry *free_entries; /* guarded by `lock` */
static struct sigaction before;
static uintptr_t page_size;
static atomic_ullong faults;

uint64_t map_guard_faults(void)
{
    return atomic_get_acquire(&faults); // pairs with the release in replace_page
}

/* --- the handler ------------------------------------------------------------------------------ */

static bool is_guarded(uintptr_t at)
{
    /* Pairs with the release in new_entry. */
    for (struct entry *e = atomic_get_acquire(&entries); e; e = e->next) {
        uintptr_t from = atomic_get_relaxed(&e->from);
        if (from && at >= from && at - from < atomic_get_relaxed(&e->n))
            return true;
    }
    return false;
}

static bool replace_page(uintptr_t at)
{
    uintptr_t page = at & ~(page_size - 1);
    void *p =
        mmap((void *)page, page_size, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    /* The release orders the new page before the count. */
    (void)atomic_fetch_add_explicit(&faults, 1, memory_order_release);
    return true;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    (void)number, (void)context;
    if (is_guarded(at) && replace_page(at))
        return;
    /* Not ours: the access is repeated on return and meets what was there before us. */
    (void)sigaction(SIGBUS, &before, NULL);
}

/* --- the list --------------------------------------------------------------------------------- */

/* Asked each time, for another library may have taken the signal meanwhile. */
static void install(void)
{
    struct sigaction ours = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct sigaction now;
    if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO &&
        now.sa_sigaction == on_sigbus)
        return;
    long size = sysconf(_SC_PAGESIZE);
    page_size = size > 0 ? (uintptr_t)size : 4096;
    before = now;
    (void)sigaction(SIGBUS, &ours, NULL); // fails for a wrong number only
}

static struct entry *new_entry(void)
{
    struct entry *e = free_entries;
    if (e) {
        free_entries = e->next_free;
        return e;
    }
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->next = atomic_get_relaxed(&entries);
    atomic_set_release(&entries, e); // pairs with the acquire in is_guarded
    return e;
}

int map_guard_add(const void *p, size_t n)
{
    lock_take(&lock);
    install();
    struct entry *e = new_entry();
    if (e) {
        atomic_set_relaxed(&e->n, n);
        atomic_set_relaxed(&e->from, (uintptr_t)p); // whoever faults has p, and so came after
    }
    lock_give(&lock);
    return e ? 0 : ERR_NOMEM;
}

void map_guard_remove(const void *p)
{
    lock_take(&lock);
    struct entry *e = atomic_get_relaxed(&entries);
    while (e && atomic_get_relaxed(&e->from) != (uintptr_t)p)
        e = e->next;
    if (e) {
        atomic_set_relaxed(&e->from, 0);
        e->next_free = free_entries;
        free_entries = e;
    }
    lock_give(&lock);
}
