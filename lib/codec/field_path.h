/* Errors that say where in a message they happened, as a path of its fields:
 *
 *   resource_metrics[0].scope_metrics[2].metrics[7].gauge.data_points[1].time_unix_nano: …
 *
 * The innermost decoder fills `err` with "field: reason"; each one around it puts its own field in
 * front on the way out, so a path costs nothing until something is wrong. */
#ifndef TELLTALE_CODEC_FIELD_PATH_H
#define TELLTALE_CODEC_FIELD_PATH_H

#include <stddef.h>

#include "base/err.h"

/* Put "field." or "field[index]." before the message and return `code`. `err` may be NULL. */
int err_in_field(struct err *err, int code, const char *field);
int err_in_element(struct err *err, int code, const char *field, size_t index);

#endif
