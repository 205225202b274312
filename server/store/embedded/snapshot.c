/* A consistent copy of the store while it runs: what was acknowledged before the call, each batch
 * whole, as a directory that a server can be started on.
 *
 * The head is flushed first, so that the parts hold everything up to the cut; then every file of
 * the tables gets a second name. Files are never changed under their final name (parts are
 * immutable, the rest is replaced by renaming), so a link is a copy that costs nothing until the
 * original goes. Only the logs and LOCK are written in place, and a snapshot needs neither. The
 * table lock keeps merges and retention away meanwhile; appends and queries go on. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/time.h"
#include "log/log.h"
#include "store/embedded/engine.h"
#include "store/embedded/records/records.h"

static const char unfinished[] = ".tmp";

/* "20260101T000000Z-<hex>", as Prometheus names them: in the order of time. */
static void make_name(const struct store *s, char out[STORE_SNAPSHOT_NAME])
{
    int64_t seconds = store_now_ms(s) / MS_PER_S, days = seconds / 86400, year;
    int month, day, of_day = (int)(seconds % 86400);
    date_from_days(days, &year, &month, &day);
    uint64_t random = hash_combine(hash_process_seed(), (uint64_t)time_now_mono_ns());
    (void)snprintf(out, STORE_SNAPSHOT_NAME, "%04d%02d%02dT%02d%02d%02dZ-%016llx", (int)year, month,
                   day, of_day / 3600, of_day / 60 % 60, of_day % 60,
                   (unsigned long long)random); // always fits
}

/* --- files ------------------------------------------------------------------------------------ */

/* Not part of what a restore needs. */
static bool is_left_out(struct str name)
{
    return str_ends(name, str_c(unfinished)) || str_ends(name, STR(".damaged")) ||
           str_eq(name, STR("wal"));
}

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "snapshot: out of memory");
}

/* A day of aggregates may go between listing and linking, for it is not under the table locks: the
 * snapshot is as if it had gone before. */
static int take_file(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    struct err why = {0};
    int rc = fs_link(fs, from, to, &why);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == ERR_UNSUPPORTED)
        return fs_copy(fs, from, to, err);
    return rc == 0 ? 0 : err_set(err, rc, "%s", why.message);
}

static int take_dir(const struct fs *fs, const char *from, const char *to, struct err *err);

static int take_entry(const struct fs *fs, const char *from, const char *to, const char *name,
                      struct err *err)
{
    char *a = fs_join(from, name), *b = fs_join(to, name);
    int rc;
    if (!a || !b)
        rc = no_memory(err);
    else if (fs_is_dir(fs, a))
        rc = take_dir(fs, a, b, err);
    else
        rc = take_file(fs, a, b, err);
    free(a);
    free(b);
    return rc;
}

static int take_dir(const struct fs *fs, const char *from, const char *to, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_make_dir(fs, to, err);
    if (rc == 0)
        rc = fs_list(fs, from, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (!is_left_out(str_c(names.v[i])))
            rc = take_entry(fs, from, to, names.v[i], err);
    fs_names_done(&names);
    return rc == 0 ? fs_sync_dir(fs, to, err) : rc;
}

static bool is_taken(struct str name)
{
    static const char *const own[] = {"FORMAT", "metrics", "aggregates"};
    bool taken = false;
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        taken |= str_eq(name, str_c(own[i]));
    for (int i = 0; i < RECORD_TABLES; i++)
        taken |= str_eq(name, str_c(record_table_name((enum record_table)i)));
    return taken;
}

/* The data directory: FORMAT and the tables. What else lies there is not ours, and may not even be
 * readable: lost+found where the directory is a disk of its own. */
static int take_store(struct store *s, const char *to, struct err *err)
{
    struct fs_names names = {0};
    int rc = fs_make_dir(s->fs, to, err);
    if (rc == 0)
        rc = fs_list(s->fs, s->dir, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (is_taken(str_c(names.v[i])))
            rc = take_entry(s->fs, s->dir, to, names.v[i], err);
    fs_names_done(&names);
    return rc == 0 ? fs_sync_dir(s->fs, to, err) : rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int take_under_lock(struct store *s, const char *beside, const char *path, bool skip_head,
                           struct err *err)
{
    lock_take(&s->aggregate); // no day rolled up is removed between listing and linking
    lock_take(&s->table);
    int rc = skip_head ? 0 : flush_locked(s, err);
    if (rc == 0) {
        rc = records_hold(s, skip_head, err);
        if (rc == 0)
            rc = take_store(s, beside, err);
        records_release(s);
    }
    lock_give(&s->table);
    lock_give(&s->aggregate);
    return rc == 0 ? fs_rename(s->fs, beside, path, err) : rc;
}

static int take(struct store *s, const char *parent, const char *name, bool skip_head,
                struct err *err)
{
    char beside_name[STORE_SNAPSHOT_NAME + sizeof unfinished];
    (void)snprintf(beside_name, sizeof beside_name, "%s%s", name, unfinished); // always fits
    char *path = fs_join(parent, name), *beside = fs_join(parent, beside_name);
    int rc = path && beside ? fs_make_dir(s->fs, parent, err) : no_memory(err);
    if (rc == 0)
        rc = take_under_lock(s, beside, path, skip_head, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, parent, err);
    if (rc != 0 && beside && fs_remove_tree(s->fs, beside, NULL) != 0)
        log_warn("store", "cannot remove an unfinished snapshot", LOG_STR("directory", beside));
    free(path);
    free(beside);
    return rc;
}

int store_snapshot(struct store *s, const char *parent, bool skip_head,
                   char out_name[STORE_SNAPSHOT_NAME], struct err *err)
{
    int waited = replay_wait(s, err);
    if (waited != 0)
        return waited;
    char *own = parent ? NULL : fs_join(s->dir, "snapshots");
    if (!parent && !own)
        return no_memory(err);
    make_name(s, out_name);
    int64_t began = time_now_mono_ns();
    int rc = take(s, parent ? parent : own, out_name, skip_head, err);
    if (rc == 0 && own)
        rc = fs_sync_dir(s->fs, s->dir, err);
    free(own);
    if (rc == 0)
        log_info("store", "snapshot", LOG_STR("name", out_name),
                 LOG_INT("took_ms", (time_now_mono_ns() - began) / NS_PER_MS));
    return rc == 0 ? 0 : err_prefix(err, rc, "snapshot");
}

void snapshots_clean(struct store *s)
{
    struct fs_names names = {0};
    char *dir = fs_join(s->dir, "snapshots");
    if (dir && fs_is_dir(s->fs, dir) && fs_list(s->fs, dir, &names, NULL) == 0)
        for (size_t i = 0; i < names.n; i++) {
            char *path = fs_join(dir, names.v[i]);
            if (path && str_ends(str_c(path), str_c(unfinished)) &&
                fs_remove_tree(s->fs, path, NULL) != 0)
                log_warn("store", "cannot remove an unfinished snapshot",
                         LOG_STR("directory", path));
            free(path);
        }
    fs_names_done(&names);
    free(dir);
}
