/* Answers in gzip. */
#ifndef TELLTALE_SDK_EXPORTERS_PROMETHEUS_SQUEEZE_H
#define TELLTALE_SDK_EXPORTERS_PROMETHEUS_SQUEEZE_H

#include <stddef.h>

/* The text as a stream of gzip, for free(). NULL when out of memory, and when it would not become
 * shorter. */
char *squeeze(const char *text, size_t n, size_t *out_n);

#endif
