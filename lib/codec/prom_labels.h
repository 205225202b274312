/* Private to the text parsers: the label sets of a series or exemplar, {name="value",…}. */
#ifndef TELLTALE_CODEC_PROM_LABELS_H
#define TELLTALE_CODEC_PROM_LABELS_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/prom_format.h"
#include "model/labels.h"

/* The end of the name at `p`: p itself when there is none. */
const char *prom_name_end(const char *p, const char *end);

/* Just behind the closing quote of a text whose first byte (behind the opening quote) is `p`;
 * NULL when it never closes. */
const char *prom_quoted_end(const char *p, const char *end);

/* Just behind the closing brace of a label set whose first byte behind the opening brace is `p`;
 * NULL when it never closes. Looks at nothing but braces, quotes and line ends. */
const char *prom_braces_end(const char *p, const char *end);

/* Parses `name{labels}`, `name` or `{"name",labels}`; with `exemplar`, a bare `{labels}` without a
 * name. Canonical; reasons carry no line number. */
int prom_labels_parse(struct str text, enum prom_format format, bool exemplar, struct arena *arena,
                      struct labels *out, struct err *err);

/* Text without its escapes: \\ \n, and \" when `quotes`; other backslashes stay. Borrowed when
 * there are none, else of the arena. */
struct str prom_unescape(struct str text, bool quotes, struct arena *arena);

#endif
