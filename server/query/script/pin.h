/* Expressions with all of their times fixed. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_PIN_H
#define TELLTALE_QUERY_SCRIPT_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

/* Writes the expression with `@ at_ms` at every selector and subquery that has no @ yet, those
 * within a subquery excepted: the answer is then the same whenever it is asked. False when there is
 * no such expression, because it tells the time of evaluation or the range of the query, or is
 * wrong. */
bool script_pin(struct str expr, int64_t at_ms, struct buf *out);

#endif
