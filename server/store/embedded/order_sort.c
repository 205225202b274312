#include "store/embedded/order_sort.h"

#include <stdbool.h>
#include <string.h>

struct sort {
    order_compare *compare;
    const void *things;
};

static void merge_runs(const struct sort *s, uint32_t *order, uint32_t *scratch, size_t middle,
                       size_t n)
{
    size_t a = 0, b = middle, k = 0;
    while (a < middle && b < n)
        scratch[k++] = s->compare(s->things, order[b], order[a]) < 0 ? order[b++] : order[a++];
    while (a < middle)
        scratch[k++] = order[a++];
    /* what is left of the second run is in place already */
    memcpy(order, scratch, k * sizeof *order);
}

/* End of the run that starts at `from` and does not fall. */
static size_t run_end(const struct sort *s, const uint32_t *order, size_t from, size_t n)
{
    size_t i = from + 1;
    while (i < n && s->compare(s->things, order[i - 1], order[i]) <= 0)
        i++;
    return i;
}

void order_sort(uint32_t *order, uint32_t *scratch, size_t n, order_compare *compare,
                const void *things)
{
    const struct sort s = {compare, things};
    bool merged = true;
    while (merged) {
        merged = false;
        for (size_t from = 0; from < n;) {
            size_t middle = run_end(&s, order, from, n);
            size_t end = middle < n ? run_end(&s, order, middle, n) : n;
            if (middle < n) {
                merge_runs(&s, order + from, scratch, middle - from, end - from);
                merged = true;
            }
            from = end;
        }
    }
}
