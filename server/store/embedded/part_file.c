#include "store/embedded/part_file.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "store/embedded/bytes.h"

/* --- writing ---------------------------------------------------------------------------------- */

static char *suffixed(const char *path, const char *suffix)
{
    struct buf b = BUF_MAX(1 << 16);
    buf_puts(&b, path);
    buf_puts(&b, suffix);
    return buf_take(&b, NULL);
}

static void put_header(struct part_file *f, const struct part_file_header *header)
{
    char at[PART_FILE_HEADER];
    memcpy(at, header->magic, PART_FILE_MAGIC);
    write_u32(at + 8, header->table);
    write_u32(at + 12, header->word);
    write_u64(at + 16, (uint64_t)header->day);
    write_u64(at + 24, hash_bytes(at, 24));
    buf_put(&f->out, at, sizeof at);
}

int part_file_begin(struct part_file *f, const struct fs *fs, const char *dir, const char *name,
                    const struct part_file_header *header, size_t max_buffer, struct err *err)
{
    *f = (struct part_file){.fs = fs, .dir = str_dup(str_c(dir)), .path = fs_join(dir, name)};
    buf_init(&f->out, max_buffer);
    f->tmp = f->path ? suffixed(f->path, ".tmp") : NULL;
    if (!f->dir || !f->tmp)
        return err_set(err, ERR_NOMEM, "write a part: out of memory");
    int rc = fs_open(fs, f->tmp, FS_NEW, &f->file, err);
    if (rc == 0)
        put_header(f, header);
    return rc;
}

int part_file_flush(struct part_file *f, struct err *err)
{
    if (buf_failed(&f->out))
        return err_set(err, ERR_NOMEM, "write %s: out of memory", f->path);
    int rc = fs_write_at(&f->file, f->out.p, f->out.n, f->written, err);
    if (rc == 0) {
        f->written += f->out.n;
        buf_reset(&f->out);
    }
    return rc;
}

int part_file_finish(struct part_file *f, char footer[PART_FILE_FOOTER], const char *magic,
                     struct err *err)
{
    memcpy(footer, magic, PART_FILE_MAGIC);
    write_u64(footer + 112, part_file_position(f) + PART_FILE_FOOTER);
    write_u64(footer + 120, hash_bytes(footer, 120));
    buf_put(&f->out, footer, PART_FILE_FOOTER);
    int rc = part_file_flush(f, err);
    if (rc == 0)
        rc = fs_sync(&f->file, err);
    if (rc == 0)
        rc = fs_rename(f->fs, f->tmp, f->path, err);
    if (rc != 0)
        return rc;
    f->finished = true;
    return fs_sync_dir(f->fs, f->dir, err);
}

void part_file_done(struct part_file *f)
{
    bool opened = f->file.fs != NULL;
    (void)fs_close(&f->file, NULL); // synced before it counted
    if (opened && !f->finished)
        (void)fs_remove(f->fs, f->tmp, NULL); // else the next start removes it
    buf_done(&f->out);
    free(f->dir);
    free(f->path);
    free(f->tmp);
}

/* --- reading ---------------------------------------------------------------------------------- */

int part_file_map(const struct fs *fs, const char *path, const char **out, size_t *out_size,
                  struct err *err)
{
    struct fs_file f = {0};
    const void *map = NULL;
    int rc = fs_open(fs, path, FS_READ, &f, err);
    if (rc != 0)
        return rc;
    rc = fs_map(&f, &map, out_size, err);
    (void)fs_close(&f, NULL); // read-only: nothing to lose
    *out = map;
    return rc;
}

static int damaged(const char *path, struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "%s: %s", path, what);
}

int part_file_check(const char *path, const char *map, size_t size, const char *magic,
                    struct err *err)
{
    enum { VERSION = PART_FILE_MAGIC - 1 };
    if (size < PART_FILE_HEADER + PART_FILE_FOOTER)
        return damaged(path, err, "is cut short");
    if (memcmp(map, magic, VERSION) != 0)
        return damaged(path, err, "is not a part of this kind, or its start is damaged");
    if (read_u64(map + 24) != hash_bytes(map, 24))
        return damaged(path, err, "the header does not match its checksum");
    if (map[VERSION] != magic[VERSION])
        return err_set(err, ERR_UNSUPPORTED, "%s: format version %d; this program reads version %d",
                       path, map[VERSION], magic[VERSION]);
    const char *footer = map + size - PART_FILE_FOOTER;
    if (memcmp(footer, magic, PART_FILE_MAGIC) != 0 || read_u64(footer + 112) != size ||
        read_u64(footer + 120) != hash_bytes(footer, 120))
        return damaged(path, err, "the footer does not match its checksum");
    return 0;
}
