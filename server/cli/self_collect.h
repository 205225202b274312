/* The store's numbers on /metrics. */
#ifndef TELLTALE_CLI_SELF_COLLECT_H
#define TELLTALE_CLI_SELF_COLLECT_H

struct store;

/* Shows the store's numbers at each collection from now on, until stopped. The store is borrowed.
 */
void self_collect_start(struct store *store);
void self_collect_stop(struct store *store);

#endif
