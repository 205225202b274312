/* Reading protobuf, field by field. */
#ifndef TELLTALE_SDK_EXPORTERS_WIRE_FIELD_H
#define TELLTALE_SDK_EXPORTERS_WIRE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum wire_type { WIRE_IS_VARINT = 0, WIRE_IS_FIXED64 = 1, WIRE_IS_BYTES = 2, WIRE_IS_FIXED32 = 5 };

struct wire_field {
    uint64_t number;
    enum wire_type type;
    uint64_t value;   /* of a number, as its bits */
    struct str bytes; /* of a field with a length; borrowed from the message */
};

/* Takes the next field off `*message`: 1, or 0 at its end, or -1 where it is malformed. */
int wire_next(struct str *message, struct wire_field *out);

/* Takes a number off `*packed`, as packed fields have them one after the other. False at the end,
 * or where it is malformed. */
bool wire_next_number(struct str *packed, enum wire_type type, uint64_t *out);

#endif
