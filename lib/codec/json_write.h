/* Writes JSON into a buffer: commas and escapes are taken care of, nesting is the caller's. */
#ifndef TELLTALE_CODEC_JSON_WRITE_H
#define TELLTALE_CODEC_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct json {
    struct buf *out; /* borrowed */
    bool comma;      /* the next value needs one before it */
};

static inline struct json json_to(struct buf *out)
{
    return (struct json){.out = out};
}

void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);

/* A member's name; its value comes next. `name` is plain text that needs no escapes. */
void json_key(struct json *j, const char *name);

/* Bytes that are not UTF-8 become U+FFFD, so the document stays valid. */
void json_str(struct json *j, struct str s);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);

/* A JSON number; NaN and infinities, which JSON has no word for, become null. */
void json_double(struct json *j, double v);

/* A number as a string, as Prometheus writes sample values: "1.5", "NaN", "+Inf". */
void json_double_str(struct json *j, double v);

/* Unix milliseconds as seconds with up to three decimals. */
void json_seconds(struct json *j, int64_t unix_ms);

/* A sample as Prometheus's API has it: [seconds, "value"]. */
void json_sample(struct json *j, int64_t unix_ms, double v);

/* A value that is JSON already. */
void json_raw(struct json *j, struct str value);

/* key + value in one. */
void json_member_str(struct json *j, const char *name, struct str value);
void json_member_i64(struct json *j, const char *name, int64_t value);

#endif
