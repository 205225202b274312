/* Replaying a segment of the log: record by record, over damage to the next sound one. */
#include <stdlib.h>

#include "base/compiler.h"
#include "log/log.h"
#include "store/embedded/bytes.h"
#include "store/embedded/wal_segment.h"

/* WINDOW stays in the cache of a core while the records in it are read. Where records are passed
 * over that are longer than FAR, so little is read of each. */
enum { WINDOW = 256 << 10, FAR = 16 << 10, LITTLE = 64 };

/* A file seen through a window that moves forward. */
struct window {
    struct fs_file file;
    uint64_t size, at; /* of the file; where the window begins */
    char *p;
    size_t n, cap;
    size_t ahead; /* to read at least */
    struct err *err;
    int rc;
};

/* Bytes [at, at + n) of the file, n within its size; NULL (and rc) when it cannot be read. */
static const char *look(struct window *w, uint64_t at, size_t n)
{
    if (at >= w->at && at + n <= w->at + w->n)
        return w->p + (at - w->at);
    size_t want = (size_t)MIN(w->size - at, (uint64_t)MAX(n, w->ahead));
    if (want > w->cap) {
        char *p = realloc(w->p, want);
        if (!p) {
            w->rc = err_set(w->err, ERR_NOMEM, "replay %s: out of memory", w->file.path);
            return NULL;
        }
        w->p = p;
        w->cap = want;
    }
    w->at = at;
    w->rc = fs_read_at(&w->file, w->p, want, at, &w->n, w->err);
    if (w->rc == 0 && w->n < n)
        w->rc = err_set(w->err, ERR_IO, "replay %s: the file shrank", w->file.path);
    return w->rc == 0 ? w->p : NULL;
}

/* Whether what may be a whole record begins at `at`, of so many bytes. */
static bool header_at(struct window *w, uint64_t at, size_t *out_n)
{
    if (w->size - at < WAL_RECORD_HEADER)
        return false;
    const char *p = look(w, at, WAL_RECORD_HEADER);
    if (!p || read_u32(p) != WAL_RECORD_MAGIC)
        return false;
    *out_n = read_u32(p + 4);
    return *out_n <= WAL_RECORD_MAX && *out_n <= w->size - at - WAL_RECORD_HEADER;
}

/* The payload of a whole record at `at`; p == NULL when there is none. */
static struct str record_at(struct window *w, uint64_t at, uint64_t nonce)
{
    size_t n;
    w->ahead = WINDOW;
    if (!header_at(w, at, &n))
        return (struct str){0};
    const char *p = look(w, at, WAL_RECORD_HEADER + n);
    if (!p || read_u64(p + 8) != wal_checksum(p + WAL_RECORD_HEADER, n, nonce))
        return (struct str){0};
    return str_of(p + WAL_RECORD_HEADER, n);
}

/* The next whole record behind damage, or the end of the file. Tries only where the magic stands.
 */
static uint64_t resync(struct window *w, uint64_t at, uint64_t nonce)
{
    char magic[4];
    write_u32(magic, WAL_RECORD_MAGIC);
    for (at++; w->rc == 0 && at + WAL_RECORD_HEADER <= w->size; at++) {
        size_t n = (size_t)MIN(w->size - at, (uint64_t)WINDOW / 4);
        const char *p = look(w, at, n);
        if (!p)
            break;
        size_t found = str_find(str_of(p, n), str_of(magic, sizeof magic));
        if (found == n) {
            at += n - sizeof magic; // the magic may begin in the last three bytes
            continue;
        }
        at += found;
        if (record_at(w, at, nonce).p)
            return at;
    }
    return w->size;
}

static bool read_header(struct window *w, uint32_t segment, uint64_t *out_nonce)
{
    const char *p = w->size >= WAL_SEGMENT_HEADER ? look(w, 0, WAL_SEGMENT_HEADER) : NULL;
    return p && wal_read_header(p, segment, out_nonce);
}

static void skip_damage(struct window *w, uint64_t *at, uint64_t nonce, struct wal_replay *out)
{
    uint64_t next = resync(w, *at, nonce);
    if (next == w->size)
        out->torn = true;
    else
        out->damaged++;
    out->dropped_bytes += next - *at;
    *at = next;
}

