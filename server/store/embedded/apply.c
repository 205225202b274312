#include "store/embedded/apply.h"

#include "base/time.h"

int apply_switch_day(struct applier *a, int64_t t_unix_ms, struct err *err)
{
    int64_t day = day_of(t_unix_ms);
    a->from = day * MS_PER_DAY;
    return a->rest ? heads_get_rest(a->store, day, &a->head, err)
                   : heads_get(a->store, day, &a->head, err);
}

int apply_rows(struct applier *a, struct stream *st, const struct sample *samples, size_t n,
               struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t t = samples[i].t_unix_ms;
        rc = apply_to_day(a, t, err);
        if (rc != 0)
            return rc;
        const struct head_row row = {(uint32_t)(t - a->from), samples[i].value,
                                     samples[i].start_unix_ms, samples[i].histogram};
        if (head_append(a->head, st, &row, a->seal) != 0)
            rc = err_set(err, ERR_NOMEM, "append: out of memory");
    }
    st->last_append_s = a->now_s;
    return rc;
}
