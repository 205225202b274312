/*     message SamplingStrategyParameters { string serviceName = 1; }
 *     message SamplingStrategyResponse {
 *       SamplingStrategyType strategyType = 1;              PROBABILISTIC = 0, RATE_LIMITING = 1
 *       ProbabilisticSamplingStrategy probabilisticSampling = 2;  { double samplingRate = 1; }
 *       RateLimitingSamplingStrategy rateLimitingSampling = 3;    { int32 maxTracesPerSecond = 1; }
 *       PerOperationSamplingStrategies operationSampling = 4;
 *     }
 *     message PerOperationSamplingStrategies {
 *       double defaultSamplingProbability = 1;
 *       double defaultLowerBoundTracesPerSecond = 2;
 *       repeated OperationSamplingStrategy perOperationStrategies = 3;
 *     }
 *     message OperationSamplingStrategy {
 *       string operation = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2;
 *     }
 *
 * A number of 0 is left out of a message, so what is not there is 0. */
#include "remote/grpc.h"

#include <string.h>

#include "base/num.h"
#include "wire/field.h"

enum { PREFIX = 5, TYPE = 1, SHARE = 2, LIMIT = 3, OPERATIONS = 4 };
enum { DEFAULT_SHARE = 1, LOWER_BOUND = 2, EACH = 3, NAME = 1 };

void grpc_put_question(struct buf *out, struct str service)
{
    struct buf message = BUF_MAX(service.n + 16);
    buf_putc(&message, 0x0a);
    size_t n = service.n;
    for (; n > 0x7f; n >>= 7)
        buf_putc(&message, (char)(n | 0x80));
    buf_putc(&message, (char)n);
    buf_put_str(&message, service);
    buf_putc(out, 0); // not compressed
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(out, (char)(message.n >> shift));
    buf_put_str(out, buf_str(&message));
    out->failed |= buf_failed(&message);
    buf_done(&message);
}

static void put_string(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

static void put_double(struct buf *out, const char *name, uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    buf_printf(out, "\"%s\":", name);
    if (v - v == 0)
        buf_put_double(out, v);
    else
        buf_puts(out, "null"); // JSON has no infinity
}

/* The number of field 1, which is all that the message has; 0 when it is left out. */
static bool read_only(struct str message, enum wire_type type, uint64_t *out)
{
    struct wire_field f;
    int rc;
    *out = 0;
    while ((rc = wire_next(&message, &f)) > 0) {
        if (f.number == 1 && f.type == type)
            *out = f.value;
    }
    return rc == 0;
}

static bool put_share(struct buf *out, struct str message)
{
    uint64_t bits;
    if (!read_only(message, WIRE_IS_FIXED64, &bits))
        return false;
    buf_puts(out, "\"probabilisticSampling\":{");
    put_double(out, "samplingRate", bits);
    buf_putc(out, '}');
    return true;
}

static bool put_limit(struct buf *out, struct str message)
{
    uint64_t limit;
    if (!read_only(message, WIRE_IS_VARINT, &limit))
        return false;
    buf_puts(out, "\"rateLimitingSampling\":{\"maxTracesPerSecond\":");
    buf_put_i64(out, (int32_t)limit);
    buf_putc(out, '}');
    return true;
}

static bool put_operation(struct buf *out, struct str message)
{
    struct wire_field f;
    struct str name = {0}, share = {0};
    bool has_share = false;
    int rc;
    while ((rc = wire_next(&message, &f)) > 0) {
        if (f.type != WIRE_IS_BYTES)
            continue;
        if (f.number == NAME)
            name = f.bytes;
        if (f.number == SHARE) {
            share = f.bytes;
            has_share = true;
        }
    }
    buf_puts(out, "{\"operation\":");
    put_string(out, name);
    if (has_share)
        buf_putc(out, ',');
    bool ok = rc == 0 && (!has_share || put_share(out, share));
    buf_putc(out, '}');
    return ok;
}

static bool put_operations(struct buf *out, struct str message)
{
    struct str rest = message;
    struct wire_field f;
    bool first = true, ok = true;
    int rc;
    buf_puts(out, "\"operationSampling\":{\"perOperationStrategies\":[");
    while (ok && (rc = wire_next(&rest, &f)) > 0) {
        if (f.number != EACH || f.type != WIRE_IS_BYTES)
            continue;
        if (!first)
            buf_putc(out, ',');
        first = false;
        ok = put_operation(out, f.bytes);
    }
    buf_putc(out, ']');
    while (ok && (rc = wire_next(&message, &f)) > 0) {
        if (f.type != WIRE_IS_FIXED64 || (f.number != DEFAULT_SHARE && f.number != LOWER_BOUND))
            continue;
        buf_putc(out, ',');
        put_double(out,
                   f.number == LOWER_BOUND ? "defaultLowerBoundTracesPerSecond"
                                           : "defaultSamplingProbability",
                   f.value);
    }
    buf_putc(out, '}');
    return ok && rc == 0;
}

static bool put_strategy(struct buf *out, struct str message)
{
    struct wire_field f;
    uint64_t type = 0;
    bool ok = true;
    int rc = 0;
    buf_putc(out, '{');
    while (ok && (rc = wire_next(&message, &f)) > 0) {
        if (f.number == TYPE && f.type == WIRE_IS_VARINT)
            type = f.value;
        if (f.type != WIRE_IS_BYTES || f.number < SHARE || f.number > OPERATIONS)
            continue;
        ok = f.number == SHARE   ? put_share(out, f.bytes)
             : f.number == LIMIT ? put_limit(out, f.bytes)
                                 : put_operations(out, f.bytes);
        buf_putc(out, ',');
    }
    buf_puts(out, type == 1 ? "\"strategyType\":\"RATE_LIMITING\"}"
                            : "\"strategyType\":\"PROBABILISTIC\"}");
    return ok && rc == 0 && !buf_failed(out);
}

bool grpc_put_answer(struct buf *out, struct str body)
{
    size_t n = 0;
    if (body.n < PREFIX || body.p[0] != 0)
        return false;
    for (size_t i = 1; i < PREFIX; i++)
        n = n << 8 | (unsigned char)body.p[i];
    return n == body.n - PREFIX && put_strategy(out, str_sub(body, PREFIX, body.n));
}
