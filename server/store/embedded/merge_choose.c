#include "store/embedded/merge_choose.h"

#include "base/compiler.h"
#include "base/time.h"

/* Of a day that goes on fewer parts are not worth a merge. */
enum { MERGE_MIN = 4 };

/* The run of neighbours whose total is the largest multiple of its largest part: similar sizes,
 * many of them. Each merge of a run with multiple r writes a row once and makes its part about r
 * times larger, so a row is written about log(size of day / size of flush) / log(r) times. */
static bool choose_run(const uint64_t *sizes, size_t n, size_t *out_first, size_t *out_n)
{
    double best = 2.5;
    bool found = false;
    for (size_t first = 0; first < n; first++) {
        uint64_t total = 0, largest = 0;
        for (size_t count = 1; count <= MERGE_MAX && first + count <= n; count++) {
            total += sizes[first + count - 1];
            largest = MAX(largest, sizes[first + count - 1]);
            double multiple = (double)total / (double)MAX(largest, (uint64_t)1);
            if (count >= MERGE_MIN && multiple > best) {
                best = multiple;
                *out_first = first;
                *out_n = count;
                found = true;
            }
        }
    }
    return found;
}

/* What is to be gained is worth rewriting the largest. */
static bool is_worth_one(const uint64_t *sizes, size_t n)
{
    uint64_t total = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        total += sizes[i];
        largest = MAX(largest, sizes[i]);
    }
    return n <= MERGE_MAX && total - largest >= largest / 8;
}

bool merge_choose(const struct merge_choice *c, size_t *out_first, size_t *out_n)
{
    if (c->n < 2)
        return false;
    if (!c->all && !(c->over && is_worth_one(c->sizes, c->n)))
        return choose_run(c->sizes, c->n, out_first, out_n);
    *out_first = 0;
    *out_n = MIN(c->n, (size_t)MERGE_MAX);
    return true;
}

bool merge_day_is_over(int64_t day, int64_t now_unix_ms)
{
    return (day + 1) * MS_PER_DAY + MS_PER_DAY / 24 < now_unix_ms;
}
