/* Opening and closing a record table, and its lists of heads and parts. */
#include "store/embedded/records/record_store.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/part.h"
#include "store/embedded/partitions.h"
#include "store/embedded/records/record_keep.h"

int64_t record_store_now_ms(const struct record_store *s)
{
    return s->now_unix_ms ? s->now_unix_ms() : time_now_unix_ms();
}

int64_t record_store_oldest_ns(struct record_store *s)
{
    struct record_keep k = record_keep_begin(s);
    int64_t least_ns = k.least_ns;
    record_keep_end(&k);
    return least_ns;
}

int record_store_set_limits(struct record_store *s, const struct record_limits *l, struct err *err)
{
    int rc = record_keep_set(s, l->retention_ms, l->rules, err);
    if (rc != 0)
        return rc;
    atomic_set_relaxed(&s->max_future_ms, l->max_future_ms);
    atomic_set_relaxed(&s->flush_after_ms, l->flush_after_ms);
    atomic_set_relaxed(&s->head_max_bytes, l->head_max_bytes);
    return 0;
}

/* --- heads ------------------------------------------------------------------------------------ */

void head_done(struct record_store *s, struct record_head *h)
{
    for (size_t i = 0; i < h->n; i++) {
        atomic_sub_relaxed(&s->head_bytes, h->chunks[i]->size);
        atomic_sub_relaxed(&s->head_rows, h->chunks[i]->n_rows);
        chunk_unref(h->chunks[i]);
    }
    free(h->chunks);
    *h = (struct record_head){0};
}

static bool grow(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return true;
    void *old;
    memcpy(&old, array, sizeof old);
    size_t bigger = *cap ? *cap * 2 : 8;
    void *v = realloc(old, bigger * size);
    if (!v)
        return false;
    memcpy(array, &v, sizeof v);
    *cap = bigger;
    return true;
}

static struct record_head *live_head(struct record_store *s, int64_t day)
{
    for (size_t i = 0; i < s->n_live; i++)
        if (s->live[i].day == day)
            return &s->live[i];
    if (!grow(&s->live, s->n_live, &s->cap_live, sizeof *s->live))
        return NULL;
    s->live[s->n_live] = (struct record_head){.day = day};
    return &s->live[s->n_live++];
}

