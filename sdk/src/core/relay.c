#include "core/relay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/mutex.h"

enum { HEAD = 8, MARK = -1, RINGS_KNOWN = 4, RING_MIN = 1 << 12, RING_MAX = 1 << 30 };
enum { SHARES = 64 }; // the part of the records that are left which a writer takes at a time

struct ring {
    struct ring *next;                           /* guarded by the list's lock */
    bool owned;                                  /* by a living thread; guarded by the same */
    char *bytes;                                 /* owned */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) head; /* stored by the writer */
    uint64_t seen_tail;                          /* the writer's last look at tail */
    uint64_t room_at;                            /* where the reserved record begins */
    uint64_t wake_at;                            /* the head at which to look for the reader */
    _Atomic(uint64_t) written;                   /* records; counted by the writer */
    uint64_t granted;                            /* the number of them that the writer may reach */
    bool due;                                    /* the reader is to be woken, however full it is */
    _Alignas(CACHE_LINE) _Atomic(uint64_t) tail; /* stored by the reader */
    _Atomic(uint64_t) read;                      /* records; counted by the reader */
};

struct relay {
    struct relay *next;
    uint64_t id;            /* never used again */
    size_t cap;             /* of each ring, a power of two */
    size_t records;         /* of all rings at most, or RELAY_RECORDS_ANY */
    _Atomic(uint64_t) left; /* of these: neither in a ring nor granted to a writer */
    struct ring *rings;
    void (*wake)(void *arg);
    void *arg;
};

/* All relays and who owns which ring. */
static struct {
    struct mutex lock;
    struct relay *relays;
    uint64_t last_id;
} all = {.lock = MUTEX_INIT};

/* The rings of this thread. A relay's id tells whether it is still the same. */
struct known {
    uint64_t id;
    struct ring *ring;
};
static _Thread_local struct known known[RINGS_KNOWN];
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

/* --- threads and processes that come and go -------------------------------------------------- */

/* What the ring's writer has in hand of the limit. */
static COLD void give_back(struct relay *q, struct ring *r)
{
    if (q->records == RELAY_RECORDS_ANY)
        return;
    uint64_t written = atomic_get_relaxed(&r->written);
    atomic_add_relaxed(&q->left, r->granted - written);
    r->granted = written;
}

/* Under the lock. NULL when it was freed. */
static COLD struct relay *find_relay(uint64_t id)
{
    struct relay *q = all.relays;
    while (q && q->id != id)
        q = q->next;
    return q;
}

static COLD void leave_ring(struct known *k)
{
    struct relay *q = k->ring ? find_relay(k->id) : NULL;
    if (q) {
        give_back(q, k->ring);
        k->ring->owned = false;
    }
    *k = (struct known){0};
}

static COLD void end_thread(void *arg)
{
    (void)arg;
    mutex_lock(&all.lock);
    for (size_t i = 0; i < RINGS_KNOWN; i++)
        leave_ring(&known[i]);
    mutex_unlock(&all.lock);
}

static void before_fork(void)
{
    mutex_lock(&all.lock);
}

static void after_fork_in_parent(void)
{
    mutex_unlock(&all.lock);
}

static COLD void after_fork_in_child(void)
{
    for (struct relay *q = all.relays; q; q = q->next) {
        for (struct ring *r = q->rings; r; r = r->next) {
            atomic_set_relaxed(&r->tail, atomic_get_relaxed(&r->head));
            atomic_set_relaxed(&r->read, atomic_get_relaxed(&r->written));
            r->owned = false;
            if (q->records != RELAY_RECORDS_ANY)
                r->granted = atomic_get_relaxed(&r->written);
        }
        atomic_set_relaxed(&q->left, q->records);
    }
    memset(known, 0, sizeof known);
    mutex_unlock(&all.lock);
}

