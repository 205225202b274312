/* Scalars of a configuration: variables put in, types found out. */
#ifndef TELLTALE_SDK_DECLARE_SCALAR_H
#define TELLTALE_SDK_DECLARE_SCALAR_H

#include "base/buf.h"
#include "base/str.h"
#include "telltale/attribute.h"

/* Appends the text with its references replaced by variables of the environment. False for a
 * reference that is none; `out` may then have a part. */
bool scalar_substitute(struct buf *out, struct str text);

/* The value of a plain scalar by YAML's core schema: null, truth, integer, double, or text, which
 * is borrowed. */
tt_value scalar_resolve(struct str text);

#endif
