/* What metrics rolled up take: their footers say it all. */
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/aggregate_table.h"
#include "store/inspect.h"

struct measuring {
    const struct fs *fs;
    struct store_aggregates_measure *out; /* of the resolution being looked at */
    struct err *err;
};

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "statistics: out of memory");
}

static int measure_day(struct measuring *m, const char *path)
{
    struct part *p = NULL;
    struct err why = {0};
    int rc = part_open(m->fs, path, &p, &why);
    if (rc == ERR_NOT_FOUND)
        return 0; // removed meanwhile by a server
    if (rc == ERR_CORRUPT) {
        m->out->unreadable++;
        return 0;
    }
    if (rc != 0)
        return err_set(m->err, rc, "%s", why.message);
    m->out->days++;
    m->out->streams += p->n_streams;
    m->out->rows += p->rows;
    m->out->bytes += p->size;
    part_unref(p);
    return 0;
}

static int measure_days(struct measuring *m, const char *dir)
{
    struct fs_names names = {0};
    int rc = fs_list(m->fs, dir, &names, m->err);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        int64_t day;
        if (!aggregates_parse_name(names.v[i], &day))
            continue;
        char *path = fs_join(dir, names.v[i]);
        rc = path ? measure_day(m, path) : no_memory(m->err);
        free(path);
    }
    fs_names_done(&names);
    return rc;
}

static int by_resolution(const void *a, const void *b)
{
    const struct store_aggregates_measure *x = a, *y = b;
    return (x->resolution_ms > y->resolution_ms) - (x->resolution_ms < y->resolution_ms);
}

static int measure_table(struct measuring *m, const char *table,
                         struct store_aggregates_measure out[STORE_RESOLUTIONS_MAX], size_t *out_n)
{
    struct fs_names names = {0};
    int rc = fs_list(m->fs, table, &names, m->err);
    for (size_t i = 0; rc == 0 && i < names.n && *out_n < STORE_RESOLUTIONS_MAX; i++) {
        int64_t resolution_ms;
        char *dir = fs_join(table, names.v[i]);
        if (!dir) {
            rc = no_memory(m->err);
        } else if (aggregates_parse_dir(names.v[i], &resolution_ms) && fs_is_dir(m->fs, dir)) {
            m->out = &out[(*out_n)++];
            *m->out = (struct store_aggregates_measure){.resolution_ms = resolution_ms};
            rc = measure_days(m, dir);
        }
        free(dir);
    }
    fs_names_done(&names);
    return rc;
}

int store_measure_aggregates(const struct fs *fs, const char *dir,
                             struct store_aggregates_measure out[STORE_RESOLUTIONS_MAX],
                             size_t *out_n, struct err *err)
{
    struct measuring m = {.fs = fs ? fs : fs_real(), .err = err};
    char *table = fs_join(dir, "aggregates");
    *out_n = 0;
    if (!table)
        return no_memory(err);
    int rc = fs_is_dir(m.fs, table) ? measure_table(&m, table, out, out_n) : 0;
    if (*out_n)
        qsort(out, *out_n, sizeof *out, by_resolution);
    free(table);
    return rc;
}
