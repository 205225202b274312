/* A table says of each message which fields it has and how JSON shows them; one walker follows it.
 *
 * Repeated fields become one array, wherever in the message they stand: the walker looks through a
 * message once for each field that occurs in it. Of a field that is not repeated the last one
 * counts, as protobuf says. Fields that are there with a default value are shown; those that are
 * absent are not. */
#include "wire/otlp_json.h"

#include <math.h>

#include "base/num.h"
#include "base/word.h"
#include "wire/field.h"

enum { DEPTH_MAX = 100, NUMBER_MAX = 32 };

/* How a field's value is shown. Numbers tell how they are on the wire by what they are. */
enum show {
    TEXT = 1,
    ID,     /* bytes, in hexadecimal digits */
    BYTES,  /* bytes, in base64 */
    BOOL,   /* varint */
    INT,    /* varint of 32 bits */
    CODE,   /* of an enum: 32 bits with a sign */
    SINT,   /* the same, in zigzag */
    FLAGS,  /* fixed32 */
    I64,    /* varint, as text */
    U64,    /* varint, as text */
    F64,    /* fixed64, as text */
    SF64,   /* the same, signed */
    DOUBLE, /* fixed64 */
    MESSAGE
};

/* Messages that are not in enum otlp_kind. */
enum {
    ARRAY = OTLP_VALUE + 1,
    LIST,
    ENTITY,
    RESOURCE_SPANS,
    SCOPE_SPANS,
    EVENT,
    LINK,
    STATUS,
    RESOURCE_LOGS,
    SCOPE_LOGS,
    RESOURCE_METRICS,
    SCOPE_METRICS,
    GAUGE,
    SUM,
    HISTOGRAM,
    EXPONENTIAL,
    SUMMARY,
    POINT,
    HISTOGRAM_POINT,
    EXPONENTIAL_POINT,
    BUCKETS,
    SUMMARY_POINT,
    QUANTILE,
    EXEMPLAR,
    MESSAGES
};

struct member {
    unsigned char number, show, of; /* `of`: which message */
    bool repeated;
    char name[28];
};

#define ONE(n, show, name)                                                                         \
    {                                                                                              \
        n, show, 0, false, name                                                                    \
    }
#define MANY(n, show, name)                                                                        \
    {                                                                                              \
        n, show, 0, true, name                                                                     \
    }
#define SUB(n, of, name)                                                                           \
    {                                                                                              \
        n, MESSAGE, of, false, name                                                                \
    }
#define SUBS(n, of, name)                                                                          \
    {                                                                                              \
        n, MESSAGE, of, true, name                                                                 \
    }

static const struct member traces[] = {SUBS(1, RESOURCE_SPANS, "resourceSpans"), {0}};
static const struct member metrics[] = {SUBS(1, RESOURCE_METRICS, "resourceMetrics"), {0}};
static const struct member logs[] = {SUBS(1, RESOURCE_LOGS, "resourceLogs"), {0}};
static const struct member resource[] = {SUBS(1, OTLP_ATTRIBUTE, "attributes"),
                                         ONE(2, INT, "droppedAttributesCount"),
                                         SUBS(3, ENTITY, "entityRefs"),
                                         {0}};
static const struct member scope[] = {ONE(1, TEXT, "name"),
                                      ONE(2, TEXT, "version"),
                                      SUBS(3, OTLP_ATTRIBUTE, "attributes"),
                                      ONE(4, INT, "droppedAttributesCount"),
                                      {0}};
static const struct member attribute[] = {ONE(1, TEXT, "key"), SUB(2, OTLP_VALUE, "value"), {0}};
static const struct member value[] = {ONE(1, TEXT, "stringValue"), ONE(2, BOOL, "boolValue"),
                                      ONE(3, I64, "intValue"),     ONE(4, DOUBLE, "doubleValue"),
                                      SUB(5, ARRAY, "arrayValue"), SUB(6, LIST, "kvlistValue"),
                                      ONE(7, BYTES, "bytesValue"), {0}};
static const struct member array[] = {SUBS(1, OTLP_VALUE, "values"), {0}};
static const struct member list[] = {SUBS(1, OTLP_ATTRIBUTE, "values"), {0}};
static const struct member entity[] = {ONE(1, TEXT, "schemaUrl"),
                                       ONE(2, TEXT, "type"),
                                       MANY(3, TEXT, "idKeys"),
                                       MANY(4, TEXT, "descriptionKeys"),
                                       {0}};

