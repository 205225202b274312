/* Opening and closing a record table, and its lists of heads and parts. */
#include "store/embedded/records/record_store.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
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

static void head_done(struct record_store *s, struct record_head *h)
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
        bool damaged = atomic_get_relaxed(&old[i]->damaged);
        bool renewed = strcmp(old[i]->path, merged->path) == 0;
        if (damaged && renewed)
            record_damage_note_day(s, old[i]->day); // the merge kept the file aside
        else if (damaged)
            (void)record_damage_set_aside(s, old[i]->path, old[i]->day); // else it is superseded
        else if (!renewed)
            table_file_remove(s->fs, old[i]->path);
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

static bool is_superseded(const struct record_store *s, int64_t day, const struct day_part *f)
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

static int open_part(struct record_store *s, int64_t day, const struct day_part *f, struct err *err)
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

static int open_day(void *arg, int64_t day, const char *dir, struct err *err)
{
    struct record_store *s = arg;
    struct day_parts found = {0};
    int rc = day_parts_list(s->fs, dir, &found, err);
    if (found.aside)
        record_damage_note_day(s, day); // until somebody removes the file
    for (size_t i = 0; rc == 0 && i < found.n; i++) {
        if (is_superseded(s, day, &found.v[i]))
            table_file_remove(s->fs, found.v[i].path);
        else
            rc = open_part(s, day, &found.v[i], err);
    }
    day_parts_done(&found);
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
        rc = day_dir_each(s->fs, s->dir, open_day, s, err);
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
