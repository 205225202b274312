/* Which of two formats a client prefers, by its Accept header. */
#ifndef TELLTALE_SDK_EXPORTERS_PROMETHEUS_ACCEPT_H
#define TELLTALE_SDK_EXPORTERS_PROMETHEUS_ACCEPT_H

#include <stdbool.h>

#include "telltale/prometheus_text.h"

/* `accept` may be NULL. What cannot be understood is passed over. */
enum tt_prometheus_format accept_format(const char *accept);

/* Whether Accept-Encoding (NULL: none) takes gzip. */
bool accept_gzip(const char *accept);

#endif
