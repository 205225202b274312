/* Text for a terminal, or for a pipe: colours where they are seen, durations and numbers as people
 * read them, and nothing from outside that a terminal would obey. */
#ifndef TELLTALE_CLI_TERMINAL_H
#define TELLTALE_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum colour { PLAIN, RED, YELLOW, GREEN, BLUE, DIM, BOLD };

/* Whether standard output is a terminal that is to be coloured: NO_COLOR and TERM=dumb say no. */
bool terminal_has_colours(void);

/* Begins a colour, or ends it (PLAIN); nothing when `on` is false. */
void terminal_colour(struct buf *out, bool on, enum colour c);

/* Control characters become escapes; at most `max` characters, an ellipsis in place of the rest. */
void terminal_text(struct buf *out, struct str text, size_t max);

/* Blanks until the text since `from` is `width` columns wide; at least one. Colours count as none.
 */
void terminal_pad(struct buf *out, size_t from, size_t width);

/* "850µs", "12.3ms", "1.52s", "3m 20s", "2h 5m". */
void terminal_duration(struct buf *out, int64_t ns);

/* "1,234,567" */
void terminal_count(struct buf *out, int64_t n);

/* "2026-11-21 11:48:49.476" of RFC 3339 text. */
void terminal_time(struct buf *out, struct str rfc3339);

#endif
