/* Points of numbers in the form that nearly all have: attributes together, times, a value, each tag
 * in one byte. Reading them by the table of fields takes three times as long. */
#include "codec/otlp_schema.h"
#include "codec/protobuf.h"

/* The end of the attributes that begin at `p`, tags and all; NULL: they are not short and whole. */
static const char *skip_attributes(const char *p, const char *end)
{
    while (p < end && *p == PB_TAG(7, PB_LEN)) {
        if (end - p < 2 || (signed char)p[1] < 0 || end - p - 2 < p[1])
            return NULL;
        p += 2 + p[1];
    }
    return p;
}

/* The eight bytes behind the tag belong to it. */
static bool read_value(struct otlp_number_point *to, char tag, const char *p)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint64_t)(unsigned char)p[i] << (8 * i);
    switch (tag) {
    case PB_TAG(2, PB_I64): to->point.start_time_unix_ns = bits; return true;
    case PB_TAG(3, PB_I64): to->point.time_unix_ns = bits; return true;
    case PB_TAG(4, PB_I64): to->kind = OTLP_NUMBER_DOUBLE; break;
    case PB_TAG(6, PB_I64): to->kind = OTLP_NUMBER_INT; break;
    default: return false;
    }
    memcpy(&to->i64, &bits, sizeof bits);
    return true;
}

bool otlp_usual_number_point(struct str message, void *out)
{
    struct otlp_number_point point = {0};
    const char *p = message.p, *end = p + message.n;
    while (p < end) {
        char tag = *p;
        if (tag == PB_TAG(7, PB_LEN)) {
            const char *from = p;
            p = skip_attributes(p, end);
            if (!p || point.point.sent.n)
                return false;
            point.point.sent = str_of(from, (size_t)(p - from));
        } else {
            if (end - p < 9 || !read_value(&point, tag, p + 1))
                return false;
            p += 9;
        }
    }
    memcpy(out, &point, sizeof point);
    return true;
}
