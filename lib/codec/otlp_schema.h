/* Private to the OTLP codecs: the messages of an export request as data. Both decoders walk these
 * tables, so protobuf and JSON give the same tree, and a field is described once. */
#ifndef TELLTALE_CODEC_OTLP_SCHEMA_H
#define TELLTALE_CODEC_OTLP_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "codec/otlp.h"
#include "codec/protobuf.h"

/* What a field is on the wire and in its struct. */
enum otlp_field_kind {
    OTLP_FIELD_NONE,            /* not a field we know */
    OTLP_FIELD_FIXED64,         /* uint64_t; also sfixed64 as int64_t */
    OTLP_FIELD_FIXED64_F64,     /* sfixed64, kept as double */
    OTLP_FIELD_FIXED32,         /* uint32_t */
    OTLP_FIELD_DOUBLE,          /* double */
    OTLP_FIELD_OPTIONAL_DOUBLE, /* double, and a bool at `aux` */
    OTLP_FIELD_INT64,           /* int64_t from a varint */
    OTLP_FIELD_UINT32,          /* uint32_t from a varint */
    OTLP_FIELD_SINT32,          /* int32_t from a zigzag varint */
    OTLP_FIELD_ENUM,            /* int32_t from a varint */
    OTLP_FIELD_BOOL,            /* bool */
    OTLP_FIELD_STRING,          /* struct str */
    OTLP_FIELD_BYTES,           /* struct str; base64 in JSON */
    OTLP_FIELD_ID,              /* struct str; hex in JSON */
    OTLP_FIELD_FIXED64S,        /* packed; pointer, and the count at `aux` */
    OTLP_FIELD_DOUBLES,         /* packed; pointer, and the count at `aux` */
    OTLP_FIELD_UINT64S,         /* packed varints; pointer, and the count at `aux` */
    OTLP_FIELD_MESSAGE,         /* a struct in place */
    OTLP_FIELD_MESSAGES,        /* pointer to an array, and the count at `aux` */
};

struct otlp_message;
struct otlp_decoder;

struct otlp_field {
    const char *name; /* as in the .proto files; in JSON the same in lowerCamelCase */
    enum otlp_field_kind kind;
    uint16_t offset, aux;   /* in the message's struct */
    uint16_t choice_offset; /* of a oneof: where the chosen member is noted… */
    int32_t choice;         /* …as this enumerator; 0: not of a oneof */
    uint16_t sent;          /* of a lazy decoding: the struct str for the bytes; 0: none */
    const struct otlp_message *message; /* OTLP_FIELD_MESSAGE, OTLP_FIELD_MESSAGES */
};

/* Which limit holds for repeated messages of this kind. */
enum otlp_limit { OTLP_NO_LIMIT, OTLP_LIMIT_POINTS, OTLP_LIMIT_ATTRIBUTES };

struct otlp_message {
    uint16_t size;         /* of its struct */
    enum otlp_limit limit; /* on how many there may be */
    /* Of a lazy decoding: fills the struct, all zero, as the table would, or leaves it and answers
     * false for what is not in the usual form. May be NULL. */
    bool (*usual)(struct otlp_decoder *d, struct str message, void *out);
    struct otlp_field fields[PB_COUNTED]; /* by number */
};

extern const struct otlp_message otlp_request_message, otlp_traces_message, otlp_logs_message;

/* What the messages of all signals contain. */
extern const struct otlp_message otlp_any_value_message, otlp_key_value_message, otlp_scope_message,
    otlp_resource_message;

/* Rows of the tables: the field's name is that of the .proto file, `member` that of the
 * struct. */
#define SCALAR(kind_, name_, type, member)                                                         \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct type, member)                  \
    }
#define WITH(kind_, name_, type, member, aux_)                                                     \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct type, member),                 \
        .aux = offsetof(struct type, aux_)                                                         \
    }
#define MESSAGE(name_, type, member, message_)                                                     \
    {                                                                                              \
        .name = (name_), .kind = OTLP_FIELD_MESSAGE, .offset = offsetof(struct type, member),      \
        .message = &(message_)                                                                     \
    }
