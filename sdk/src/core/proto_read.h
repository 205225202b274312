/* Reading protobuf that this library wrote: for what was encoded early and is asked for later. */
#ifndef TELLTALE_CORE_PROTO_READ_H
#define TELLTALE_CORE_PROTO_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/attribute.h"

struct proto_field {
    unsigned field, wire;
    uint64_t number; /* of a varint or fixed field */
    const char *p;   /* of a field of bytes; not NUL-terminated */
    size_t n;
};

/* The next field before `end`; false at the end. */
bool proto_next(const char **inout_p, const char *end, struct proto_field *out);

/* A KeyValue; arrays and maps come with `n` 0. It borrows from the message. */
void proto_read_attr(const struct proto_field *f, tt_attr *out);

/* An AnyValue, likewise. */
tt_value proto_read_value(const char *p, size_t n);

#endif
