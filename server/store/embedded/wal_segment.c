#include "store/embedded/wal_segment.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "store/embedded/bytes.h"

/* Header of a segment: magic, number, nonce, checksum of these. Of a record: magic, size of the
 * payload, checksum of the payload seeded with nonce and size. */
static const char segment_magic[8] = "ttwal\0\0\1";
enum { NAME_MAX_ = 32 };

char *wal_segment_path(const char *dir, uint32_t segment)
{
    char name[NAME_MAX_];
    (void)snprintf(name, sizeof name, "%08x.wal", (unsigned)segment); // always fits
    return fs_join(dir, name);
}

static bool parse_name(const char *name, uint32_t *out)
{
    struct str text = str_c(name);
    uint64_t v = 0;
    if (text.n != sizeof "00000000.wal" - 1 || !str_ends(text, STR(".wal")) ||
        num_parse_hex(str_sub(text, 0, 8), &v) != 0 || v == 0)
        return false;
    *out = (uint32_t)v;
    return true;
}

int wal_list(const struct fs *fs, const char *dir, uint32_t **out, size_t *out_n, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(fs, dir, &names, err);
    if (rc != 0)
        return rc;
    uint32_t *v = malloc((names.n + 1) * sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < names.n; i++)
        n += parse_name(names.v[i], &v[n]); // names are sorted, and so are the numbers
    fs_names_done(&names);
    if (!v)
        return err_set(err, ERR_NOMEM, "list %s: out of memory", dir);
    *out = v;
    *out_n = n;
    return 0;
}

void wal_make_header(char header[WAL_SEGMENT_HEADER], uint32_t segment, uint64_t nonce)
{
    memcpy(header, segment_magic, sizeof segment_magic);
    write_u64(header + 8, segment);
    write_u64(header + 16, nonce);
    write_u64(header + 24, hash_bytes(header, 24));
}

bool wal_read_header(const char header[WAL_SEGMENT_HEADER], uint32_t segment, uint64_t *out_nonce)
{
    if (memcmp(header, segment_magic, sizeof segment_magic) != 0 ||
        read_u64(header + 8) != segment || read_u64(header + 24) != hash_bytes(header, 24))
        return false;
    *out_nonce = read_u64(header + 16);
    return true;
}
