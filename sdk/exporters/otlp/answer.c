/* Three protocols, one verdict. HTTP says it by its status, gRPC by a code of its own in a header
 * or trailer, with the time to wait in an encoded google.rpc.Status. Both may say that they took a
 * part only, in a message whose three forms (spans, points, records) are alike.
 *
 * Answers come from whatever listens there: a proxy's page, half a message, anything. A 200 counts
 * as delivered whatever its body, as OTLP demands. */
#include "otlp/answer.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/num.h"
#include "wire/field.h"

enum { PARTIAL_SUCCESS = 1, REJECTED = 1, MESSAGE = 2 };
enum { STATUS_MESSAGE = 2, STATUS_DETAILS = 3, ANY_TYPE = 1, ANY_VALUE = 2 };
enum { RETRY_DELAY = 1, SECONDS = 1, NANOS = 2 };
enum { GRPC_PREFIX = 5, DETAILS_MAX = 4096 };
enum { GRPC_OK = 0, GRPC_RESOURCE_EXHAUSTED = 8 };

static const int64_t MS_MAX = INT64_MAX / 2;

static void set_message(struct otlp_verdict *v, struct str text)
{
    size_t kept = MIN(text.n, OTLP_MESSAGE_MAX);
    while (kept && kept < text.n && ((unsigned char)text.p[kept] & 0xc0) == 0x80)
        kept--;
    if (!str_is_utf8(str_sub(text, 0, kept)))
        return;
    if (kept)
        memcpy(v->message, text.p, kept);
    v->message[kept] = '\0';
}

/* --- partial success ------------------------------------------------------------------------- */

static bool read_partial(struct str in, struct otlp_verdict *v)
{
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&in, &f)) > 0) {
        if (f.number == REJECTED)
            v->rejected = (int64_t)f.value;
        else if (f.number == MESSAGE)
            set_message(v, f.bytes);
    }
    return rc == 0;
}

static bool read_response(struct str in, struct otlp_verdict *v)
{
    struct wire_field f;
    int rc;
    while ((rc = wire_next(&in, &f)) > 0) {
        if (f.number == PARTIAL_SUCCESS && !read_partial(f.bytes, v))
            return false;
    }
    return rc == 0;
}

/* Takes a string, with its quotes; an escaped sign may be a quote. */
static bool skip_string(struct str *in)
{
    for (size_t i = 1; i < in->n; i++) {
        if (in->p[i] == '"') {
            *in = str_sub(*in, i + 1, in->n);
            return true;
        }
        i += in->p[i] == '\\';
    }
    return false;
}

/* Takes a value; brackets are counted and not matched. */
static bool skip_value(struct str *in)
{
    size_t depth = 0;
    while (in->n) {
        char c = *in->p;
        if (c == '"') {
            if (!skip_string(in))
                return false;
            continue;
        }
        if (!depth && (c == ',' || c == '}' || c == ']'))
            return true;
        depth += c == '{' || c == '[';
        depth -= depth && (c == '}' || c == ']');
        *in = str_sub(*in, 1, in->n);
    }
    return depth == 0;
}

static struct str value_before(struct str from, const struct str *rest)
{
    return str_trim(str_sub(from, 0, from.n - rest->n));
}

bool otlp_json_member(struct str object, struct str name, struct str *out)
{
    struct str in = str_trim(object);
    if (!in.n || *in.p != '{')
        return false;
    do {
        in = str_trim(str_sub(in, 1, in.n));
        struct str key = in;
        if (!in.n || *in.p != '"' || !skip_string(&in))
            return false;
        key = value_before(key, &in);
        in = str_trim(in);
        if (!in.n || *in.p != ':')
            return false;
        in = str_sub(in, 1, in.n);
        struct str value = in;
        if (!skip_value(&in))
            return false;
        if (str_eq(str_sub(key, 1, key.n - 2), name)) {
            *out = value_before(value, &in);
            return true;
        }
    } while (in.n && *in.p == ',');
    return false;
}

