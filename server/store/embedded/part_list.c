/* The parts there are, told to those who ask what takes the disk's room. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/time.h"
#include "store/embedded/partitions.h"

static struct str part_title(struct arena *arena, const struct part *p)
{
    int64_t year;
    int month, day;
    struct buf text = BUF_MAX(128);
    date_from_days(p->day, &year, &month, &day);
    buf_printf(&text, "%04lld-%02d-%02d/%08llx-%08llx", (long long)year, month, day,
               (unsigned long long)p->seq_lo, (unsigned long long)p->seq_hi);
    struct str title = arena_str(arena, buf_str(&text));
    buf_done(&text);
    return title;
}

static struct store_part describe(struct arena *arena, const struct part *p)
{
    return (struct store_part){.name = part_title(arena, p),
                               .min_ms = p->min_ms,
                               .max_ms = p->max_ms,
                               .rows = p->rows,
                               .streams = p->n_streams,
                               .bytes = p->size,
                               .flushes = p->seq_hi - p->seq_lo + 1};
}

struct part_list {
    struct store_part *v;
    size_t n;
};

static int add_day(struct store *s, int64_t day, struct arena *arena, struct part_list *list)
{
    struct part **parts = NULL;
    size_t n = 0;
    int rc = partition_parts(s, day, &parts, &n);
    if (rc != 0)
        return rc;
    struct store_part *v = arena_grow(arena, list->v, list->n, list->n + n, sizeof *v);
    for (size_t i = 0; i < n; i++) {
        if (v)
            v[list->n + i] = describe(arena, parts[i]);
        part_unref(parts[i]);
    }
    free(parts);
    if (!v)
        return n ? ERR_NOMEM : 0;
    list->v = v;
    list->n += n;
    return 0;
}

int store_parts(struct store *s, struct arena *arena, struct store_part **out, size_t *out_n,
                struct err *err)
{
    struct part_list list = {0};
    int64_t *days = NULL;
    size_t n = 0;
    int rc = partition_days(s, &days, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_day(s, days[i], arena, &list);
    free(days);
    if (rc == 0 && arena_failed(arena))
        rc = ERR_NOMEM;
    if (rc != 0)
        return err_set(err, rc, "out of memory for the list of parts");
    *out = list.v;
    *out_n = list.n;
    return 0;
}