static const struct member resource_spans[] = {SUB(1, OTLP_RESOURCE, "resource"),
                                               SUBS(2, SCOPE_SPANS, "scopeSpans"),
                                               ONE(3, TEXT, "schemaUrl"),
                                               {0}};
static const struct member scope_spans[] = {
    SUB(1, OTLP_SCOPE, "scope"), SUBS(2, OTLP_SPAN, "spans"), ONE(3, TEXT, "schemaUrl"), {0}};
static const struct member span[] = {ONE(1, ID, "traceId"),
                                     ONE(2, ID, "spanId"),
                                     ONE(3, TEXT, "traceState"),
                                     ONE(4, ID, "parentSpanId"),
                                     ONE(16, FLAGS, "flags"),
                                     ONE(5, TEXT, "name"),
                                     ONE(6, CODE, "kind"),
                                     ONE(7, F64, "startTimeUnixNano"),
                                     ONE(8, F64, "endTimeUnixNano"),
                                     SUBS(9, OTLP_ATTRIBUTE, "attributes"),
                                     ONE(10, INT, "droppedAttributesCount"),
                                     SUBS(11, EVENT, "events"),
                                     ONE(12, INT, "droppedEventsCount"),
                                     SUBS(13, LINK, "links"),
                                     ONE(14, INT, "droppedLinksCount"),
                                     SUB(15, STATUS, "status"),
                                     {0}};
static const struct member event[] = {ONE(1, F64, "timeUnixNano"),
                                      ONE(2, TEXT, "name"),
                                      SUBS(3, OTLP_ATTRIBUTE, "attributes"),
                                      ONE(4, INT, "droppedAttributesCount"),
                                      {0}};
static const struct member link[] = {ONE(1, ID, "traceId"),
                                     ONE(2, ID, "spanId"),
                                     ONE(3, TEXT, "traceState"),
                                     SUBS(4, OTLP_ATTRIBUTE, "attributes"),
                                     ONE(5, INT, "droppedAttributesCount"),
                                     ONE(6, FLAGS, "flags"),
                                     {0}};
static const struct member status[] = {ONE(2, TEXT, "message"), ONE(3, CODE, "code"), {0}};

static const struct member resource_logs[] = {SUB(1, OTLP_RESOURCE, "resource"),
                                              SUBS(2, SCOPE_LOGS, "scopeLogs"),
                                              ONE(3, TEXT, "schemaUrl"),
                                              {0}};
static const struct member scope_logs[] = {SUB(1, OTLP_SCOPE, "scope"),
                                           SUBS(2, OTLP_LOG_RECORD, "logRecords"),
                                           ONE(3, TEXT, "schemaUrl"),
                                           {0}};
static const struct member log_record[] = {ONE(1, F64, "timeUnixNano"),
                                           ONE(11, F64, "observedTimeUnixNano"),
                                           ONE(2, CODE, "severityNumber"),
                                           ONE(3, TEXT, "severityText"),
                                           SUB(5, OTLP_VALUE, "body"),
                                           SUBS(6, OTLP_ATTRIBUTE, "attributes"),
                                           ONE(7, INT, "droppedAttributesCount"),
                                           ONE(8, FLAGS, "flags"),
                                           ONE(9, ID, "traceId"),
                                           ONE(10, ID, "spanId"),
                                           ONE(12, TEXT, "eventName"),
                                           {0}};

static const struct member resource_metrics[] = {SUB(1, OTLP_RESOURCE, "resource"),
                                                 SUBS(2, SCOPE_METRICS, "scopeMetrics"),
                                                 ONE(3, TEXT, "schemaUrl"),
                                                 {0}};
static const struct member scope_metrics[] = {
    SUB(1, OTLP_SCOPE, "scope"), SUBS(2, OTLP_METRIC, "metrics"), ONE(3, TEXT, "schemaUrl"), {0}};
static const struct member metric[] = {ONE(1, TEXT, "name"),
                                       ONE(2, TEXT, "description"),
                                       ONE(3, TEXT, "unit"),
                                       SUB(5, GAUGE, "gauge"),
                                       SUB(7, SUM, "sum"),
                                       SUB(9, HISTOGRAM, "histogram"),
                                       SUB(10, EXPONENTIAL, "exponentialHistogram"),
                                       SUB(11, SUMMARY, "summary"),
                                       SUBS(12, OTLP_ATTRIBUTE, "metadata"),
                                       {0}};
