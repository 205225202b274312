/* Checking the write-ahead log: every record, and that rows follow the definition of their stream.
 */
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/embedded/check.h"
#include "store/embedded/wal.h"
#include "store/embedded/wal_record.h"

struct log_check {
    struct arena arena;
    roaring_bitmap_t *defined; /* ids, in this segment */
    uint64_t rows, orphans;
    bool chunks; /* records are chunks of spans or log records */
};

static int on_stream(void *arg, uint32_t id, const struct labels *labels)
{
    struct log_check *l = arg;
    (void)labels;
    roaring_bitmap_add(l->defined, id);
    return 0;
}

static int on_row(void *arg, uint32_t id, const struct sample *sample)
{
    struct log_check *l = arg;
    (void)sample;
    l->rows++;
    l->orphans += !roaring_bitmap_contains(l->defined, id);
    return 0;
}

static int on_exemplar(void *arg, uint32_t id, const struct exemplar *e)
{
    (void)arg, (void)id, (void)e;
    return 0;
}

static int on_metadata(void *arg, const struct metric_metadata *m)
{
    (void)arg, (void)m;
    return 0;
}

static int on_record(void *arg, struct str payload, uint64_t at)
{
    (void)at;
    struct log_check *l = arg;
    const struct wal_visitor visitor = {l, on_stream, on_row, NULL, on_exemplar, on_metadata};
    arena_reset(&l->arena);
    if (l->chunks)
        return check_chunks(payload, &l->rows);
    return wal_read_record(payload, &l->arena, &visitor);
}

static void tell(struct check *c, const char *path, const struct wal_replay *got,
                 const struct log_check *l, bool last)
{
    if (got->bad_header)
        check_damage(c, path, "the header is damaged; nothing of it can be replayed");
    else if (got->damaged)
        check_damage(c, path, "%llu damaged places; %llu bytes are lost",
                     (unsigned long long)got->damaged, (unsigned long long)got->dropped_bytes);
    else if (got->torn && !last)
        check_damage(c, path, "ends in the middle of a record; %llu bytes are lost",
                     (unsigned long long)got->dropped_bytes);
    else if (got->torn)
        check_remark(c, path,
                     "ends in the middle of a record, as after a crash; it was not acknowledged");
    if (l->orphans)
        check_damage(c, path, "%llu rows without the definition of their stream",
                     (unsigned long long)l->orphans);
}

static int check_segment(struct check *c, struct log_check *l, const char *dir, uint32_t segment,
                         bool last)
{
    struct wal_replay got;
    char name[32];
    (void)snprintf(name, sizeof name, "%08x.wal", (unsigned)segment); // always fits
    char *path = fs_join(dir, name);
    if (!path)
        return err_set(c->err, ERR_NOMEM, "check: out of memory");
    roaring_bitmap_clear(l->defined);
    l->rows = l->orphans = 0;
    int rc = wal_replay_segment(c->fs, dir, segment, on_record, l, &got, c->err);
    if (rc == 0)
        tell(c, path, &got, l, last);
    c->totals->segments++;
    c->totals->files++;
    c->totals->bytes += got.bytes;
    c->totals->records += got.records;
    c->totals->log_rows += l->rows;
    free(path);
    return rc;
}

int check_log(struct check *c, const char *dir, bool records)
{
    struct log_check l = {.defined = roaring_bitmap_create(), .chunks = records};
    uint32_t *v = NULL;
    size_t n = 0;
    arena_init(&l.arena, 512 << 20);
    int rc = l.defined ? wal_list(c->fs, dir, &v, &n, c->err)
                       : err_set(c->err, ERR_NOMEM, "check: out of memory");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (i && v[i] != v[i - 1] + 1)
            check_damage(c, dir, "segments %08x to %08x are missing", (unsigned)v[i - 1] + 1,
                         (unsigned)v[i] - 1);
        rc = check_segment(c, &l, dir, v[i], i + 1 == n);
    }
    free(v);
    arena_done(&l.arena);
    if (l.defined)
        roaring_bitmap_free(l.defined);
    return rc;
}
