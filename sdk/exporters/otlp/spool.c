/* Files are numbered in their order; a file is written under another name and renamed when whole.
 *
 * Two threads may be at work: one that appends, and for that drops the oldest, and one that takes
 * the oldest and sends it. So that no request is both dropped and sent each claims the file it is
 * at, and the other passes over that. The lock guards numbers alone, not the work on files. A claim
 * may come too late, when the file has just gone; then opening it fails, and the next one is looked
 * for.
 *
 * A process holds a lock of its part (flock), which ends with it however it ends; the next process
 * that opens the folder finds the part free and goes on with what is there. */
#include "otlp/spool.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "otlp/spool_dir.h"

static const size_t FILE_MAX = (size_t)1 << 30;

struct otlp_spool {
    char *folder, *name; /* owned */
    uint64_t bytes_max;
    size_t request_max;
    struct spool_part part;
    pthread_mutex_t lock;    /* guards what follows; own claims and next are read without */
    uint64_t first, next;    /* files have numbers from first on, below next; some may be gone */
    uint64_t taken, dropped; /* claims; 0: none */
    tt_otlp_state state;
    uint64_t own_from;        /* files before it are of another process */
    uint64_t delivered, lost; /* items of own files */
};

/* --- claims ---------------------------------------------------------------------------------- */

/* Claims the oldest file but for the other's one. 0 when there is none. */
static uint64_t claim(struct otlp_spool *s, uint64_t *own, const uint64_t *other)
{
    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        uint64_t from = s->first, next = s->next, seen = *other;
        (void)pthread_mutex_unlock(&s->lock);
        uint64_t number = spool_part_find(&s->part, from, next);
        if (number && number == seen)
            number = spool_part_find(&s->part, number + 1, next);
        (void)pthread_mutex_lock(&s->lock);
        if (number == *other && number)
            continue; // the other was quicker
        *own = number;
        break;
    }
    uint64_t number = *own;
    (void)pthread_mutex_unlock(&s->lock);
    return number;
}

static void unclaim(struct otlp_spool *s, uint64_t *own)
{
    (void)pthread_mutex_lock(&s->lock);
    *own = 0;
    (void)pthread_mutex_unlock(&s->lock);
}

enum end { SENT, LOST, DAMAGED };

/* Removes the claimed file. */
static void finish(struct otlp_spool *s, uint64_t *own, uint64_t bytes, size_t items, enum end end)
{
    uint64_t number = *own;
    spool_part_remove(&s->part, number);
    (void)pthread_mutex_lock(&s->lock);
    if (number == s->first)
        s->first++;
    s->state.waiting_requests -= MIN(s->state.waiting_requests, 1);
    s->state.waiting_bytes -= MIN(s->state.waiting_bytes, bytes);
    s->state.dropped_items += end == LOST ? items : 0;
    s->state.damaged_files += end == DAMAGED;
    if (number >= s->own_from) {
        s->delivered += end == SENT ? items : 0;
        s->lost += end == LOST ? items : 0;
    }
    *own = 0;
    (void)pthread_mutex_unlock(&s->lock);
    if (end == DAMAGED)
        tt_problem_tell(TT_PROBLEM_EXPORT, "a file of the OTLP buffer is damaged", NULL);
}

enum loaded { WHOLE, BROKEN, NO_MEMORY };

static enum loaded load(struct otlp_spool *s, uint64_t number, uint64_t bytes, struct buf *request,
                        size_t *items)
{
    struct buf file = BUF_MAX(FILE_MAX);
    size_t max = MIN(s->request_max + s->request_max / 128 + 1024, FILE_MAX - 1);
    bool ok = bytes <= max && spool_part_read(&s->part, number, (size_t)bytes, &file) &&
              otlp_spool_decode(buf_str(&file), s->request_max, request, items);
    bool no_memory = buf_failed(&file) || buf_failed(request);
    buf_done(&file);
    return ok ? WHOLE : no_memory ? NO_MEMORY : BROKEN;
}

/* --- appending ------------------------------------------------------------------------------- */

/* False when there is nothing to drop, or no memory to look at it. */
static bool drop_oldest(struct otlp_spool *s)
{
    uint64_t bytes = 0;
    size_t items = 0;
    if (!claim(s, &s->dropped, &s->taken))
        return false;
    if (!spool_part_has(&s->part, s->dropped, &bytes)) {
        unclaim(s, &s->dropped); // it was sent meanwhile
        return true;
    }
    struct buf request = BUF_MAX(s->request_max + 1);
    enum loaded loaded = load(s, s->dropped, bytes, &request, &items);
    buf_done(&request);
    if (loaded == NO_MEMORY) {
        unclaim(s, &s->dropped);
        return false;
    }
    finish(s, &s->dropped, bytes, items, loaded == WHOLE ? LOST : DAMAGED);
    tt_problem_tell(TT_PROBLEM_LIMIT, "the OTLP buffer is full, its oldest requests are lost",
                    NULL);
    return true;
}

static uint64_t waiting_bytes(struct otlp_spool *s)
{
    (void)pthread_mutex_lock(&s->lock);
    uint64_t bytes = s->state.waiting_bytes;
    (void)pthread_mutex_unlock(&s->lock);
    return bytes;
}

/* None is left, whatever was counted: somebody else removed files. */
static void count_afresh(struct otlp_spool *s, uint64_t seen_next)
{
    (void)pthread_mutex_lock(&s->lock);
    if (s->next == seen_next && !s->taken && !s->dropped)
        s->state.waiting_requests = s->state.waiting_bytes = 0;
    (void)pthread_mutex_unlock(&s->lock);
}

