/* What was found damaged: counted, told in the log, and told to those who ask for data that was
 * there. */
#ifndef TELLTALE_STORE_EMBEDDED_DAMAGE_H
#define TELLTALE_STORE_EMBEDDED_DAMAGE_H

#include "store/embedded/engine.h"

/* A block that does not decode: counted each time it is met, logged once a part. */
void damage_note_block(struct store *s, struct part *p);

/* An index that turned out to be damaged: from now on the part is left out. */
void damage_note_part(struct store *s, struct part *p);

/* Keeps a segment of the log that lost rows of these days, and remembers and counts that. */
void damage_note_segment(struct store *s, uint32_t segment, struct day_range days);

/* A file of the day that is set aside: selections of its time tell of it until the file is gone and
 * the store is opened again. See store_is_damaged. */
void damage_note_day(struct store *s, int64_t day);

/* The same of a day rolled up: told of where its samples are gone, for else these are read. */
void damage_note_rolled_day(struct store *s, int64_t day);

#endif