static const struct member gauge[] = {SUBS(1, POINT, "dataPoints"), {0}};
static const struct member sum[] = {SUBS(1, POINT, "dataPoints"),
                                    ONE(2, CODE, "aggregationTemporality"),
                                    ONE(3, BOOL, "isMonotonic"),
                                    {0}};
static const struct member histogram[] = {
    SUBS(1, HISTOGRAM_POINT, "dataPoints"), ONE(2, CODE, "aggregationTemporality"), {0}};
static const struct member exponential[] = {
    SUBS(1, EXPONENTIAL_POINT, "dataPoints"), ONE(2, CODE, "aggregationTemporality"), {0}};
static const struct member summary[] = {SUBS(1, SUMMARY_POINT, "dataPoints"), {0}};
static const struct member point[] = {SUBS(7, OTLP_ATTRIBUTE, "attributes"),
                                      ONE(2, F64, "startTimeUnixNano"),
                                      ONE(3, F64, "timeUnixNano"),
                                      ONE(4, DOUBLE, "asDouble"),
                                      ONE(6, SF64, "asInt"),
                                      SUBS(5, EXEMPLAR, "exemplars"),
                                      ONE(8, INT, "flags"),
                                      {0}};
static const struct member histogram_point[] = {SUBS(9, OTLP_ATTRIBUTE, "attributes"),
                                                ONE(2, F64, "startTimeUnixNano"),
                                                ONE(3, F64, "timeUnixNano"),
                                                ONE(4, F64, "count"),
                                                ONE(5, DOUBLE, "sum"),
                                                MANY(6, F64, "bucketCounts"),
                                                MANY(7, DOUBLE, "explicitBounds"),
                                                SUBS(8, EXEMPLAR, "exemplars"),
                                                ONE(10, INT, "flags"),
                                                ONE(11, DOUBLE, "min"),
                                                ONE(12, DOUBLE, "max"),
                                                {0}};
static const struct member exponential_point[] = {SUBS(1, OTLP_ATTRIBUTE, "attributes"),
                                                  ONE(2, F64, "startTimeUnixNano"),
                                                  ONE(3, F64, "timeUnixNano"),
                                                  ONE(4, F64, "count"),
                                                  ONE(5, DOUBLE, "sum"),
                                                  ONE(6, SINT, "scale"),
                                                  ONE(7, F64, "zeroCount"),
                                                  SUB(8, BUCKETS, "positive"),
                                                  SUB(9, BUCKETS, "negative"),
                                                  ONE(10, INT, "flags"),
                                                  SUBS(11, EXEMPLAR, "exemplars"),
                                                  ONE(12, DOUBLE, "min"),
                                                  ONE(13, DOUBLE, "max"),
                                                  ONE(14, DOUBLE, "zeroThreshold"),
                                                  {0}};
static const struct member buckets[] = {ONE(1, SINT, "offset"), MANY(2, U64, "bucketCounts"), {0}};
static const struct member summary_point[] = {SUBS(7, OTLP_ATTRIBUTE, "attributes"),
                                              ONE(2, F64, "startTimeUnixNano"),
                                              ONE(3, F64, "timeUnixNano"),
                                              ONE(4, F64, "count"),
                                              ONE(5, DOUBLE, "sum"),
                                              SUBS(6, QUANTILE, "quantileValues"),
                                              ONE(8, INT, "flags"),
                                              {0}};
static const struct member quantile[] = {ONE(1, DOUBLE, "quantile"), ONE(2, DOUBLE, "value"), {0}};
static const struct member exemplar[] = {SUBS(7, OTLP_ATTRIBUTE, "filteredAttributes"),
                                         ONE(2, F64, "timeUnixNano"),
                                         ONE(3, DOUBLE, "asDouble"),
                                         ONE(6, SF64, "asInt"),
                                         ONE(4, ID, "spanId"),
                                         ONE(5, ID, "traceId"),
                                         {0}};

