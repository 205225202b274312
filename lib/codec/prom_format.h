/* Which format is meant: content types, negotiation, and the escaping of names for readers
 * that know no UTF-8 ones. */
#ifndef TELLTALE_CODEC_PROM_FORMAT_H
#define TELLTALE_CODEC_PROM_FORMAT_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

enum prom_format { PROM_TEXT, PROM_OPENMETRICS, PROM_PROTOBUF };

/* How names that are not plain identifiers are written; `escaping=` in Accept and Content-Type. */
enum prom_escaping {
    PROM_ESCAPE_UNDERSCORES, /* a.b -> a_b */
    PROM_ESCAPE_DOTS,        /* a.b_c -> a_dot_b__c */
    PROM_ESCAPE_VALUES,      /* a.b -> U__a_2e_b */
    PROM_ALLOW_UTF8,         /* as they are, in quotes */
};

struct prom_content {
    enum prom_format format;
    enum prom_escaping escaping;
};

/* What an Accept header prefers of the text and of `others`, which are 1 << PROM_OPENMETRICS,
 * 1 << PROM_PROTOBUF or both: those only when they are asked for by name with the highest q; text
 * 0.0.4 with underscores otherwise (an empty header too). */
struct prom_content prom_negotiate(struct str accept, unsigned others);

/* The Content-Type to send with it; static text. */
const char *prom_content_type(struct prom_content content);

/* The format that a scraped target's Content-Type announces; false when it is none of them. */
bool prom_format_of(struct str content_type, enum prom_format *out);

/* Appends the name so escaped; colons are plain in a `metric` name only. Plain identifiers are
 * unchanged, but for PROM_ESCAPE_DOTS, which doubles their underscores. `name` is UTF-8. */
void prom_escape_name(struct buf *out, struct str name, bool metric, enum prom_escaping escaping);

#endif
