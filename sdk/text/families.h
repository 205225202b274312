/* Which streams are written, in which order, under which name, and which of their series. */
#ifndef TELLTALE_SDK_TEXT_FAMILIES_H
#define TELLTALE_SDK_TEXT_FAMILIES_H

#include "text/writer.h"

struct candidate {
    struct stream *stream;
    struct str family; /* what stands behind "# TYPE"; the stream's */
    size_t order;      /* of creation */
    bool has_value;    /* known once there was a clash to settle */
    bool left_out;     /* in favour of an earlier one; told */
};

/* All that the provider shows, sorted by family and then by age, owned; NULL when out of memory. */
struct candidate *families_list(const struct writer *w, size_t *out_n);

/* Keeps those of a batch of w->stream whose labels no series has that goes before them; makes the
 * labels of the whole family where they are not there in the form asked for. Returns how many are
 * kept: without memory for labels, none. */
size_t without_doubles(const struct writer *w, struct series **batch, size_t n);

#endif