#define MESSAGE_AS_SENT(name_, type, member, message_, sent_)                                      \
    {                                                                                              \
        .name = (name_), .kind = OTLP_FIELD_MESSAGE, .offset = offsetof(struct type, member),      \
        .message = &(message_), .sent = offsetof(struct type, sent_)                               \
    }
#define MESSAGES(name_, type, member, count, message_)                                             \
    {                                                                                              \
        .name = (name_), .kind = OTLP_FIELD_MESSAGES, .offset = offsetof(struct type, member),     \
        .aux = offsetof(struct type, count), .message = &(message_)                                \
    }
#define CHOICE(kind_, name_, type, member, which, choice_)                                         \
    {                                                                                              \
        .name = (name_), .kind = (kind_), .offset = offsetof(struct type, member),                 \
        .choice_offset = offsetof(struct type, which), .choice = (choice_)                         \
    }
#define CHOICE_MESSAGE(name_, type, member, which, choice_, message_)                              \
    {                                                                                              \
        .name = (name_), .kind = OTLP_FIELD_MESSAGE, .offset = offsetof(struct type, member),      \
        .choice_offset = offsetof(struct type, which), .choice = (choice_), .message = &(message_) \
    }

#define ATTRIBUTES(name_, type, member)                                                            \
    MESSAGES(name_, type, member.v, member.n, otlp_key_value_message)

/* Fills `out`, a struct of m->size bytes, from a message of the kind `m`. */
int otlp_decode_message(struct str body, const struct otlp_message *m,
                        const struct otlp_limits *limits, struct arena *arena, void *out,
                        struct err *err);
int otlp_json_decode_message(struct str body, const struct otlp_message *m,
                             const struct otlp_limits *limits, struct arena *arena, void *out,
                             struct err *err);

bool otlp_usual_metric(struct otlp_decoder *d, struct str message, void *out);
bool otlp_usual_number_point(struct otlp_decoder *d, struct str message, void *out);
bool otlp_usual_histogram_point(struct otlp_decoder *d, struct str message, void *out);

/* Attributes of a point alone: whatever their field's number is there. Fills a struct otlp_point.
 */
extern const struct otlp_message otlp_point_attributes_message;

/* ---- what both decoders keep while they run ---- */

struct otlp_decoder {
    struct arena *arena;
    struct err *err;
    struct otlp_limits limits; /* with defaults filled in */
    size_t n_points;
    unsigned values; /* those within each other that are being read */
    bool lazy;
};

void otlp_decoder_init(struct otlp_decoder *d, const struct otlp_limits *limits,
                       struct arena *arena, struct err *err);

/* Enters the message of a field; ERR_TOO_BIG "field: …" when it is a value that is nested too deep.
 * Only values can be: no other message contains its like. */
int otlp_enter(struct otlp_decoder *d, const struct otlp_field *field);
void otlp_leave(struct otlp_decoder *d, const struct otlp_field *field);

/* Counts `more` messages towards their limit, when there are `n` in this array: 0 or ERR_TOO_BIG.
 */
int otlp_check_limit(struct otlp_decoder *d, const struct otlp_field *field, size_t n, size_t more);

/* "field: the request needs more than … bytes of memory". */
int otlp_no_memory(struct otlp_decoder *d, const char *field);

/* Prepares a field's place for a new value: a oneof's choice is noted, an embedded message of it
 * starts empty. Returns the place. */
static inline void *otlp_field_place(const struct otlp_field *f, void *message)
{
    char *place = (char *)message + f->offset;
    if (f->choice) {
        memcpy((char *)message + f->choice_offset, &f->choice, sizeof f->choice);
        if (f->kind == OTLP_FIELD_MESSAGE)
            memset(place, 0, f->message->size);
    }
    return place;
}

/* Array fields: the pointer at `offset` and the count at `aux`. */
static inline void otlp_set_array(const struct otlp_field *f, void *message, const void *v,
                                  size_t n)
{
    memcpy((char *)message + f->offset, &v, sizeof v);
    memcpy((char *)message + f->aux, &n, sizeof n);
}

#endif