int heads_add(struct record_store *s, int64_t day, struct chunk *c)
{
    lock_take(&s->lists);
    struct record_head *h = live_head(s, day);
    bool ok = h && grow(&h->chunks, h->n, &h->cap, sizeof(struct chunk *));
    if (ok)
        h->chunks[h->n++] = c;
    lock_give(&s->lists);
    if (!ok)
        return ERR_NOMEM;
    atomic_add_relaxed(&s->head_bytes, c->size);
    atomic_add_relaxed(&s->head_rows, c->n_rows);
    return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static int insert_part(struct record_store *s, struct record_part *p)
{
    if (!grow(&s->parts, s->n_parts, &s->cap_parts, sizeof(struct record_part *)))
        return ERR_NOMEM;
    size_t at = s->n_parts;
    while (at > 0 && (s->parts[at - 1]->day > p->day ||
                      (s->parts[at - 1]->day == p->day && s->parts[at - 1]->seq_lo > p->seq_lo)))
        at--;
    memmove(s->parts + at + 1, s->parts + at, (s->n_parts - at) * sizeof(struct record_part *));
    s->parts[at] = p;
    s->n_parts++;
    return 0;
}

int parts_add(struct record_store *s, struct record_part *p, struct record_head *head)
{
    struct record_head gone = {0};
    lock_take(&s->lists);
    int rc = insert_part(s, p);
    if (rc == 0 && head) {
        gone = *head;
        size_t at = (size_t)(head - s->frozen);
        memmove(head, head + 1, (s->n_frozen - at - 1) * sizeof *head);
        s->n_frozen--;
    }
    lock_give(&s->lists);
    head_done(s, &gone);
    return rc;
}

static void remove_file(struct record_store *s, const char *path)
{
    struct err err = {0};
    if (fs_remove(s->fs, path, &err) != 0)
        log_warn("store", "cannot remove a file that is no longer needed",
                 LOG_STR("error", err.message));
}

void parts_replace(struct record_store *s, struct record_part *const *old, size_t n,
                   struct record_part *merged)
{
    lock_take(&s->lists);
    size_t at = 0;
    while (at < s->n_parts && s->parts[at] != old[0])
        at++;
    bool there = at + n <= s->n_parts;
    if (there) {
        s->parts[at] = merged;
        memmove(s->parts + at + 1, s->parts + at + n,
                (s->n_parts - at - n) * sizeof(struct record_part *));
        s->n_parts -= n - 1;
    }
    lock_give(&s->lists);
    if (NEVER(!there)) { // all that takes parts away holds the merge lock
        record_part_unref(merged);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (atomic_get_relaxed(&old[i]->damaged) && strcmp(old[i]->path, merged->path) != 0)
            (void)record_damage_set_aside(s, old[i]->path, old[i]->day); // else it is superseded
        else if (strcmp(old[i]->path, merged->path) != 0)
            remove_file(s, old[i]->path);
        record_part_unref(old[i]);
    }
}

int parts_list(struct record_store *s, const int64_t *day, struct record_part ***out, size_t *out_n)
{
    size_t n = 0;
    lock_take(&s->lists);
    struct record_part **v = malloc((s->n_parts + 1) * sizeof(struct record_part *));
    for (size_t i = 0; v && i < s->n_parts; i++) {
        if (day && s->parts[i]->day != *day)
            continue;
        record_part_ref(s->parts[i]);
        v[n++] = s->parts[i];
    }
    lock_give(&s->lists);
    *out = v;
    *out_n = n;
    return v ? 0 : ERR_NOMEM;
}

void parts_list_free(struct record_part **v, size_t n)
{
    for (size_t i = 0; v && i < n; i++)
        record_part_unref(v[i]);
    free(v);
}

/* --- what is on disk -------------------------------------------------------------------------- */

int day_dir(struct record_store *s, int64_t day, bool make, char **out, struct err *err)
{
    char name[DAY_NAME_MAX];
    partition_format_day(name, day);
    char *path = fs_join(s->dir, name);
    if (!path)
        return err_set(err, ERR_NOMEM, "name the directory of a day: out of memory");
    int rc = make ? fs_make_dir(s->fs, path, err) : 0;
    if (rc == 0 && make)
        rc = fs_sync_dir(s->fs, s->dir, err);
    if (rc == 0)
        *out = path;
    else
        free(path);
    return rc;
}

struct found {
    char *path;
    uint64_t lo, hi;
};

/* Wider ranges first: a merged part comes before those it was made of. */
static int by_width(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    uint64_t w = x->hi - x->lo, v = y->hi - y->lo;
    if (w != v)
        return w > v ? -1 : 1;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int list_day(struct record_store *s, int64_t day, const char *dir, struct found **out,
                    size_t *out_n, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(s->fs, dir, &names, err);
    struct found *v = rc == 0 ? calloc(names.n + 1, sizeof *v) : NULL;
    size_t n = 0;
    for (size_t i = 0; v && i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        if (path && part_parse_name(names.v[i], &v[n].lo, &v[n].hi)) {
            v[n++].path = path;
            continue;
        }
        if (path && str_ends(str_c(path), STR(".tmp")))
            remove_file(s, path); // a write that a crash interrupted
        else if (path && str_ends(str_c(path), STR(RECORD_DAMAGED_ENDING)))
            record_damage_note_day(s, day); // until somebody removes the file
        free(path);
    }
    fs_names_done(&names);
    if (rc == 0 && !v)
        return err_set(err, ERR_NOMEM, "list %s: out of memory", dir);
    if (n > 1)
        qsort(v, n, sizeof *v, by_width);
    *out = v;
    *out_n = n;
    return rc;
}

static bool is_superseded(const struct record_store *s, int64_t day, const struct found *f)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->day == day && s->parts[i]->seq_lo <= f->lo && f->hi <= s->parts[i]->seq_hi)
            return true;
    return false;
}

static void set_aside(struct record_store *s, const char *path, int64_t day, const struct err *why)
{
    bool moved = record_damage_set_aside(s, path, day);
    atomic_add_relaxed(&s->damaged_parts, 1);
    log_error("store", moved ? "a damaged part is set aside" : "a damaged part is left out",
              LOG_STR("error", why->message));
}

