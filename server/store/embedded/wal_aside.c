#include "store/embedded/wal_aside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "log/log.h"
#include "store/embedded/day_dir.h"

/* "0000000a.2026-11-20.2026-11-21.wal.damaged" */
enum { FIRST_AT = 9, LAST_AT = 20, ENDING_AT = 30, DAY_LENGTH = 10, ASIDE_NAME_MAX = 64 };
static const char ending[] = ".wal.damaged";

static bool parse_day(const char *name, size_t at, int64_t *out)
{
    char day[DAY_LENGTH + 1] = "";
    memcpy(day, name + at, DAY_LENGTH);
    return day_parse_name(day, out);
}

static bool parse_name(const char *name, struct day_range *out)
{
    return strlen(name) == ENDING_AT + sizeof ending - 1 && strcmp(name + ENDING_AT, ending) == 0 &&
           parse_day(name, FIRST_AT, &out->first) && parse_day(name, LAST_AT, &out->last);
}

int wal_losses_add(struct wal_losses *l, struct day_range days)
{
    struct day_range *v = realloc(l->v, (l->n + 1) * sizeof *v); // a handful
    if (!v)
        return ERR_NOMEM;
    l->v = v;
    l->v[l->n++] = days;
    return 0;
}

int wal_losses_load(const struct fs *fs, const char *wal_dir, struct wal_losses *out,
                    struct err *err)
{
    struct fs_names names = {0};
    struct day_range days;
    int rc = fs_list(fs, wal_dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (parse_name(names.v[i], &days) && wal_losses_add(out, days) != 0)
            rc = err_set(err, ERR_NOMEM, "list %s: out of memory", wal_dir);
    fs_names_done(&names);
    return rc;
}

void wal_losses_done(struct wal_losses *l)
{
    free(l->v);
    *l = (struct wal_losses){0};
}

static int keep_file(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    int rc = fs_link(fs, from, to, err);
    return rc == ERR_UNSUPPORTED ? fs_copy(fs, from, to, err) : rc;
}

/* ERR_EXISTS: by an earlier start, after which the log was not cut. */
static int keep_segment(const struct fs *fs, const char *wal_dir, uint32_t segment,
                        struct day_range days, struct err *err)
{
    char name[ASIDE_NAME_MAX], first[DAY_NAME_MAX], last[DAY_NAME_MAX];
    day_format_name(first, days.first);
    day_format_name(last, days.last);
    (void)snprintf(name, sizeof name, "%08x.wal", (unsigned)segment); // always fits
    char *from = fs_join(wal_dir, name);
    (void)snprintf(name, sizeof name, "%08x.%s.%s%s", (unsigned)segment, first, last, ending);
    char *to = fs_join(wal_dir, name);
    int rc = from && to ? keep_file(fs, from, to, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        rc = fs_sync_dir(fs, wal_dir, err);
    free(from);
    free(to);
    return rc;
}

void wal_set_aside(const struct fs *fs, const char *wal_dir, uint32_t segment,
                   struct day_range days, struct wal_losses *losses)
{
    struct err err = {0};
    int rc = keep_segment(fs, wal_dir, segment, days, &err);
    if (rc == ERR_EXISTS)
        return; // its days were loaded
    if (rc != 0)
        log_error("store", "a damaged segment of the log cannot be kept for looking at it",
                  LOG_INT("segment", segment), LOG_STR("error", err.message));
    if (wal_losses_add(losses, days) != 0)
        log_error("store", "out of memory: answers will not tell of a damaged segment of the log",
                  LOG_INT("segment", segment));
}

size_t wal_losses_meet(const struct wal_losses *l, int64_t first, int64_t last)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->v[i].first <= last && l->v[i].last >= first;
    return n;
}
