/* Is a page of metrics well-formed as a whole? The parser (prom_text.h) is as tolerant as a scrape;
 * here are the rules that a careful exposition keeps on top of it: each family in one piece with
 * its type before its samples, the suffixes and labels that the type asks for, buckets in order, no
 * sample twice. */
#ifndef TELLTALE_CODEC_PROM_CHECK_H
#define TELLTALE_CODEC_PROM_CHECK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/prom_format.h"

/* Reads the whole `body`. 0 when all is well; ERR_INVALID with the number of the first wrong line
 * and what is wrong there; ERR_NOMEM when the arena's budget is spent. */
int prom_check(struct str body, enum prom_format format, struct arena *arena, struct err *err);

#endif