static int open_part(struct record_store *s, int64_t day, const struct found *f, struct err *err)
{
    struct record_part *p = NULL;
    struct err why = {0};
    int rc = record_part_open(s->fs, f->path, &p, &why);
    if (rc == 0 &&
        (p->day != day || p->table != s->table || p->seq_lo != f->lo || p->seq_hi != f->hi)) {
        rc = err_set(&why, ERR_CORRUPT,
                     "%s: is of another table, day or sequence than its name says", f->path);
        record_part_unref(p);
    }
    if (rc == ERR_CORRUPT) {
        set_aside(s, f->path, day, &why);
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", why.message);
    if (p->seq_hi > atomic_get_relaxed(&s->seq))
        atomic_set_relaxed(&s->seq, p->seq_hi);
    rc = parts_add(s, p, NULL);
    if (rc != 0)
        record_part_unref(p);
    return rc == 0 ? 0 : err_set(err, rc, "list a part: out of memory");
}

static int open_day(struct record_store *s, int64_t day, const char *dir, struct err *err)
{
    struct found *found = NULL;
    size_t n = 0;
    int rc = list_day(s, day, dir, &found, &n, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0 && is_superseded(s, day, &found[i]))
            remove_file(s, found[i].path);
        else if (rc == 0)
            rc = open_part(s, day, &found[i], err);
        free(found[i].path);
    }
    free(found);
    return rc;
}

static int open_days(struct record_store *s, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(s->fs, s->dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        int64_t day;
        if (!partition_parse_day(names.v[i], &day))
            continue;
        char *dir = fs_join(s->dir, names.v[i]);
        rc = dir ? open_day(s, day, dir, err) : err_set(err, ERR_NOMEM, "out of memory");
        free(dir);
    }
    fs_names_done(&names);
    return rc;
}

/* --- opening and closing ---------------------------------------------------------------------- */

static int make_dirs(struct record_store *s, const char *dir, struct err *err)
{
    s->dir = fs_join(dir, record_table_name(s->table));
    s->wal_dir = s->dir ? fs_join(s->dir, "wal") : NULL;
    if (!s->wal_dir)
        return err_set(err, ERR_NOMEM, "open the store: out of memory");
    int rc = fs_make_dir(s->fs, s->dir, err);
    if (rc == 0)
        rc = fs_make_dir(s->fs, s->wal_dir, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, dir, err);
    return rc == 0 ? fs_sync_dir(s->fs, s->dir, err) : rc;
}

int record_store_open(const struct fs *fs, const char *dir, enum record_table table, bool durable,
                      const struct record_limits *limits, struct record_store **out,
                      struct err *err)
{
    struct record_store *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "open the store: out of memory");
    s->fs = fs;
    s->table = table;
    s->durable = durable;
    lock_init(&s->merge_lock,
              table == RECORD_SPANS ? LOCK_STORE_SPANS_MERGE : LOCK_STORE_LOGS_MERGE);
    lock_init(&s->table_lock, table == RECORD_SPANS ? LOCK_STORE_SPANS : LOCK_STORE_LOGS);
    rwlock_init(&s->gate, LOCK_STORE_GATE);
    lock_init(&s->lists, LOCK_STORE_HEADS);
    atomic_set_relaxed(&s->last_flush_mono_ns, time_now_mono_ns());
    int rc = record_store_set_limits(s, limits, err);
    if (rc == 0)
        rc = make_dirs(s, dir, err);
    if (rc == 0)
        rc = open_days(s, err);
    if (rc == 0)
        *out = s;
    else
        record_store_abandon(s);
    return rc;
}

void record_store_abandon(struct record_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_live; i++)
        head_done(s, &s->live[i]);
    for (size_t i = 0; i < s->n_frozen; i++)
        head_done(s, &s->frozen[i]);
    for (size_t i = 0; i < s->n_parts; i++)
        record_part_unref(s->parts[i]);
    append_buffers_free(s);
    record_keep_done(s);
    if (atomic_get_relaxed(&s->replayed))
        wal_done(&s->wal);
    free(s->live);
    free(s->frozen);
    free(s->parts);
    free(s->damaged_days);
    wal_losses_done(&s->losses);
    lock_done(&s->lists);
    rwlock_done(&s->gate);
    lock_done(&s->table_lock);
    lock_done(&s->merge_lock);
    free(s->dir);
    free(s->wal_dir);
    free(s);
}

/* --- replay ----------------------------------------------------------------------------------- */