static const struct member *const messages[MESSAGES] = {
    [OTLP_TRACES] = traces,
    [OTLP_METRICS] = metrics,
    [OTLP_LOGS] = logs,
    [OTLP_RESOURCE] = resource,
    [OTLP_SCOPE] = scope,
    [OTLP_SPAN] = span,
    [OTLP_METRIC] = metric,
    [OTLP_LOG_RECORD] = log_record,
    [OTLP_ATTRIBUTE] = attribute,
    [OTLP_VALUE] = value,
    [ARRAY] = array,
    [LIST] = list,
    [ENTITY] = entity,
    [RESOURCE_SPANS] = resource_spans,
    [SCOPE_SPANS] = scope_spans,
    [EVENT] = event,
    [LINK] = link,
    [STATUS] = status,
    [RESOURCE_LOGS] = resource_logs,
    [SCOPE_LOGS] = scope_logs,
    [RESOURCE_METRICS] = resource_metrics,
    [SCOPE_METRICS] = scope_metrics,
    [GAUGE] = gauge,
    [SUM] = sum,
    [HISTOGRAM] = histogram,
    [EXPONENTIAL] = exponential,
    [SUMMARY] = summary,
    [POINT] = point,
    [HISTOGRAM_POINT] = histogram_point,
    [EXPONENTIAL_POINT] = exponential_point,
    [BUCKETS] = buckets,
    [SUMMARY_POINT] = summary_point,
    [QUANTILE] = quantile,
    [EXEMPLAR] = exemplar,
};

/* --- values ---------------------------------------------------------------------------------- */

void json_put_hex(struct buf *out, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *to = bytes.n ? buf_reserve(out, 2 * bytes.n) : NULL;
    if (!to)
        return;
    for (size_t i = 0; i < bytes.n; i++) {
        *to++ = digits[(unsigned char)bytes.p[i] >> 4];
        *to++ = digits[(unsigned char)bytes.p[i] & 15];
    }
    buf_advance(out, 2 * bytes.n);
}

