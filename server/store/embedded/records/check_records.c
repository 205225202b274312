/* Checking the files of a record table. */
#include "base/compiler.h"
#include "store/embedded/check.h"
#include "store/embedded/records/record_store.h"

int check_chunks(struct str payload, uint64_t *rows)
{
    for (size_t at = 0; at < payload.n;) {
        struct chunk *c = NULL;
        int rc = chunk_open(payload, &at, &c);
        if (rc != 0)
            return rc;
        *rows += c->n_rows;
        chunk_unref(c);
    }
    return 0;
}

static bool is_of_day(const struct record_part *p, int64_t day)
{
    return p->rows == 0 || (day_of_ns(p->min_unix_ns) == day && day_of_ns(p->max_unix_ns) == day);
}

static void check_open_part(struct check *c, struct record_part *p, int64_t day, uint64_t lo,
                            uint64_t hi)
{
    struct err why = {0};
    c->totals->parts++;
    c->totals->bytes += p->size;
    c->totals->rows += p->rows;
    c->totals->blocks += p->n_groups;
    c->totals->streams += p->n_sources;
    if (p->day != day || p->seq_lo != lo || p->seq_hi != hi || !is_of_day(p, day))
        check_damage(c, p->path, "is of another day or sequence than its name says");
    if (record_part_check(p, &why) == ERR_CORRUPT)
        check_damage(c, p->path, "%s", why.message);
}

int check_record_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi)
{
    struct record_part *p = NULL;
    struct err why = {0};
    int rc = record_part_open(c->fs, path, &p, &why);
    c->totals->files++;
    if (rc == ERR_CORRUPT) {
        check_damage(c, path, "%s", why.message);
        return 0;
    }
    if (rc != 0)
        return err_set(c->err, rc, "%s", why.message);
    check_open_part(c, p, day, lo, hi);
    record_part_unref(p);
    return 0;
}
