/* Label names in URLs. */
#ifndef TELLTALE_API_PROMETHEUS_LABEL_NAME_H
#define TELLTALE_API_PROMETHEUS_LABEL_NAME_H

#include "base/arena.h"
#include "base/str.h"

/* Names that are not plain identifiers come as U__…: "_" stands for itself doubled, any other
 * character as _hex_ of its code point, as in U__http_2e_method for http.method. Text without the
 * prefix, or with a bad escape, is returned as it is. In the arena. */
struct str label_name_unescape(struct arena *arena, struct str text);

#endif
