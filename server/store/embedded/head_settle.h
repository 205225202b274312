/* Rows of groups into blocks of each stream.
 *
 * A row of a group is read in one go, but its streams are not neighbours in a part: a flush that
 * asked each for its column would read every row as often as there are streams, each time from
 * memory that is in no cache. So all columns of a group are read at once, before; which pays where
 * rows have stayed in the log.
 *
 * Threads: one for a head; others may read it meanwhile, and find the rows in either form. */
#ifndef TELLTALE_STORE_EMBEDDED_HEAD_SETTLE_H
#define TELLTALE_STORE_EMBEDDED_HEAD_SETTLE_H

struct head;

/* Settles the groups of numbers of a frozen head. ERR_NOMEM, ERR_CORRUPT: some stay as they are,
 * which does no harm. */
int head_settle(struct head *h);

#endif