static void put_base64(struct buf *out, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < bytes.n ? (unsigned char)bytes.p[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_putc(out, i + k <= bytes.n ? digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static void put_control(struct buf *out, char c)
{
    switch (c) {
    case '\n': buf_puts(out, "\\n"); return;
    case '\r': buf_puts(out, "\\r"); return;
    case '\t': buf_puts(out, "\\t"); return;
    case '"': buf_puts(out, "\\\""); return;
    case '\\': buf_puts(out, "\\\\"); return;
    default: buf_printf(out, "\\u%04x", (unsigned char)c);
    }
}

/* How long the character at the beginning is; 0 when it is not UTF-8. */
static size_t character_size(struct str text)
{
    for (size_t n = 1; n <= 4 && n <= text.n; n++) {
        if (str_is_utf8(str_sub(text, 0, n)))
            return n;
    }
    return 0;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\' && (unsigned char)c != 0x7f;
}

void json_put_text(struct buf *out, struct str text)
{
    bool utf8 = str_is_utf8(text);
    buf_putc(out, '"');
    while (text.n) {
        size_t plain = 0;
        while (plain < text.n && is_plain(text.p[plain]) && (utf8 || text.p[plain] >= 0))
            plain++;
        buf_put(out, text.p, plain);
        text = str_sub(text, plain, text.n);
        if (!text.n)
            break;
        size_t n = (unsigned char)*text.p < 0x80 ? 1 : character_size(text);
        if (!n)
            buf_puts(out, "\xef\xbf\xbd");
        else if (n > 1)
            buf_put(out, text.p, n);
        else
            put_control(out, *text.p);
        text = str_sub(text, n ? n : 1, text.n);
    }
    buf_putc(out, '"');
}

static void put_double(struct buf *out, uint64_t bits)
{
    double v = bits_double(bits);
    char text[NUM_DOUBLE_MAX];
    if (isnan(v))
        buf_puts(out, "\"NaN\"");
    else if (isinf(v))
        buf_puts(out, v < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else
        buf_put(out, text, num_format_json(text, v));
}

static void put_signed_text(struct buf *out, uint64_t bits)
{
    buf_putc(out, '"');
    buf_put_i64(out, (int64_t)bits);
    buf_putc(out, '"');
}

static void put_number(struct buf *out, enum show show, uint64_t v)
{
    uint32_t low = (uint32_t)v;
    switch (show) {
    case BOOL: buf_puts(out, v ? "true" : "false"); break;
    case INT: buf_put_i64(out, v >> 63 ? (int32_t)low : (int64_t)low); break;
    case CODE: buf_put_i64(out, (int32_t)low); break;
    case SINT: buf_put_i64(out, (int32_t)(low >> 1 ^ -(low & 1))); break;
    case FLAGS: buf_put_u64(out, low); break;
    case U64:
    case F64:
        buf_putc(out, '"');
        buf_put_u64(out, v);
        buf_putc(out, '"');
        break;
    case DOUBLE: put_double(out, v); break;
    default: put_signed_text(out, v);
    }
}

static enum wire_type wire_of(enum show show)
{
    switch (show) {
    case TEXT:
    case ID:
    case BYTES:
    case MESSAGE: return WIRE_IS_BYTES;
    case FLAGS: return WIRE_IS_FIXED32;
    case F64:
    case SF64:
    case DOUBLE: return WIRE_IS_FIXED64;
    default: return WIRE_IS_VARINT;
    }
}

/* --- the walk -------------------------------------------------------------------------------- */

static bool put_message(struct buf *out, unsigned kind, struct str message, unsigned depth);

static bool put_one(struct buf *out, const struct member *m, const struct wire_field *f,
                    unsigned depth)
{
    switch ((enum show)m->show) {
    case MESSAGE: return put_message(out, m->of, f->bytes, depth + 1);
    case TEXT: json_put_text(out, f->bytes); return true;
    case ID:
    case BYTES:
        buf_putc(out, '"');
        (m->show == ID ? json_put_hex : put_base64)(out, f->bytes);
        buf_putc(out, '"');
        return true;
    default: put_number(out, (enum show)m->show, f->value); return true;
    }
}

static bool put_packed(struct buf *out, const struct member *m, struct str packed, const char **sep)
{
    while (packed.n) {
        uint64_t v;
        if (!wire_next_number(&packed, wire_of((enum show)m->show), &v))
            return false;
        buf_puts(out, *sep);
        put_number(out, (enum show)m->show, v);
        *sep = ",";
    }
    return true;
}

static bool put_array(struct buf *out, const struct member *m, struct str message, unsigned depth)
{
    struct wire_field f;
    const char *sep = "";
    enum wire_type type = wire_of((enum show)m->show);
    buf_putc(out, '[');
    while (wire_next(&message, &f) > 0) {
        bool ok = true;
        if (f.number == m->number && f.type == type) {
            buf_puts(out, sep);
            ok = put_one(out, m, &f, depth);
            sep = ",";
        } else if (f.number == m->number && f.type == WIRE_IS_BYTES) {
            ok = put_packed(out, m, f.bytes, &sep);
        }
        if (!ok)
            return false;
    }
    buf_putc(out, ']');
    return true;
}

static bool put_last(struct buf *out, const struct member *m, struct str message, unsigned depth)
{
    struct wire_field f, last = {0};
    while (wire_next(&message, &f) > 0) {
        if (f.number == m->number)
            last = f;
    }
    return last.type == wire_of((enum show)m->show) && put_one(out, m, &last, depth);
}

/* A bit for each field number that occurs. False when the message is malformed. */
static bool find_numbers(struct str message, uint32_t *out)
{
    struct wire_field f;
    int rc;
    *out = 0;
    while ((rc = wire_next(&message, &f)) > 0) {
        if (f.number < NUMBER_MAX)
            *out |= UINT32_C(1) << f.number;
    }
    return rc == 0;
}

static bool put_message(struct buf *out, unsigned kind, struct str message, unsigned depth)
{
    uint32_t there;
    const char *sep = "{\"";
    if (depth > DEPTH_MAX || !find_numbers(message, &there))
        return false;
    for (const struct member *m = messages[kind]; m->number; m++) {
        if (!(there >> m->number & 1))
            continue;
        buf_puts(out, sep);
        buf_puts(out, m->name);
        buf_puts(out, "\":");
        if (!(m->repeated ? put_array : put_last)(out, m, message, depth))
            return false;
        sep = ",\"";
    }
    buf_puts(out, *sep == '{' ? "{}" : "}");
    return true;
}

bool otlp_json_put(struct buf *out, enum otlp_kind kind, struct str message)
{
    return put_message(out, kind, message, 0);
}