/* Moves on behind a record that the reader does not need. */
static bool pass(struct window *w, const struct wal_reader *reader, uint64_t *at)
{
    size_t n, next;
    if (!reader->pass || !header_at(w, *at, &n))
        return false;
    uint64_t payload = *at + WAL_RECORD_HEADER;
    size_t glance = MIN(n, (size_t)WAL_GLANCE);
    const char *p = look(w, *at, WAL_RECORD_HEADER + glance);
    if (!p || !reader->pass(reader->arg, str_of(p + WAL_RECORD_HEADER, glance), payload))
        return false;
    w->ahead = n > FAR ? LITTLE : WINDOW;
    if (payload + n < w->size && !header_at(w, payload + n, &next))
        return false;
    *at = payload + n;
    return true;
}

static int replay(struct window *w, uint64_t nonce, const struct wal_reader *reader,
                  struct wal_replay *out)
{
    uint64_t at = reader->from ? reader->from : WAL_SEGMENT_HEADER;
    while (at < w->size && w->rc == 0) {
        if (pass(w, reader, &at))
            continue;
        if (w->rc != 0)
            break;
        struct str payload = record_at(w, at, nonce);
        if (w->rc != 0)
            break;
        if (!payload.p) {
            skip_damage(w, &at, nonce, out);
            continue;
        }
        int rc = reader->each(reader->arg, payload, at + WAL_RECORD_HEADER);
        if (rc < 0 && rc != ERR_CORRUPT)
            return rc;
        out->damaged += rc == ERR_CORRUPT;
        out->records += rc != ERR_CORRUPT;
        out->dropped_bytes += rc == ERR_CORRUPT ? payload.n : 0;
        at += WAL_RECORD_HEADER + payload.n;
    }
    return w->rc;
}

int wal_read_segment(const struct fs *fs, const char *dir, uint32_t segment,
                     const struct wal_reader *reader, struct wal_replay *out, struct err *err)
{
    *out = (struct wal_replay){0};
    char *path = wal_segment_path(dir, segment);
    if (!path)
        return err_set(err, ERR_NOMEM, "replay: out of memory");
    struct window w = {.ahead = WINDOW, .err = err};
    uint64_t nonce = 0;
    int rc = fs_open(fs, path, FS_READ, &w.file, err);
    if (rc == 0)
        rc = fs_size(&w.file, &w.size, err);
    if (reader->upto)
        w.size = MIN(w.size, reader->upto);
    if (rc == 0 && read_header(&w, segment, &nonce)) {
        rc = replay(&w, nonce, reader, out);
    } else if (rc == 0) {
        rc = w.rc;
        out->bad_header = w.size >= WAL_SEGMENT_HEADER; // shorter: it was never begun
        out->dropped_bytes = w.size;
    }
    out->bytes = w.size;
    (void)fs_close(&w.file, NULL); // read-only: nothing to lose
    free(w.p);
    free(path);
    return rc;
}

int wal_replay_segment(const struct fs *fs, const char *dir, uint32_t segment,
                       int (*each)(void *arg, struct str payload, uint64_t at), void *arg,
                       struct wal_replay *out, struct err *err)
{
    const struct wal_reader all = {.arg = arg, .each = each};
    return wal_read_segment(fs, dir, segment, &all, out, err);
}

static int cut(const struct fs *fs, const char *path, uint64_t size, bool durable, struct err *err)
{
    struct fs_file f;
    int rc = fs_open(fs, path, FS_WRITE, &f, err);
    if (rc != 0)
        return rc;
    rc = fs_truncate(&f, size, err);
    if (rc == 0 && durable)
        rc = fs_sync(&f, err);
    (void)fs_close(&f, NULL); // as durable as asked for
    return rc;
}

void wal_cut_torn(const struct fs *fs, const char *dir, uint32_t segment,
                  const struct wal_replay *got, bool durable)
{
    if (!got->torn || got->damaged)
        return;
    struct err err = {0};
    char *path = wal_segment_path(dir, segment);
    int rc = path ? cut(fs, path, got->bytes - got->dropped_bytes, durable, &err) : ERR_NOMEM;
    if (rc != 0)
        log_warn("store", "the last record of the log is not whole and could not be cut off",
                 LOG_INT("segment", segment), LOG_STR("error", err.message));
    free(path);
}
