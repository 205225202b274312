/* A pull reader of JSON (RFC 8259) over borrowed bytes, in the manner of protobuf.h: the first
 * damage is noted, the reader moves to its end, and later reads give nothing. It allocates only for
 * strings with escapes, so a hostile document costs no more memory than its own bytes.
 *
 *   json_enter_object(&r);                   // the value is an object: json_peek says so
 *   while (json_next_member(&r, &key)) {
 *       if (str_eq(key, STR("name"))) name = json_read_string(&r);
 *       else json_skip(&r);
 *   }
 *   if (json_failed(&r)) return json_error(&r, "name", err);
 */
#ifndef TELLTALE_CODEC_JSON_READ_H
#define TELLTALE_CODEC_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum json_kind {
    JSON_KIND_NONE, /* damage, or the end */
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_NUMBER,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
};

struct json_reader {
    const char *at, *end, *start;
    struct arena *arena; /* for strings with escapes */
    const char *damage;  /* what is wrong, static text; NULL: nothing */
    struct str found;    /* in place of what was expected; p NULL: the damage says it all */
    size_t damage_offset;
    unsigned depth, max_depth; /* of arrays and objects */
    bool first;                /* no comma is due before the next member or element */
};

/* `max_depth` of nested arrays and objects. */
struct json_reader json_reader_of(struct str bytes, struct arena *arena, unsigned max_depth);

static inline bool json_failed(const struct json_reader *r)
{
    return r->damage != NULL;
}

/* Notes the first damage, also one that the caller finds; `what`: static text. */
void json_damage(struct json_reader *r, const char *what);

/* The same of a value that is not what was expected. `found`: what it is, in words, or as it stands
 * in the document. */
void json_unexpected(struct json_reader *r, const char *expected, struct str found);

/* "field: what, at byte N", "field: expected; found X, at byte N"; ERR_INVALID, or ERR_NOMEM when
 * the arena's budget was spent. */
int json_error(const struct json_reader *r, const char *field, struct err *err);

/* What the next value is; nothing is read. */
enum json_kind json_peek(struct json_reader *r);

/* Read the next value; of another kind, it is damage. Strings are UTF-8. A number is its text. */
bool json_read_bool(struct json_reader *r);
struct str json_read_string(struct json_reader *r);
struct str json_read_number(struct json_reader *r);

/* Enters an object (array); then _next_member (_next_element) is true before each of its values and
 * false at its end. */
void json_enter_object(struct json_reader *r);
bool json_next_member(struct json_reader *r, struct str *out_key);
void json_enter_array(struct json_reader *r);
bool json_next_element(struct json_reader *r);

/* Passes over the next value, whatever it is. */
void json_skip(struct json_reader *r);

/* Nothing but white space may follow the document. */
void json_finish(struct json_reader *r);

#endif
