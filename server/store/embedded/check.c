/* Checking a data directory: what belongs there, and that it is whole. One function a kind of file;
 * what a table is made of stands in `tables`. */
#include "store/embedded/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/str.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/exemplars_file.h"
#include "store/embedded/format_file.h"
#include "store/embedded/metadata.h"
#include "store/embedded/part.h"
#include "store/embedded/tombstones.h"

/* --- telling ---------------------------------------------------------------------------------- */

/* Messages of other functions begin with the path, which is told anyway. */
static const char *without_path(const char *text, const char *path)
{
    size_t n = strlen(path);
    return strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

static void tell(struct check *c, bool damage, const char *path, const char *fmt, va_list args)
    PRINTF_LIKE(4, 0);

static void tell(struct check *c, bool damage, const char *path, const char *fmt, va_list args)
{
    char what[ERR_MESSAGE_MAX];
    (void)vsnprintf(what, sizeof what, fmt, args); // cut when too long
    *(damage ? &c->totals->damages : &c->totals->remarks) += 1;
    c->finding(c->arg, damage, path, without_path(what, path));
}

void check_damage(struct check *c, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tell(c, true, path, fmt, args);
    va_end(args);
}

void check_remark(struct check *c, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    tell(c, false, path, fmt, args);
    va_end(args);
}

static int no_memory(struct check *c)
{
    return err_set(c->err, ERR_NOMEM, "check: out of memory");
}

/* --- a directory, entry by entry -------------------------------------------------------------- */

typedef int entry_check(struct check *c, const char *path, const char *name);

static int each_entry(struct check *c, const char *dir, entry_check *each)
{
    struct fs_names names = {0};
    int rc = fs_list(c->fs, dir, &names, c->err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        rc = path ? each(c, path, names.v[i]) : no_memory(c);
        free(path);
    }
    fs_names_done(&names);
    return rc;
}

/* Files that are none of their directory's own. */
static int check_stray(struct check *c, const char *path, const char *name)
{
    if (str_ends(str_c(name), STR(".tmp")))
        check_remark(c, path, "left by an interrupted write; the next start removes it");
    else if (str_ends(str_c(name), STR(".damaged")))
        check_damage(c, path, "was set aside as damaged; remove it when it is of no use any more");
    else
        check_remark(c, path, "not known to this program");
    return 0;
}

/* --- days ------------------------------------------------------------------------------------- */

struct range {
    uint64_t lo, hi;
};

static int by_range(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    if (x->lo != y->lo)
        return x->lo < y->lo ? -1 : 1;
    return x->hi > y->hi ? -1 : x->hi < y->hi;
}

/* A part within the range of another is what a crash in a merge leaves. Ranges that merely cross
 * cannot come about. */
static void check_ranges(struct check *c, const char *dir, struct range *v, size_t n)
{
    if (n)
        qsort(v, n, sizeof *v, by_range);
    for (size_t i = 1, last = 0; i < n; i++) {
        char name[PART_NAME_MAX];
        part_format_name(name, v[i].lo, v[i].hi);
        if (v[i].hi <= v[last].hi)
            check_remark(c, dir, "%s is part of a merged part; the next start removes it", name);
        else if (v[i].lo <= v[last].hi)
            check_damage(c, dir, "%s covers some of the sequence numbers of another part", name);
        if (v[i].hi > v[last].hi)
            last = i;
    }
}

typedef int part_check(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi);

static int check_day(struct check *c, const char *dir, int64_t day, part_check *each)
{
    struct fs_names names = {0};
    int rc = fs_list(c->fs, dir, &names, c->err);
    struct range *ranges = calloc(names.n + 1, sizeof *ranges);
    size_t n = 0;
    if (rc == 0 && !ranges)
        rc = no_memory(c);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        struct range *r = &ranges[n];
        if (!path)
            rc = no_memory(c);
        else if (!part_parse_name(names.v[i], &r->lo, &r->hi))
            rc = check_stray(c, path, names.v[i]);
        else
            rc = each(c, path, day, ranges[n].lo, ranges[n].hi), n++;
        free(path);
    }
    if (rc == 0)
        check_ranges(c, dir, ranges, n);
    free(ranges);
    fs_names_done(&names);
    return rc;
}

