/* Which of the formats a client prefers, by its Accept header. */
#ifndef TELLTALE_SDK_EXPORTERS_PROMETHEUS_ACCEPT_H
#define TELLTALE_SDK_EXPORTERS_PROMETHEUS_ACCEPT_H

#include <stdbool.h>

#include "telltale/prometheus_text.h"

struct accepted {
    enum tt_prometheus_format format;
    enum tt_prometheus_escaping escaping; /* underscores, unless others were asked for */
    bool escaping_asked;
    bool text_1_0_0; /* text was asked for by the version that allows quoted names */
};

/* The range with the highest q that we can write; of equal ones those by name, then the first. Text
 * 0.0.4 where there is none, and for NULL. What cannot be understood is passed over. */
struct accepted accept_choose(const char *accept);

/* The Content-Type to answer with. */
enum { CONTENT_TYPE_MAX = 160 };
const char *accepted_content_type(const struct accepted *a, char out[CONTENT_TYPE_MAX]);

/* Whether Accept-Encoding (NULL: none) takes gzip. */
bool accept_gzip(const char *accept);

#endif
