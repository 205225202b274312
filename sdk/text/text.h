/* Samples of the text formats, and what both parts of their writer use. */
#ifndef TELLTALE_SDK_TEXT_TEXT_H
#define TELLTALE_SDK_TEXT_TEXT_H

#include "text/writer.h"

void text_put_number(struct writer *w, const struct point *p);
void text_put_histogram(struct writer *w, struct point *p);

/* The family's name and a suffix in quotes. */
void text_put_quoted_name(struct writer *w, const char *suffix);

/* Seconds with three digits behind the point. */
void text_put_time(struct buf *out, int64_t unix_ns);

#endif
