/* OpenTelemetry's names and labels in Prometheus's terms. */
#ifndef TELLTALE_SDK_TEXT_NAMES_H
#define TELLTALE_SDK_TEXT_NAMES_H

#include "base/buf.h"
#include "metrics/exemplar.h"
#include "metrics/provider.h"
#include "telltale/prometheus_text.h"

/* How names and labels are written. */
struct prometheus_form {
    enum tt_prometheus_names names;
    enum tt_prometheus_escaping escaping;
    bool proto;         /* labels as messages, not as text */
    bool without_scope; /* the scope has no labels that those of a series could be taken for */
    bool total;         /* counters end in _total, whatever `names` say */
    /* Attributes that a series has unless it has others of their names; NULL: none. */
    const struct attr_set *constants;
};

/* Above 0, and another for each form, whatever its constants. */
static inline uint8_t prometheus_form_id(struct prometheus_form f)
{
    return (uint8_t)(1 + f.names + 4 * f.escaping + 16 * f.proto + 32 * f.without_scope +
                     64 * f.total);
}

/* --- names --- */

/* The family of a stream: its name as asked, with the _total of a counter, as a text for free().
 * NULL when out of memory. */
char *prometheus_family(const struct stream *s, struct prometheus_form form);

/* What the family ends with that a counter alone has: "_total", or nothing. */
struct str prometheus_total(const struct stream *s, struct prometheus_form form);

/* The unit as a word of Prometheus ("s" -> "seconds"); empty when it adds none to the name. */
void prometheus_unit(struct buf *out, const struct stream *s);

bool prometheus_has_suffixes(enum tt_prometheus_names names);
bool prometheus_has_utf8(enum tt_prometheus_names names);

/* Characters that are not plain become underscores, several of them one. */
void prometheus_sanitise(struct buf *out, struct str text, bool colon);

/* Whether a name needs no quotes. Colons are plain in that of a metric only. */
bool prometheus_is_plain(struct str name, bool metric);

/* The name as a scraper wants it; plain ones are left alone, but by TT_ESCAPING_DOTS.
 * prometheus_escapes: whether this one changes. */
void prometheus_escape(struct buf *out, struct str name, bool metric,
                       enum tt_prometheus_escaping escaping);
bool prometheus_escapes(struct str name, bool metric, enum tt_prometheus_escaping escaping);

/* --- labels --- */

/* Whose attributes they are: which names are left out, because they are others' in an exposition,
 * which a scraper that found them twice would refuse as a whole. */
enum prometheus_labels_of {
    LABELS_OF_SERIES,    /* not otel_scope_…, where there are labels of the scope */
    LABELS_OF_HISTOGRAM, /* nor le */
    LABELS_OF_SCOPE,     /* with otel_scope_ before each; not name, version, schema_url */
    LABELS_OF_OTHERS
};

/* Attributes as labels: a="b",c="d", after a comma unless they are the first behind a "{" or in the
 * buffer; or as messages. Names that become the same by translation are one label, whose values are
 * joined by ";". In the order of the names; __name__, names and values that are empty are left out.
 */
void prometheus_labels(struct buf *out, const struct attr_set *attrs, enum prometheus_labels_of of,
                       struct prometheus_form form);

/* One label, in the same way. */
void prometheus_pair(struct buf *out, struct prometheus_form form, struct str name,
                     struct str value);

/* A text of which every byte that belongs to no character of UTF-8 became U+FFFD: scrapers refuse
 * the whole page for one. */
void prometheus_put_utf8(struct buf *out, struct str text);

/* Those of an exemplar: its ids, and the others where they fit. */
void prometheus_exemplar_labels(struct buf *out, const struct exemplar *e,
                                struct prometheus_form form);

/* A label's value with its quotes. */
void prometheus_quote(struct buf *out, struct str text);

#endif
