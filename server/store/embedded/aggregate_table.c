/* Lists of days rolled up, one for each resolution, guarded by parts_lock as those of raw days are.
 * A day is one file, replaced by renaming when it is rolled up again. */
#include "store/embedded/aggregate_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/damage.h"
#include "store/embedded/keep.h"
#include "store/embedded/part_format.h"
#include "store/embedded/partitions.h"

static struct self_metric dropped_total =
    SELF_COUNTER("telltale_store_aggregate_partitions_dropped_total",
                 "Days rolled up that were removed because of the retention.");

#define DEFAULT_AFTER_MS MS_PER_DAY
#define DEFAULT_RETENTION_MS (90 * MS_PER_DAY)
static const int64_t default_resolutions_ms[] = {300 * MS_PER_S, 3600 * MS_PER_S};

/* --- options ---------------------------------------------------------------------------------- */

void aggregates_configure(struct store *s, const struct store_options *o)
{
    struct aggregate_options v = {
        .enabled = o->aggregates.enabled,
        .after_ms = o->aggregates.after_ms ? o->aggregates.after_ms : DEFAULT_AFTER_MS,
        .retention_ms =
            o->aggregates.retention_ms ? o->aggregates.retention_ms : DEFAULT_RETENTION_MS,
        .n = MIN(o->aggregates.n_resolutions, (size_t)STORE_RESOLUTIONS_MAX)};
    memcpy(v.resolutions_ms, o->aggregates.resolutions_ms, sizeof v.resolutions_ms);
    if (v.n == 0) {
        v.n = ARRAY_LEN(default_resolutions_ms);
        memcpy(v.resolutions_ms, default_resolutions_ms, sizeof default_resolutions_ms);
    }
    lock_take(&s->parts_lock);
    s->aggregate_options = v;
    lock_give(&s->parts_lock);
}

struct aggregate_options aggregates_options(struct store *s)
{
    lock_take(&s->parts_lock);
    struct aggregate_options v = s->aggregate_options;
    lock_give(&s->parts_lock);
    return v;
}

int64_t aggregates_min_ms(struct store *s)
{
    struct aggregate_options o = aggregates_options(s);
    if (o.retention_ms == STORE_RETENTION_FOREVER)
        return TIME_MIN_MS;
    return MAX(TIME_MIN_MS, store_now_ms(s) - o.retention_ms);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* With parts_lock. */
static struct aggregate_list *find_list(struct store *s, int64_t resolution_ms)
{
    for (size_t i = 0; i < s->n_aggregates; i++)
        if (s->aggregates[i].resolution_ms == resolution_ms)
            return &s->aggregates[i];
    return NULL;
}

/* Where the day is or goes. */
static size_t find_day(const struct aggregate_list *l, int64_t day)
{
    size_t i = l->n;
    while (i > 0 && l->parts[i - 1]->day >= day)
        i--;
    return i;
}

/* Takes `dir`, also when there is no room. */
static int add_list(struct store *s, int64_t resolution_ms, char *dir)
{
    lock_take(&s->parts_lock);
    bool room = dir && s->n_aggregates < STORE_RESOLUTIONS_MAX;
    size_t i = s->n_aggregates;
    for (; room && i > 0 && s->aggregates[i - 1].resolution_ms > resolution_ms; i--)
        s->aggregates[i] = s->aggregates[i - 1];
    if (room) {
        s->aggregates[i] = (struct aggregate_list){.resolution_ms = resolution_ms, .dir = dir};
        s->n_aggregates++;
    }
    lock_give(&s->parts_lock);
    if (!room)
        free(dir);
    return room ? 0 : dir ? ERR_TOO_BIG : ERR_NOMEM;
}

static int put_day(struct aggregate_list *l, struct part *p, struct part **out_old)
{
    size_t at = find_day(l, p->day);
    if (at < l->n && l->parts[at]->day == p->day) {
        *out_old = l->parts[at];
        l->parts[at] = p;
        return 0;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        struct part **v = realloc(l->parts, cap * sizeof(struct part *));
        if (!v)
            return ERR_NOMEM;
        l->parts = v;
        l->cap = cap;
    }
    memmove(l->parts + at + 1, l->parts + at, (l->n - at) * sizeof(struct part *));
    l->parts[at] = p;
    l->n++;
    return 0;
}

int aggregates_publish(struct store *s, struct part *p, struct err *err)
{
    struct part *old = NULL;
    lock_take(&s->parts_lock);
    struct aggregate_list *l = find_list(s, p->resolution_ms);
    int rc = l ? put_day(l, p, &old) : ERR_INTERNAL;
    lock_give(&s->parts_lock);
    part_unref(old);
    return rc == 0 ? 0 : err_set(err, rc, "list a day of aggregates: %s", err_name(rc));
}

struct part *aggregates_day(struct store *s, int64_t resolution_ms, int64_t day)
{
    struct part *p = NULL;
    lock_take(&s->parts_lock);
    const struct aggregate_list *l = find_list(s, resolution_ms);
    size_t at = l ? find_day(l, day) : 0;
    if (l && at < l->n && l->parts[at]->day == day) {
        p = l->parts[at];
        part_ref(p);
    }
    lock_give(&s->parts_lock);
    return p;
}

bool aggregates_have_day(struct store *s, int64_t day)
{
    bool found = false;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++) {
        const struct aggregate_list *l = &s->aggregates[i];
        size_t at = find_day(l, day);
        found |= at < l->n && l->parts[at]->day == day;
    }
    lock_give(&s->parts_lock);
    return found;
}

