#include "otlp/answer.h"

#include <string.h>

#include "base/compiler.h"
#include "telltale/api.h"

enum { PARTIAL_SUCCESS = 1, REJECTED = 1, MESSAGE = 2, MESSAGE_MAX = 200 };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct field {
    uint64_t number;
    uint64_t value;   /* of a varint */
    struct str bytes; /* of a field with a length */
};

static bool read_varint(struct str *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; in->n && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)*in->p;
        *in = str_sub(*in, 1, in->n);
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

static bool take(struct str *in, uint64_t n, struct str *out)
{
    if (n > in->n)
        return false;
    *out = str_sub(*in, 0, (size_t)n);
    *in = str_sub(*in, (size_t)n, in->n);
    return true;
}

static bool read_field(struct str *in, struct field *f)
{
    uint64_t tag, n;
    *f = (struct field){0};
    if (!read_varint(in, &tag))
        return false;
    f->number = tag >> 3;
    switch (tag & 7) {
    case VARINT: return read_varint(in, &f->value);
    case FIXED64: return take(in, 8, &f->bytes);
    case FIXED32: return take(in, 4, &f->bytes);
    case BYTES: return read_varint(in, &n) && take(in, n, &f->bytes);
    default: return false;
    }
}

static bool read_partial(struct str in, struct otlp_answer *out)
{
    struct field f;
    while (in.n) {
        if (!read_field(&in, &f))
            return false;
        if (f.number == REJECTED)
            out->rejected = (int64_t)f.value;
        else if (f.number == MESSAGE)
            out->message = f.bytes;
    }
    return true;
}

bool otlp_answer_parse(const char *bytes, size_t n, struct otlp_answer *out)
{
    struct str in = str_of(bytes, n);
    struct field f;
    *out = (struct otlp_answer){0};
    while (in.n) {
        if (!read_field(&in, &f) || (f.number == PARTIAL_SUCCESS && !read_partial(f.bytes, out)))
            return false;
    }
    return true;
}

void otlp_answer_report(const char *bytes, size_t n)
{
    struct otlp_answer answer;
    if (!otlp_answer_parse(bytes, n, &answer) || (answer.rejected == 0 && answer.message.n == 0))
        return;
    char text[MESSAGE_MAX + 1];
    size_t kept = MIN(answer.message.n, MESSAGE_MAX);
    if (kept)
        memcpy(text, answer.message.p, kept);
    text[kept] = '\0';
    tt_problem_tell(TT_PROBLEM_EXPORT, "the collector did not take all of a request", text);
}