/* Without its quotes; escapes stay. */
static struct str unquoted(struct str value)
{
    return value.n >= 2 && *value.p == '"' ? str_sub(value, 1, value.n - 2) : value;
}

static bool read_json_response(struct str body, struct otlp_verdict *v)
{
    static const struct str counts[] = {
        {"rejectedSpans", 13}, {"rejectedDataPoints", 18}, {"rejectedLogRecords", 18}};
    struct str partial, value;
    if (!body.n)
        return true;
    if (!otlp_json_member(body, STR("partialSuccess"), &partial))
        return *body.p == '{';
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (otlp_json_member(partial, counts[i], &value))
            (void)num_parse_i64(unquoted(value), &v->rejected); // else it stays 0
    }
    if (otlp_json_member(partial, STR("errorMessage"), &value))
        set_message(v, unquoted(value));
    return true;
}

/* --- HTTP ------------------------------------------------------------------------------------ */

int64_t otlp_retry_after_ms(struct str value, int64_t now_unix_s)
{
    int64_t seconds;
    char text[64];
    value = str_trim(value);
    if (num_parse_i64(value, &seconds) != 0) {
        (void)snprintf(text, sizeof text, "%.*s", STR_ARG(str_sub(value, 0, sizeof text)));
        time_t date = curl_getdate(text, NULL);
        if (date == -1)
            return -1;
        seconds = MAX((int64_t)date - now_unix_s, 0);
    }
    if (seconds < 0)
        return -1;
    return seconds > MS_MAX / 1000 ? MS_MAX : seconds * 1000;
}

/* The message of a google.rpc.Status. */
static void read_error(enum tt_otlp_protocol protocol, struct str body, struct otlp_verdict *v)
{
    struct wire_field f;
    struct str value;
    if (protocol == TT_OTLP_HTTP_JSON) {
        if (otlp_json_member(body, STR("message"), &value))
            set_message(v, unquoted(value));
        return;
    }
    while (wire_next(&body, &f) > 0) {
        if (f.number == STATUS_MESSAGE && f.type == WIRE_IS_BYTES)
            set_message(v, f.bytes);
    }
}

static bool is_busy(long http_status)
{
    return http_status == 429 || (http_status >= 502 && http_status <= 504);
}

static void judge_http(enum tt_otlp_protocol protocol, const struct otlp_reply *r,
                       struct otlp_verdict *v)
{
    v->retry_after_ms = r->retry_after_ms;
    if (r->http_status >= 200 && r->http_status <= 299) {
        v->fate = OTLP_DELIVERED;
        v->odd = !(protocol == TT_OTLP_HTTP_JSON ? read_json_response : read_response)(r->body, v);
        return;
    }
    v->fate = is_busy(r->http_status) ? OTLP_LATER : OTLP_REFUSED;
    (void)snprintf(v->message, sizeof v->message, "HTTP status %ld", r->http_status);
    read_error(protocol, r->body, v);
}