/* --- directories ------------------------------------------------------------------------------ */

static const char suffix[] = ".part";

void aggregates_format_name(char out[AGGREGATE_NAME_MAX], int64_t day)
{
    char text[DAY_NAME_MAX];
    day_format_name(text, day);
    (void)snprintf(out, AGGREGATE_NAME_MAX, "%s%s", text, suffix); // always fits
}

bool aggregates_parse_name(const char *name, int64_t *out_day)
{
    char day[DAY_NAME_MAX];
    struct str text = str_c(name);
    size_t n = text.n - (sizeof suffix - 1);
    if (!str_ends(text, str_c(suffix)) || n >= sizeof day)
        return false;
    memcpy(day, name, n);
    day[n] = '\0';
    return day_parse_name(day, out_day);
}

bool aggregates_parse_dir(const char *name, int64_t *out_resolution_ms)
{
    return duration_parse(str_c(name), out_resolution_ms, NULL) == 0 && *out_resolution_ms > 0;
}

static char *resolution_path(const char *table, int64_t resolution_ms)
{
    struct buf name = BUF_MAX(64);
    duration_format(&name, resolution_ms);
    buf_putc(&name, '\0');
    char *path = buf_failed(&name) ? NULL : fs_join(table, name.p);
    buf_done(&name);
    return path;
}

static int make_dirs(struct store *s, const char *table, const char *dir, struct err *err)
{
    int rc = fs_make_dir(s->fs, table, err);
    if (rc == 0)
        rc = fs_sync_dir(s->fs, s->dir, err);
    if (rc == 0)
        rc = fs_make_dir(s->fs, dir, err);
    return rc == 0 ? fs_sync_dir(s->fs, table, err) : rc;
}