/* --- tables ----------------------------------------------------------------------------------- */

static int check_metadata(struct check *c, const char *path)
{
    struct metadata m;
    struct err why = {0};
    metadata_init(&m);
    int rc = metadata_load(&m, c->fs, path, &why);
    metadata_done(&m);
    c->totals->files++;
    if (rc != ERR_CORRUPT)
        return rc == 0 ? 0 : err_set(c->err, rc, "%s", why.message);
    check_damage(c, path, "%s", why.message);
    return 0;
}

static int check_exemplars(struct check *c, const char *path)
{
    struct exemplars x;
    struct err why = {0};
    exemplars_init(&x, 1);
    int rc = exemplars_load(&x, c->fs, path, &why);
    exemplars_done(&x);
    c->totals->files++;
    if (rc != ERR_CORRUPT)
        return rc == 0 ? 0 : err_set(c->err, rc, "%s", why.message);
    check_damage(c, path, "%s", why.message);
    return 0;
}

static int check_tombstones(struct check *c, const char *path)
{
    struct tombstone_set *set = NULL;
    struct err why = {0};
    char *p = NULL;
    size_t n = 0;
    int rc = fs_read_all(c->fs, path, TOMBSTONES_FILE_MAX, &p, &n, c->err);
    if (rc != 0)
        return rc;
    rc = tombstones_decode(str_of(p, n), &set, &why);
    free(p);
    tombstone_set_unref(set);
    c->totals->files++;
    if (rc == ERR_NOMEM)
        return no_memory(c);
    if (rc != 0)
        check_damage(c, path, "the list of deletions: %s", why.message);
    return 0;
}

static int check_log_entry(struct check *c, const char *path, const char *name)
{
    return str_ends(str_c(name), STR(".damaged")) ? check_stray(c, path, name) : 0;
}

static int check_wal(struct check *c, const char *dir, bool records)
{
    int rc = check_log(c, dir, records);
    return rc ? rc : each_entry(c, dir, check_log_entry);
}

static int check_metrics_entry(struct check *c, const char *path, const char *name)
{
    int64_t day;
    if (day_parse_name(name, &day) && fs_is_dir(c->fs, path))
        return check_day(c, path, day, check_part);
    if (strcmp(name, "metadata") == 0)
        return check_metadata(c, path);
    if (strcmp(name, "exemplars") == 0)
        return check_exemplars(c, path);
    if (strcmp(name, "tombstones") == 0)
        return check_tombstones(c, path);
    if (strcmp(name, "wal") == 0)
        return check_wal(c, path, false);
    return check_stray(c, path, name);
}

static int check_records_entry(struct check *c, const char *path, const char *name,
                               part_check *each)
{
    int64_t day;
    if (day_parse_name(name, &day) && fs_is_dir(c->fs, path))
        return check_day(c, path, day, each);
    if (strcmp(name, "wal") == 0)
        return check_wal(c, path, true);
    return check_stray(c, path, name);
}

static int check_spans_entry(struct check *c, const char *path, const char *name)
{
    return check_records_entry(c, path, name, check_span_part);
}

static int check_logs_entry(struct check *c, const char *path, const char *name)
{
    return check_records_entry(c, path, name, check_log_part);
}

/* --- aggregates ------------------------------------------------------------------------------- */

static int check_aggregates_dir(struct check *c, const char *dir, int64_t resolution_ms)
{
    struct fs_names names = {0};
    int rc = fs_list(c->fs, dir, &names, c->err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *path = fs_join(dir, names.v[i]);
        int64_t day;
        if (!path)
            rc = no_memory(c);
        else if (aggregates_parse_name(names.v[i], &day))
            rc = check_aggregate_part(c, path, day, resolution_ms);
        else
            rc = check_stray(c, path, names.v[i]);
        free(path);
    }
    fs_names_done(&names);
    return rc;
}