/* --- gRPC ------------------------------------------------------------------------------------ */

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Up to its padding or the first sign that is none of its; what does not fit is left out. */
static struct str base64_decode(struct str text, char *out, size_t max)
{
    uint32_t bits = 0;
    size_t n = 0;
    for (size_t i = 0, have = 0; i < text.n && n < max; i++) {
        int digit = base64_digit(text.p[i]);
        if (digit < 0)
            break;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    return str_of(out, n);
}

static bool find_bytes(struct str message, uint64_t number, struct str *out)
{
    struct wire_field f;
    while (wire_next(&message, &f) > 0) {
        if (f.number == number && f.type == WIRE_IS_BYTES) {
            *out = f.bytes;
            return true;
        }
    }
    return false;
}

/* A google.protobuf.Duration. */
static int64_t duration_ms(struct str message)
{
    struct wire_field f;
    int64_t seconds = 0, nanos = 0;
    while (wire_next(&message, &f) > 0) {
        if (f.number == SECONDS)
            seconds = (int64_t)f.value;
        else if (f.number == NANOS)
            nanos = (int32_t)f.value;
    }
    if (seconds < 0 || nanos < 0)
        return -1;
    return seconds >= MS_MAX / 1000 ? MS_MAX : seconds * 1000 + nanos / 1000000;
}

/* The delay of a google.rpc.RetryInfo among the details of a google.rpc.Status. */
static int64_t retry_info_ms(struct str encoded)
{
    char bytes[DETAILS_MAX];
    struct wire_field f;
    struct str status = base64_decode(encoded, bytes, sizeof bytes), type, info, delay;
    while (wire_next(&status, &f) > 0) {
        if (f.number == STATUS_DETAILS && f.type == WIRE_IS_BYTES &&
            find_bytes(f.bytes, ANY_TYPE, &type) && str_ends(type, STR("/google.rpc.RetryInfo")) &&
            find_bytes(f.bytes, ANY_VALUE, &info))
            return find_bytes(info, RETRY_DELAY, &delay) ? duration_ms(delay) : 0;
    }
    return -1;
}

/* Of the retryable codes one is so only when it says when. */
static bool grpc_is_retryable(int64_t code, int64_t retry_after_ms)
{
    static const char retryable[] = {1, 4, 10, 11, 14, 15};
    if (code == GRPC_RESOURCE_EXHAUSTED)
        return retry_after_ms >= 0;
    return code > 0 && code < 16 && memchr(retryable, (int)code, sizeof retryable);
}

static int hex_digit(char c)
{
    uint64_t v;
    return num_parse_hex(str_of(&c, 1), &v) == 0 ? (int)v : -1;
}

static void set_encoded_message(struct otlp_verdict *v, struct str text)
{
    char plain[OTLP_MESSAGE_MAX];
    size_t n = 0;
    for (size_t i = 0; i < text.n && n < sizeof plain; i++) {
        int high = text.p[i] == '%' && i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;
        plain[n++] = low >= 0 ? (char)(high << 4 | low) : text.p[i];
        i += low >= 0 ? 2 : 0;
    }
    set_message(v, str_of(plain, n));
}

static void judge_grpc(const struct otlp_reply *r, struct otlp_verdict *v)
{
    int64_t code;
    if (num_parse_i64(str_trim(r->grpc_status), &code) != 0 || code < 0) {
        v->fate = is_busy(r->http_status) ? OTLP_LATER : OTLP_REFUSED;
        (void)snprintf(v->message, sizeof v->message, "no gRPC status, HTTP status %ld",
                       r->http_status);
        return;
    }
    v->grpc_code = (int)MIN(code, INT_MAX);
    if (code == GRPC_OK) {
        v->fate = OTLP_DELIVERED;
        v->odd = r->body.n < GRPC_PREFIX || *r->body.p != 0 ||
                 !read_response(str_sub(r->body, GRPC_PREFIX, r->body.n), v);
        return;
    }
    v->retry_after_ms = retry_info_ms(r->grpc_details);
    v->fate = grpc_is_retryable(code, v->retry_after_ms) ? OTLP_LATER : OTLP_REFUSED;
    (void)snprintf(v->message, sizeof v->message, "gRPC status %lld", (long long)code);
    if (r->grpc_message.n)
        set_encoded_message(v, r->grpc_message);
}

void otlp_judge(enum tt_otlp_protocol protocol, const struct otlp_reply *r,
                struct otlp_verdict *out)
{
    *out = (struct otlp_verdict){.fate = OTLP_LATER, .retry_after_ms = -1, .grpc_code = -1};
    out->http_status = r->http_status;
    if (r->http_status == 0)
        (void)snprintf(out->message, sizeof out->message, "no answer");
    else if (protocol == TT_OTLP_GRPC)
        judge_grpc(r, out);
    else
        judge_http(protocol, r, out);
}
