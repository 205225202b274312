/* Match groups of binary operators. Private to binary.c and set_operation.c. */
#ifndef TELLTALE_QUERY_PROMQL_BINARY_H
#define TELLTALE_QUERY_PROMQL_BINARY_H

#include "query/promql/element.h"
#include "query/promql/labelset.h"

struct match_row {
    struct row *row;
    struct match_row *next;
};

/* Series whose matching labels are the same. */
struct match_group {
    size_t ordinal;         /* its place among the groups */
    struct labels labels;   /* the matching ones */
    struct match_row *rows; /* in the order they came */
    struct match_row *last;
    unsigned char *bits; /* of the operator, one a step */
};

struct match_side {
    struct label_filter filter;
    struct label_index index;
    struct match_group **groups;
    size_t n, cap;
};

int match_filter(struct eval *ev, const struct matching *m, struct label_filter *out);

/* Reads all rows into their groups. */
int match_side_read(struct eval *ev, struct match_side *m, struct op *from);

/* The group of a series with these labels. `add`: made if new, and NULL is an error; else NULL says
 * that there is none. */
struct match_group *match_side_group(struct eval *ev, struct match_side *m, const struct labels *l,
                                     bool add);

/* {__name__="x", a="b"}: how messages about matching name series. */
void labels_format_full(struct buf *out, const struct labels *l);

#endif
