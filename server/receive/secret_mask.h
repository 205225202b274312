/* Keeps what the configuration took from ${…} out of sight. */
#ifndef TELLTALE_RECEIVE_SECRET_MASK_H
#define TELLTALE_RECEIVE_SECRET_MASK_H

#include "config/scrape_config.h"

struct arena;

/* The text with the job's secrets replaced by "<secret>", so that it may be logged and shown: in
 * the arena, or the text itself when there is none in it. Test arena_failed() after. */
struct str secret_mask(const struct scrape_config *c, struct str text, struct arena *arena);

#endif
