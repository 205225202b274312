#include "codec/remote_write_histogram.h"

#include "codec/native_histogram.h"

#define HISTOGRAM_FIELDS (PB_FIELD(18) - PB_FIELD(1)) /* 1…17 */

/* The sample's own fields; false for those of the histogram. */
static bool read_time(struct pb_reader *r, uint32_t tag, struct sample *out)
{
    if (tag == PB_TAG(15, PB_VARINT))
        out->t_unix_ms = (int64_t)pb_varint(r);
    else if (tag == PB_TAG(17, PB_VARINT))
        out->start_unix_ms = (int64_t)pb_varint(r);
    else
        return false;
    return true;
}

void remote_write_histogram(struct pb_reader *r, struct arena *arena, struct sample *out)
{
    struct native_reading in = {0};
    uint32_t tag;
    *out = (struct sample){0};
    while (pb_next(r, &tag) && !arena_failed(arena))
        if (!native_read_field(&in, r, tag, arena) && !read_time(r, tag, out))
            pb_skip_unknown(r, tag, HISTOGRAM_FIELDS);
    out->histogram = native_read_end(&in, arena);
}