int aggregates_dir(struct store *s, int64_t resolution_ms, const char **out, struct err *err)
{
    lock_take(&s->parts_lock);
    const struct aggregate_list *l = find_list(s, resolution_ms);
    *out = l ? l->dir : NULL; // stays until the store is closed
    lock_give(&s->parts_lock);
    if (*out)
        return 0;
    char *table = fs_join(s->dir, "aggregates");
    char *dir = table ? resolution_path(table, resolution_ms) : NULL;
    int rc = dir ? make_dirs(s, table, dir, err) : err_set(err, ERR_NOMEM, "out of memory");
    free(table);
    if (rc != 0) {
        free(dir);
        return rc;
    }
    *out = dir;
    rc = add_list(s, resolution_ms, dir);
    return rc == 0
               ? 0
               : err_set(err, rc, "aggregates: more than %d resolutions", STORE_RESOLUTIONS_MAX);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int open_file(struct store *s, const char *path, int64_t resolution_ms, int64_t day,
                     struct err *err)
{
    struct part *p = NULL;
    struct err why = {0};
    int rc = part_open(s->fs, path, &p, &why);
    if (rc == 0 &&
        (p->table != PART_TABLE_AGGREGATES || p->resolution_ms != resolution_ms || p->day != day)) {
        rc = err_set(&why, ERR_CORRUPT, "%s: is of another day or resolution than its name says",
                     path);
        part_unref(p);
    }
    if (rc == ERR_CORRUPT) {
        partition_set_aside(s, path, &why);
        damage_note_rolled_day(s, day);
        return 0;
    }
    if (rc != 0)
        return err_set(err, rc, "%s", why.message);
    s->seq = MAX(s->seq, p->seq_hi); // no later part may seem to be covered
    rc = aggregates_publish(s, p, err);
    if (rc != 0)
        part_unref(p);
    return rc;
}

/* A file that an earlier opening set aside goes when the day is over. */
static void open_aside(struct store *s, const char *path, int64_t day)
{
    if (day >= day_of(aggregates_min_ms(s)))
        damage_note_rolled_day(s, day);
    else if (fs_remove(s->fs, path, NULL) != 0)
        log_warn("store", "cannot remove a damaged file of a day that is over",
                 LOG_STR("file", path));
}

/* "2026-11-21.part.damaged" */
static bool parse_aside(const char *name, int64_t *out_day)
{
    char part[AGGREGATE_NAME_MAX];
    struct str text = str_c(name), ending = STR(".damaged");
    if (!str_ends(text, ending) || text.n - ending.n >= sizeof part)
        return false;
    memcpy(part, name, text.n - ending.n);
    part[text.n - ending.n] = '\0';
    return aggregates_parse_name(part, out_day);
}

static int open_entry(struct store *s, const char *dir, const char *name, int64_t resolution_ms,
                      struct err *err)
{
    char *path = fs_join(dir, name);
    int64_t day;
    int rc = 0;
    if (!path)
        return err_set(err, ERR_NOMEM, "list %s: out of memory", dir);
    if (aggregates_parse_name(name, &day))
        rc = open_file(s, path, resolution_ms, day, err);
    else if (parse_aside(name, &day))
        open_aside(s, path, day);
    else if (str_ends(str_c(name), STR(".tmp")) && fs_remove(s->fs, path, NULL) != 0)
        log_warn("store", "cannot remove an unfinished file", LOG_STR("file", path));
    free(path);
    return rc;
}

/* Takes `dir`. */
static int open_list(struct store *s, char *dir, int64_t resolution_ms, struct err *err)
{
    struct fs_names names = {0};
    int rc = add_list(s, resolution_ms, dir);
    if (rc == ERR_TOO_BIG) {
        log_warn("store", "aggregates of too many resolutions; one is left out",
                 LOG_INT("resolution_s", resolution_ms / MS_PER_S));
        return 0;
    }
    rc = rc == 0 ? fs_list(s->fs, dir, &names, err) : err_set(err, rc, "out of memory");
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = open_entry(s, dir, names.v[i], resolution_ms, err);
    fs_names_done(&names);
    return rc;
}

int aggregates_open(struct store *s, struct err *err)
{
    struct fs_names names = {0};
    char *table = fs_join(s->dir, "aggregates");
    int rc = table ? 0 : err_set(err, ERR_NOMEM, "open the aggregates: out of memory");
    if (rc == 0 && fs_is_dir(s->fs, table))
        rc = fs_list(s->fs, table, &names, err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        int64_t resolution_ms = 0;
        char *dir = fs_join(table, names.v[i]);
        bool ours =
            dir && fs_is_dir(s->fs, dir) && aggregates_parse_dir(names.v[i], &resolution_ms);
        if (ours)
            rc = open_list(s, dir, resolution_ms, err);
        else
            free(dir);
    }
    fs_names_done(&names);
    free(table);
    return rc;
}

void aggregates_close(struct store *s)
{
    for (size_t i = 0; i < s->n_aggregates; i++) {
        struct aggregate_list *l = &s->aggregates[i];
        for (size_t k = 0; k < l->n; k++)
            part_unref(l->parts[k]);
        free(l->parts);
        free(l->dir);
    }
    s->n_aggregates = 0;
    free(s->damaged_rolled.v);
    s->damaged_rolled = (struct damaged_days){0};
}

/* --- removing --------------------------------------------------------------------------------- */

/* With parts_lock. */
static bool take_out(struct aggregate_list *l, const struct part *p)
{
    size_t i = l ? find_day(l, p->day) : 0;
    if (!l || i == l->n || l->parts[i] != p)
        return false;
    l->n--;
    memmove(l->parts + i, l->parts + i + 1, (l->n - i) * sizeof(struct part *));
    return true;
}

int aggregates_remove(struct store *s, struct part *p, struct err *err)
{
    lock_take(&s->parts_lock);
    bool listed = take_out(find_list(s, p->resolution_ms), p);
    lock_give(&s->parts_lock);
    if (!listed)
        return 0;
    int rc = fs_remove(s->fs, p->path, err);
    part_unref(p); // the list's reference: the caller has one of its own
    return rc;
}

void aggregates_set_aside(struct store *s, struct part *p)
{
    struct err why;
    lock_take(&s->parts_lock);
    bool listed = take_out(find_list(s, p->resolution_ms), p);
    lock_give(&s->parts_lock);
    if (!listed)
        return;
    (void)err_set(&why, ERR_CORRUPT, "%s: the index is damaged", p->path);
    partition_set_aside(s, p->path, &why);
    damage_note_rolled_day(s, p->day);
    part_unref(p); // the list's reference: the caller has one of its own
}

int aggregates_snapshot(struct store *s, struct part ***out, size_t *out_n)
{
    size_t total = 0, n = 0;
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++)
        total += s->aggregates[i].n;
    struct part **v = malloc((total + 1) * sizeof(struct part *));
    for (size_t i = 0; v && i < s->n_aggregates; i++)
        for (size_t k = 0; k < s->aggregates[i].n; k++) {
            v[n] = s->aggregates[i].parts[k];
            part_ref(v[n++]);
        }
    lock_give(&s->parts_lock);
    *out = v;
    *out_n = n;
    return v ? 0 : ERR_NOMEM;
}

