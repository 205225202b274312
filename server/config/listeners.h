/* Who can reach the listeners, and what protects them. Private to the folder. */
#ifndef TELLTALE_CONFIG_LISTENERS_H
#define TELLTALE_CONFIG_LISTENERS_H

struct config;
struct loader;

/* Reports each listener that other machines reach without TLS and a credential: as a problem, or
 * as a warning with http.insecure. */
void listeners_check(struct loader *l, const struct config *c);

#endif