static int check_aggregates_entry(struct check *c, const char *path, const char *name)
{
    int64_t resolution_ms;
    if (fs_is_dir(c->fs, path) && aggregates_parse_dir(name, &resolution_ms))
        return check_aggregates_dir(c, path, resolution_ms);
    return check_stray(c, path, name);
}

static const struct {
    const char *name;
    entry_check *entry;
    bool always; /* it is there from the first start on */
} tables[] = {
    {"metrics", check_metrics_entry, true},
    {"spans", check_spans_entry, true},
    {"logs", check_logs_entry, true},
    {"aggregates", check_aggregates_entry, false},
};

/* --- the whole -------------------------------------------------------------------------------- */

static int check_format(struct check *c, const char *path)
{
    char *text = NULL;
    size_t n = 0;
    int rc = fs_read_all(c->fs, path, 256, &text, &n, c->err);
    if (rc == 0 && !format_is_ours(str_of(text, n))) {
        struct err why;
        (void)format_refuse(path, str_of(text, n), &why);
        check_damage(c, path, "%s", why.message + strlen(path) + 1); // it begins with the path
    }
    free(text);
    c->totals->files++;
    if (rc == ERR_TOO_BIG)
        check_damage(c, path, "is not the name of a format");
    return rc == ERR_TOO_BIG ? 0 : rc;
}

static int check_top_entry(struct check *c, const char *path, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        if (strcmp(name, tables[i].name) == 0)
            return each_entry(c, path, tables[i].entry);
    if (strcmp(name, "FORMAT") == 0)
        return check_format(c, path);
    if (strcmp(name, "LOCK") == 0 || strcmp(name, "snapshots") == 0)
        return 0; // snapshots are directories of their own, checked by their name
    return check_stray(c, path, name);
}

/* Held while checking, so that no server begins to change the files. A snapshot has none. */
static int take_lock(struct check *c, const char *dir, struct fs_file *out)
{
    char *path = fs_join(dir, "LOCK");
    if (!path)
        return no_memory(c);
    int rc = fs_open(c->fs, path, FS_READ, out, c->err);
    if (rc == 0 && fs_try_lock(out, NULL) == ERR_BUSY)
        rc = err_set(c->err, ERR_BUSY,
                     "%s is in use by a server, whose files change all the time; make a snapshot "
                     "and check that, or stop the server",
                     dir);
    free(path);
    return rc == ERR_NOT_FOUND ? 0 : rc;
}

/* As it is also when the very first start was interrupted. */
static int check_presence(struct check *c, const char *dir)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char *path = fs_join(dir, tables[i].name);
        if (!path)
            return no_memory(c);
        if (tables[i].always && !fs_is_dir(c->fs, path))
            check_remark(c, path, "is missing; the next start makes it, without rows");
        free(path);
    }
    return 0;
}

static int check_dir(struct check *c, const char *dir)
{
    char *format = fs_join(dir, "FORMAT");
    struct fs_file f = {0};
    int rc = format ? fs_open(c->fs, format, FS_READ, &f, c->err) : no_memory(c);
    (void)fs_close(&f, NULL); // read-only: nothing to lose
    free(format);
    if (rc == ERR_NOT_FOUND)
        return err_set(c->err, rc, "%s is no data directory: it has no file FORMAT", dir);
    if (rc == 0)
        rc = check_presence(c, dir);
    return rc == 0 ? each_entry(c, dir, check_top_entry) : rc;
}

int store_check(const struct fs *fs, const char *dir, store_finding *finding, void *arg,
                struct store_check_totals *out, struct err *err)
{
    *out = (struct store_check_totals){0};
    struct check c = {
        .fs = fs ? fs : fs_real(), .finding = finding, .arg = arg, .totals = out, .err = err};
    struct fs_file lock = {0};
    int rc = take_lock(&c, dir, &lock);
    if (rc == 0)
        rc = check_dir(&c, dir);
    (void)fs_close(&lock, NULL); // gives the lock back
    return rc;
}
