/* Relabelling: rules that rewrite or drop a label set, of a target or of a scraped series. */
#ifndef TELLTALE_RECEIVE_RELABEL_H
#define TELLTALE_RECEIVE_RELABEL_H

#include "base/err.h"
#include "config/scrape_config.h"
#include "model/labels.h"

struct relabel; /* compiled rules; immutable, so any number of threads may use them at once */

/* Checks the rules as Prometheus does and compiles their patterns. Borrows the text of `config`,
 * which outlives the result. ERR_INVALID names the rule ("relabel_configs[2].regex: …", with
 * `what` as the list's name), ERR_NOMEM. */
int relabel_new(const struct relabel_config *config, const char *what, struct relabel **out,
                struct err *err);
void relabel_free(struct relabel *r);

/* Applies the rules in order to the labels in `b`. New text lives in b->arena. Returns 1: kept; 0:
 * dropped, the labels are then half rewritten; ERR_TOO_BIG: a pattern ran into its limit of steps;
 * ERR_NOMEM: the arena's budget is spent. */
int relabel_apply(const struct relabel *r, struct labels_builder *b);

#endif
