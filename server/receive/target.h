/* A target: what is scraped, and the labels its series get. Made by relabelling what was
 * discovered; immutable after. */
#ifndef TELLTALE_RECEIVE_TARGET_H
#define TELLTALE_RECEIVE_TARGET_H

#include <stdint.h>

#include "base/err.h"
#include "config/scrape_config.h"
#include "model/labels.h"

struct arena;
struct relabel;

struct target {
    struct labels discovered; /* before relabelling; secrets masked */
    struct labels labels;     /* without those that begin with "__" */
    struct str url;           /* with parameters; NUL-terminated; may contain secrets */
    struct str shown_url;     /* to log and show */
    int64_t interval_ms, timeout_ms;
    uint64_t hash; /* of labels and url: two targets with the same are one */
    bool dropped;  /* by relabelling: only `discovered` is set */
};

/* Makes the target of one discovered address; text is copied to the arena. `group_labels`: those of
 * its group, __meta_… among them. ERR_INVALID with the reason (no address, bad interval …),
 * ERR_NOMEM. */
int target_make(const struct scrape_config *config, const struct relabel *relabel,
                struct str address, const struct config_label *group_labels, size_t n_group_labels,
                struct arena *arena, struct target *out, struct err *err);

/* A deep copy in the arena; test arena_failed() after. */
void target_copy(struct arena *arena, const struct target *from, struct target *out);

#endif
