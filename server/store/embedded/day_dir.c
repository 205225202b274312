#include "store/embedded/day_dir.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/part.h"

/* --- names ------------------------------------------------------------------------------------ */

void day_format_name(char out[DAY_NAME_MAX], int64_t day)
{
    int64_t year;
    int month, of_month;
    date_from_days(day, &year, &month, &of_month);
    (void)snprintf(out, DAY_NAME_MAX, "%04d-%02d-%02d", (int)year, month, of_month);
}

bool day_parse_name(const char *name, int64_t *out)
{
    struct str text = str_c(name);
    uint64_t year, month, day;
    if (text.n != 10 || num_parse_u64(str_cut(&text, '-'), &year) != 0 ||
        num_parse_u64(str_cut(&text, '-'), &month) != 0 || num_parse_u64(text, &day) != 0 ||
        month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    char back[DAY_NAME_MAX];
    *out = date_to_days((int64_t)year, (int)month, (int)day);
    day_format_name(back, *out);
    return strcmp(back, name) == 0;
}

/* --- directories ------------------------------------------------------------------------------ */

int day_dir_path(const char *table_dir, int64_t day, char **out, struct err *err)
{
    char name[DAY_NAME_MAX];
    day_format_name(name, day);
    char *path = fs_join(table_dir, name);
    if (!path)
        return err_set(err, ERR_NOMEM, "name the directory of a day: out of memory");
    *out = path;
    return 0;
}

int day_dir_make(const struct fs *fs, const char *table_dir, int64_t day, char **out,
                 struct err *err)
{
    char *path = NULL;
    int rc = day_dir_path(table_dir, day, &path, err);
    if (rc == 0)
        rc = fs_make_dir(fs, path, err);
    if (rc == 0)
        rc = fs_sync_dir(fs, table_dir, err);
    if (rc == 0)
        *out = path;
    else
        free(path);
    return rc;
}

static int remove_with_files(const struct fs *fs, const char *dir, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(fs, dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        char *file = fs_join(dir, names.v[i]);
        rc = file ? fs_remove(fs, file, err) : err_set(err, ERR_NOMEM, "out of memory");
        free(file);
    }
    fs_names_done(&names);
    return rc == 0 ? fs_remove_dir(fs, dir, err) : rc;
}

int day_dir_remove(const struct fs *fs, const char *table_dir, int64_t day, struct err *err)
{
    char *path = NULL;
    int rc = day_dir_path(table_dir, day, &path, err);
    if (rc == 0)
        rc = remove_with_files(fs, path, err);
    free(path);
    return rc;
}

int day_dir_each(const struct fs *fs, const char *table_dir,
                 int (*each)(void *arg, int64_t day, const char *dir, struct err *err), void *arg,
                 struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(fs, table_dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        int64_t day;
        if (!day_parse_name(names.v[i], &day))
            continue;
        char *dir = fs_join(table_dir, names.v[i]);
        rc = dir ? each(arg, day, dir, err) : err_set(err, ERR_NOMEM, "out of memory");
        free(dir);
    }
    fs_names_done(&names);
    return rc;
}

/* --- files ------------------------------------------------------------------------------------ */

void table_file_remove(const struct fs *fs, const char *path)
{
    struct err err = {0};
    if (fs_remove(fs, path, &err) != 0)
        log_warn("store", "cannot remove a file that is no longer needed",
                 LOG_STR("error", err.message));
}

static char *name_aside(const char *path)
{
    struct buf aside = BUF_MAX(1 << 16);
    buf_puts(&aside, path);
    buf_puts(&aside, ".damaged");
    return buf_take(&aside, NULL);
}

bool table_file_set_aside(const struct fs *fs, const char *path)
{
    char *to = name_aside(path);
    bool moved = to && fs_rename(fs, path, to, NULL) == 0;
    free(to);
    return moved;
}

int table_file_keep_aside(const struct fs *fs, const char *path, struct err *err)
{
    char *to = name_aside(path);
    if (!to)
        return err_set(err, ERR_NOMEM, "keep %s: out of memory", path);
    int rc = fs_link(fs, path, to, err);
    if (rc == ERR_UNSUPPORTED)
        rc = fs_copy(fs, path, to, err);
    free(to);
    return rc == ERR_EXISTS ? 0 : rc;
}

static int by_width(const void *a, const void *b)
{
    const struct day_part *x = a, *y = b;
    uint64_t w = x->hi - x->lo, v = y->hi - y->lo;
    if (w != v)
        return w > v ? -1 : 1;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static int look_at(const struct fs *fs, const char *dir, const char *name, struct day_parts *p)
{
    struct day_part *one = &p->v[p->n];
    char *path = fs_join(dir, name);
    if (!path)
        return ERR_NOMEM;
    if (part_parse_name(name, &one->lo, &one->hi)) {
        one->path = path;
        p->n++;
        return 0;
    }
    if (str_ends(str_c(name), STR(".tmp")))
        table_file_remove(fs, path); // a write that a crash interrupted
    p->aside += str_ends(str_c(name), STR(".part.damaged"));
    free(path);
    return 0;
}

int day_parts_list(const struct fs *fs, const char *dir, struct day_parts *out, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_list(fs, dir, &names, err);
    if (rc != 0)
        return rc;
    out->v = calloc(names.n + 1, sizeof *out->v);
    for (size_t i = 0; out->v && rc == 0 && i < names.n; i++)
        rc = look_at(fs, dir, names.v[i], out);
    fs_names_done(&names);
    if (!out->v || rc != 0)
        return err_set(err, ERR_NOMEM, "list %s: out of memory", dir);
    qsort(out->v, out->n, sizeof *out->v, by_width);
    return 0;
}

void day_parts_done(struct day_parts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->v[i].path);
    free(p->v);
    *p = (struct day_parts){0};
}
