/* Sorts numbers of things by a comparison of the things: a stable natural merge sort, linear for
 * what is sorted already and nearly so for a few sorted runs, which is what parts and chunks give.
 */
#ifndef TELLTALE_STORE_EMBEDDED_ORDER_SORT_H
#define TELLTALE_STORE_EMBEDDED_ORDER_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef int order_compare(const void *things, uint32_t a, uint32_t b);

/* `order` holds `n` numbers; `scratch` has room for as many. */
void order_sort(uint32_t *order, uint32_t *scratch, size_t n, order_compare *compare,
                const void *things);

#endif