static COLD void prepare(void)
{
    usable = pthread_key_create(&thread_end, end_thread) == 0 &&
             pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

/* --- relays ---------------------------------------------------------------------------------- */

COLD struct relay *relay_new(size_t bytes, size_t records, void (*wake)(void *arg), void *arg)
{
    (void)pthread_once(&once, prepare);
    struct relay *q = usable ? calloc(1, sizeof *q) : NULL;
    if (!q)
        return NULL;
    q->cap = RING_MIN;
    while (q->cap < bytes && q->cap < RING_MAX)
        q->cap *= 2;
    q->records = records;
    q->left = records;
    q->wake = wake;
    q->arg = arg;
    mutex_lock(&all.lock);
    q->id = ++all.last_id;
    q->next = all.relays;
    all.relays = q;
    mutex_unlock(&all.lock);
    return q;
}

COLD void relay_free(struct relay *q)
{
    if (!q)
        return;
    mutex_lock(&all.lock);
    struct relay **at = &all.relays;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    mutex_unlock(&all.lock);
    for (struct ring *r = q->rings, *next; r; r = next) {
        next = r->next;
        free(r->bytes);
        free(r);
    }
    free(q);
}

/* --- rings ----------------------------------------------------------------------------------- */

static COLD struct ring *ring_new(const struct relay *q)
{
    struct ring *r = aligned_alloc(CACHE_LINE, sizeof *r);
    if (!r)
        return NULL;
    memset(r, 0, sizeof *r);
    r->granted = q->records == RELAY_RECORDS_ANY ? UINT64_MAX : 0;
    r->bytes = malloc(q->cap);
    if (r->bytes)
        return r;
    free(r);
    return NULL;
}

/* Under the lock: one that a thread left, or a new one. */
static COLD struct ring *take_ring(struct relay *q)
{
    struct ring *r = q->rings;
    while (r && r->owned)
        r = r->next;
    if (!r && (r = ring_new(q))) {
        r->next = q->rings;
        q->rings = r;
    }
    if (r)
        r->owned = true;
    return r;
}

static COLD struct ring *own_ring_slow(struct relay *q)
{
    struct ring *r = NULL;
    if (pthread_setspecific(thread_end, known) != 0)
        return NULL;
    mutex_lock(&all.lock);
    size_t at = 0;
    while (at < RINGS_KNOWN - 1 && known[at].ring && find_relay(known[at].id))
        at++;
    leave_ring(&known[at]);
    r = take_ring(q);
    if (r)
        known[at] = (struct known){q->id, r};
    mutex_unlock(&all.lock);
    if (r)
        q->wake(q->arg);
    return r;
}

static inline struct ring *own_ring(struct relay *q)
{
    for (size_t i = 0; i < RINGS_KNOWN; i++) {
        if (LIKELY(known[i].id == q->id))
            return known[i].ring;
    }
    return own_ring_slow(q);
}

static size_t padded(size_t n)
{
    return (HEAD + n + HEAD - 1) & ~(size_t)(HEAD - 1);
}

static void put_size(struct ring *r, size_t cap, uint64_t at, int64_t size)
{
    memcpy(r->bytes + (at & (cap - 1)), &size, sizeof size);
}

/* For the writer, which has none in hand: some of the records that are left. False: none are. Each
 * quarter of the limit that is reached has the reader woken. */
static COLD bool take_share(struct relay *q, struct ring *r)
{
    uint64_t left = atomic_get_relaxed(&q->left), share;
    do {
        if (!left)
            return false;
        share = MAX(left / SHARES, 1);
    } while (!atomic_compare_exchange_weak_explicit(&q->left, &left, left - share,
                                                    memory_order_relaxed, memory_order_relaxed));
    r->granted += share;
    uint64_t quarter = MAX(q->records / 4, 1), used = q->records - left;
    if (used / quarter != (used + share) / quarter)
        r->due = true, r->wake_at = 0; // when the record is there
    return true;
}

char *relay_reserve(struct relay *q, size_t n)
{
    struct ring *r = own_ring(q);
    size_t need = padded(n);
    if (!r || n > q->cap / 2)
        return NULL;
    if (UNLIKELY(atomic_get_relaxed(&r->written) >= r->granted) && !take_share(q, r))
        return NULL;
    uint64_t head = atomic_get_relaxed(&r->head), at = head;
    size_t before_end = q->cap - (size_t)(head & (q->cap - 1));
    if (need > before_end)
        at += before_end;
    if (at + need - r->seen_tail > q->cap) {
        r->seen_tail = atomic_get_acquire(&r->tail); // pairs with drain_ring: it is done with these
        if (at + need - r->seen_tail > q->cap)
            return NULL;
    }
    if (at != head)
        put_size(r, q->cap, head, MARK);
    r->room_at = at;
    return r->bytes + (at & (q->cap - 1)) + HEAD;
}

/* At each quarter that is written: while the reader is behind by that much it is woken, and again
 * when a wish was lost or came to nothing. */
static COLD void wake_reader(struct relay *q, struct ring *r, uint64_t head)
{
    size_t quarter = q->cap / 4;                 // so that three are left until the reader has come
    r->seen_tail = atomic_get_acquire(&r->tail); // as in relay_reserve
    bool behind = head - r->seen_tail >= quarter || r->due;
    r->due = false;
    r->wake_at = (behind ? head : r->seen_tail) + quarter;
    if (behind)
        q->wake(q->arg);
}

void relay_commit(struct relay *q, size_t n)
{
    struct ring *r = own_ring(q);
    uint64_t after = r->room_at + padded(n);
    put_size(r, q->cap, r->room_at, (int64_t)n);
    counter_add_own(&r->written);
    atomic_set_release(&r->head, after); // pairs with drain_ring
    if (UNLIKELY(after >= r->wake_at))
        wake_reader(q, r, after);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool drain_ring(struct relay *q, struct ring *r,
                       bool (*visit)(void *arg, const char *record, size_t n), void *arg)
{
    uint64_t tail = atomic_get_relaxed(&r->tail);
    uint64_t head = atomic_get_acquire(&r->head); // pairs with relay_commit
    bool more = true;
    while (more && tail != head) {
        int64_t size;
        size_t at = (size_t)(tail & (q->cap - 1));
        memcpy(&size, r->bytes + at, sizeof size);
        if (size == MARK) {
            tail += q->cap - at;
            continue;
        }
        atomic_set_release(&r->read, atomic_get_relaxed(&r->read) + 1); // pairs with relay_read
        if (q->records != RELAY_RECORDS_ANY)
            atomic_add_relaxed(&q->left, 1);
        more = visit(arg, r->bytes + at + HEAD, (size_t)size);
        tail += padded((size_t)size);
        atomic_set_release(&r->tail, tail); // pairs with relay_reserve
    }
    return more;
}

static struct ring *next_ring(struct relay *q, struct ring *r)
{
    mutex_lock(&all.lock);
    struct ring *next = r ? r->next : q->rings;
    mutex_unlock(&all.lock);
    return next;
}

void relay_drain(struct relay *q, bool (*visit)(void *arg, const char *record, size_t n), void *arg)
{
    struct ring *r = NULL;
    while ((r = next_ring(q, r)) && drain_ring(q, r, visit, arg)) {
    }
}

/* --- counting -------------------------------------------------------------------------------- */

COLD void relay_read(struct relay *q, tt_pipeline *p)
{
    uint64_t rings = 0;
    for (struct ring *r = NULL; (r = next_ring(q, r)); rings++) {
        uint64_t read = atomic_get_acquire(&r->read); // pairs with drain_ring: written before
        uint64_t written = atomic_get_relaxed(&r->written);
        p->queued_ever += written;
        p->queued += written - read;
        p->bytes_ever += atomic_get_relaxed(&r->head);
    }
    p->bytes_max = MAX(rings, 1) * q->cap;
    p->queued_max = (uint32_t)MIN(q->records, UINT32_MAX);
}