struct replay {
    struct record_store *store;
    uint32_t segment;
    struct day_range
        days;        /* of the chunks of this segment; of those before it, until it has some */
    bool in_segment; /* `days` are of this segment */
    int64_t oldest_ns;
    uint64_t rows, damaged;
};

static void note_day(struct replay *r, int64_t day)
{
    if (!r->in_segment)
        r->days = NO_DAYS;
    r->in_segment = true;
    day_range_add(&r->days, day);
}

/* A segment of which nothing can be read came after those before it, and before now. */
static struct day_range lost_days(const struct replay *r)
{
    struct day_range days = r->days;
    if (!r->in_segment)
        day_range_add(&days, record_store_now_ms(r->store) / MS_PER_DAY);
    return days;
}

/* Invariant 2. */
static bool is_in_a_part(const struct record_store *s, int64_t day, uint32_t segment)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i]->day == day && segment < s->parts[i]->cut)
            return true;
    return false;
}

static int replay_record(void *arg, struct str payload)
{
    struct replay *r = arg;
    if (r->store->cancelled && atomic_get_relaxed(r->store->cancelled))
        return ERR_CANCELLED;
    for (size_t at = 0; at < payload.n;) {
        struct chunk *c = NULL;
        int rc = chunk_open(payload, &at, &c);
        if (rc != 0)
            return rc;
        int64_t day = day_of_ns(c->max_unix_ns);
        if (c->n_rows)
            note_day(r, day);
        bool keep =
            c->n_rows && c->max_unix_ns >= r->oldest_ns && !is_in_a_part(r->store, day, r->segment);
        uint32_t rows = c->n_rows;
        rc = keep ? heads_add(r->store, day, c) : 0;
        if (!keep || rc != 0)
            chunk_unref(c);
        if (rc != 0)
            return rc;
        r->rows += keep ? rows : 0;
    }
    return 0;
}

static int replay_segment(struct replay *r, uint32_t segment, bool last, uint64_t *out_bytes,
                          struct err *err)
{
    struct wal_replay got;
    r->segment = segment;
    r->in_segment = false;
    int rc =
        wal_replay_segment(r->store->fs, r->store->wal_dir, segment, replay_record, r, &got, err);
    if (rc != 0)
        return rc;
    *out_bytes += got.bytes;
    if (!(got.damaged || got.bad_header || (got.torn && !last)))
        return 0;
    atomic_add_relaxed(&r->store->wal_damaged_segments, 1);
    atomic_add_relaxed(&r->store->wal_damaged_bytes, got.dropped_bytes);
    wal_set_aside(r->store->fs, r->store->wal_dir, segment, lost_days(r), &r->store->losses);
    log_error("store", "a segment of the write-ahead log is damaged; its readable rest is kept",
              LOG_STR("table", record_table_name(r->store->table)), LOG_INT("segment", segment),
              LOG_INT("places", got.damaged), LOG_INT("dropped_bytes", got.dropped_bytes));
    return 0;
}

/* Parts know segments by number, so numbers are never used again. */
static uint32_t next_segment(const struct record_store *s, const uint32_t *v, size_t n)
{
    uint32_t next = n ? v[n - 1] + 1 : 1;
    for (size_t i = 0; i < s->n_parts; i++)
        next = MAX(next, s->parts[i]->cut);
    return next;
}

int record_store_replay(struct record_store *s, uint64_t *out_rows, struct err *err)
{
    struct replay r = {.store = s, .days = NO_DAYS, .oldest_ns = record_store_oldest_ns(s)};
    uint32_t *v = NULL;
    size_t n = 0;
    uint64_t bytes = 0;
    int rc = wal_losses_load(s->fs, s->wal_dir, &s->losses, err);
    if (rc == 0)
        rc = wal_list(s->fs, s->wal_dir, &v, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = replay_segment(&r, v[i], i + 1 == n, &bytes, err);
    if (rc == 0) {
        wal_init(&s->wal, s->fs, s->wal_dir, s->durable, next_segment(s, v, n));
        s->wal.old_bytes = bytes;
        rc = wal_begin(&s->wal, err);
        if (rc != 0)
            wal_done(&s->wal);
    }
    free(v);
    if (rc == 0) {
        *out_rows = r.rows;
        atomic_set_release(&s->replayed, true); // pairs with the acquire of appends and scans
    }
    return rc;
}