static bool make_room(struct otlp_spool *s, size_t n)
{
    while (waiting_bytes(s) + n > s->bytes_max) {
        if (drop_oldest(s))
            continue;
        count_afresh(s, s->next);
        return waiting_bytes(s) + n <= s->bytes_max;
    }
    return true;
}

static int append_file(struct otlp_spool *s, struct str file)
{
    if (file.n > s->bytes_max || !make_room(s, file.n)) {
        tt_problem_tell(TT_PROBLEM_LIMIT, "the OTLP buffer is too small for a request", NULL);
        return TT_ERR_LIMIT;
    }
    if (!spool_part_write(&s->part, s->next, file)) { // only this thread changes next
        tt_problem_tell(TT_PROBLEM_EXPORT, "a file of the OTLP buffer could not be written", NULL);
        return TT_ERR_IO;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->next++;
    s->state.waiting_requests++;
    s->state.waiting_bytes += file.n;
    (void)pthread_mutex_unlock(&s->lock);
    return TT_OK;
}

int otlp_spool_append(struct otlp_spool *s, struct str request, size_t items)
{
    struct buf file = BUF_MAX(FILE_MAX);
    int rc = TT_ERR_NOMEM;
    if (otlp_spool_encode(&file, request, items))
        rc = append_file(s, buf_str(&file));
    buf_done(&file);
    return rc;
}

/* --- taking ---------------------------------------------------------------------------------- */

bool otlp_spool_is_waiting(struct otlp_spool *s)
{
    tt_otlp_state state;
    otlp_spool_state(s, &state);
    return state.waiting_requests > 0;
}

void otlp_spool_state(struct otlp_spool *s, tt_otlp_state *out)
{
    (void)pthread_mutex_lock(&s->lock);
    *out = s->state;
    (void)pthread_mutex_unlock(&s->lock);
}

void otlp_spool_became(struct otlp_spool *s, uint64_t *out_delivered, uint64_t *out_lost)
{
    (void)pthread_mutex_lock(&s->lock);
    *out_delivered = s->delivered;
    *out_lost = s->lost;
    (void)pthread_mutex_unlock(&s->lock);
}

bool otlp_spool_first(struct otlp_spool *s, struct otlp_spooled *out)
{
    for (;;) {
        *out = (struct otlp_spooled){.request = BUF_MAX(s->request_max + 1)};
        (void)pthread_mutex_lock(&s->lock);
        uint64_t next = s->next;
        (void)pthread_mutex_unlock(&s->lock);
        out->number = claim(s, &s->taken, &s->dropped);
        if (!out->number) {
            count_afresh(s, next);
            return false;
        }
        if (!spool_part_has(&s->part, out->number, &out->bytes)) {
            unclaim(s, &s->taken); // it was dropped meanwhile
            continue;
        }
        enum loaded loaded = load(s, out->number, out->bytes, &out->request, &out->items);
        if (loaded == WHOLE)
            return true;
        buf_done(&out->request);
        if (loaded == NO_MEMORY) {
            unclaim(s, &s->taken);
            return false;
        }
        finish(s, &s->taken, out->bytes, 0, DAMAGED);
    }
}

void otlp_spool_put_back(struct otlp_spool *s, struct otlp_spooled *one)
{
    buf_done(&one->request);
    unclaim(s, &s->taken);
}

void otlp_spool_remove(struct otlp_spool *s, struct otlp_spooled *one, bool delivered)
{
    buf_done(&one->request);
    finish(s, &s->taken, one->bytes, one->items, delivered ? SENT : LOST);
}

/* --- opening --------------------------------------------------------------------------------- */

static bool open_part(struct otlp_spool *s)
{
    if (!spool_part_open(&s->part, s->folder, s->name))
        return false;
    struct spool_found found = spool_part_scan(&s->part, 1);
    s->next = found.last + 1;
    spool_part_adopt(&s->part, s->folder, s->name, &s->next);
    found = spool_part_scan(&s->part, 1);
    s->first = MAX(found.first, 1);
    s->own_from = s->next;
    s->delivered = s->lost = 0;
    s->state = (tt_otlp_state){.waiting_requests = found.count, .waiting_bytes = found.bytes};
    return make_room(s, 0);
}

int otlp_spool_open(const char *folder, const char *name, uint64_t bytes_max, size_t request_max,
                    struct otlp_spool **out)
{
    struct otlp_spool *s = calloc(1, sizeof *s);
    if (!s)
        return TT_ERR_NOMEM;
    (void)pthread_mutex_init(&s->lock, NULL); // cannot fail on Linux
    s->part = SPOOL_PART_NONE;
    s->folder = str_dup(str_c(folder));
    s->name = str_dup(str_c(name));
    s->bytes_max = bytes_max;
    s->request_max = request_max;
    int rc = !s->folder || !s->name ? TT_ERR_NOMEM : open_part(s) ? TT_OK : TT_ERR_IO;
    if (rc == TT_OK)
        *out = s;
    else
        otlp_spool_close(s);
    return rc;
}

void otlp_spool_close(struct otlp_spool *s)
{
    if (!s)
        return;
    spool_part_close(&s->part);
    (void)pthread_mutex_destroy(&s->lock);
    free(s->folder);
    free(s->name);
    free(s);
}

bool otlp_spool_renew(struct otlp_spool *s)
{
    (void)pthread_mutex_init(&s->lock, NULL); // whoever held it is the parent's
    s->taken = s->dropped = 0;
    spool_part_close(&s->part);
    return open_part(s);
}