int aggregates_expire(struct store *s, struct err *err)
{
    struct part **days = NULL;
    size_t n = 0;
    int64_t first = day_of(aggregates_min_ms(s));
    int rc = aggregates_snapshot(s, &days, &n);
    if (rc != 0)
        return err_set(err, rc, "retention of aggregates: out of memory");
    for (size_t i = 0; i < n; i++) {
        bool over = days[i]->day < first;
        if (rc == 0 && over)
            rc = aggregates_remove(s, days[i], err);
        self_add(&dropped_total, over);
        part_unref(days[i]);
    }
    free(days);
    return rc;
}

bool aggregates_can_be_made(struct store *s, const struct part *p)
{
    lock_take(&s->parts_lock);
    const struct partition *raw = partition_get(s, p->day);
    bool whole = raw && partition_is_whole(raw, p->seq_lo);
    lock_give(&s->parts_lock);
    return whole && p->day * MS_PER_DAY >= keep_table_min_ms(s);
}

int aggregates_sync(struct store *s, struct err *err)
{
    const char *dirs[STORE_RESOLUTIONS_MAX] = {NULL};
    int rc = 0;
    lock_take(&s->parts_lock);
    size_t n = s->n_aggregates;
    for (size_t i = 0; i < n; i++)
        dirs[i] = s->aggregates[i].dir; // stays until the store is closed
    lock_give(&s->parts_lock);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = fs_sync_dir(s->fs, dirs[i], err);
    return rc;
}
