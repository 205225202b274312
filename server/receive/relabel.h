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

/* The action as a configuration names it: "labelmap". */
const char *relabel_action_name(enum relabel_action action);

struct relabel_step {
    const struct relabel_rule *rule; /* of the configuration */
    struct labels output;            /* empty when dropped */
    bool kept;
};

/* What each rule makes of the labels, up to the one that drops them, for who looks for a mistake.
 * *out is the arena's; errors as those of relabel_new and relabel_apply. */
int relabel_steps(const struct relabel_config *config, const struct labels *labels,
                  struct arena *arena, const struct relabel_step **out, size_t *n, struct err *err);

#endif
