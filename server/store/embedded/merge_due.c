/* Merging what is due, and listing the new part in the place of the old ones. */
#include "store/embedded/merge.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/merge_choose.h"
#include "store/embedded/partitions.h"

/* --- parts in the place of others ------------------------------------------------------------- */

/* Of the day's parts the first `n` have nothing left. Those in between go without being read. */
static int merge_with_next(struct store *s, struct part *const *day, size_t n_day, size_t n,
                           struct part **out, struct err *err)
{
    int rc = 0;
    while (rc == 0 && !*out && n < n_day && !atomic_get_relaxed(&day[n]->damaged)) {
        struct part *const ends[] = {day[0], day[n++]};
        rc = merge_parts(s, ends, ARRAY_LEN(ends), out, err);
    }
    if (rc == 0)
        partition_replace(s, day, n, *out);
    return rc;
}

/* Of the day's parts the `n` from day[at] on have nothing left, and the day must go on to say that
 * something of it expired: the part before says it, unless its index is damaged. */
static int merge_with_previous(struct store *s, struct part *const *day, size_t at, size_t n,
                               struct part **out, struct err *err)
{
    struct part *const ends[] = {day[at - 1], day[at]};
    int rc = 0;
    if (!atomic_get_relaxed(&day[at - 1]->damaged))
        rc = merge_parts(s, ends, ARRAY_LEN(ends), out, err);
    if (rc == 0 && *out)
        partition_replace(s, day + at - 1, n + 1, *out);
    else if (rc == 0)
        partition_replace(s, day + at, n, NULL);
    return rc;
}

static int replace_with_nothing(struct store *s, struct part *const *parts, size_t n,
                                struct part **out, struct err *err)
{
    struct part **day = NULL;
    size_t n_day = 0;
    int rc = 0;
    size_t at = 0;
    if (partition_parts(s, parts[0]->day, &day, &n_day) != 0)
        return err_set(err, ERR_NOMEM, "merge: out of memory");
    while (at < n_day && day[at] != parts[0])
        at++;
    if (at == 0)
        rc = merge_with_next(s, day, n_day, n, out, err);
    else if (atomic_get_relaxed(&parts[0]->expired))
        rc = merge_with_previous(s, day, at, n, out, err);
    else
        partition_replace(s, parts, n, NULL);
    for (size_t i = 0; i < n_day; i++)
        part_unref(day[i]);
    free(day);
    return rc;
}

int merge_replace(struct store *s, struct part *const *parts, size_t n, struct part **out,
                  struct err *err)
{
    struct part *merged = NULL;
    int rc = merge_parts(s, parts, n, &merged, err);
    if (rc == 0 && merged)
        partition_replace(s, parts, n, merged);
    else if (rc == 0)
        rc = replace_with_nothing(s, parts, n, &merged, err);
    if (out)
        *out = rc == 0 ? merged : NULL;
    return rc;
}

/* --- what to merge ---------------------------------------------------------------------------- */

/* Nothing came for the day in the last flush, or that was long ago: a past day that is being filled
 * up would be written again after every flush. */
static bool is_at_rest(const struct store *s, const struct part *newest)
{
    const int64_t long_ns = 10 * 60 * NS_PER_S;
    return newest->seq_hi < s->seq || time_now_mono_ns() - s->last_cut_mono_ns > long_ns;
}

static bool any_damaged(struct part *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (atomic_get_relaxed(&parts[i]->damaged))
            return true;
    return false;
}

/* 1 when something was merged, 0 when nothing is due. */
static int merge_once(struct store *s, struct part *const *parts, size_t n, bool all,
                      struct err *err)
{
    uint64_t *sizes = malloc((n + 1) * sizeof *sizes);
    if (!sizes)
        return err_set(err, ERR_NOMEM, "merge: out of memory");
    for (size_t i = 0; i < n; i++)
        sizes[i] = parts[i]->size;
    struct merge_choice choice = {.sizes = sizes, .n = n, .all = all};
    choice.over =
        n && merge_day_is_over(parts[0]->day, store_now_ms(s)) && is_at_rest(s, parts[n - 1]);
    size_t first, count;
    bool due = merge_choose(&choice, &first, &count);
    free(sizes);
    if (!due || any_damaged(parts + first, count))
        return 0;
    int rc = merge_replace(s, parts + first, count, NULL, err);
    return rc == 0 ? 1 : rc;
}

static int merge_day(struct store *s, int64_t day, bool all, struct err *err)
{
    int rc = 1;
    while (rc == 1) {
        struct part **parts = NULL;
        size_t n = 0;
        if (partition_parts(s, day, &parts, &n) != 0)
            return err_set(err, ERR_NOMEM, "merge: out of memory");
        rc = merge_once(s, parts, n, all, err);
        for (size_t i = 0; i < n; i++)
            part_unref(parts[i]);
        free(parts);
    }
    return rc;
}

int merge_due(struct store *s, bool all, struct err *err)
{
    int64_t *days = NULL;
    size_t n = 0;
    if (partition_days(s, &days, &n) != 0)
        return err_set(err, ERR_NOMEM, "merge: out of memory");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = merge_day(s, days[i], all, err);
    free(days);
    return rc;
}
