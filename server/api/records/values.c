/* Values of questions about records as JSON. */
#include <stdio.h>

#include "api/records/request.h"
#include "base/time.h"
#include "codec/base64.h"

/* --- answers ---------------------------------------------------------------------------------- */

void json_id(struct json *j, struct str id)
{
    static const char hex[] = "0123456789abcdef";
    char text[64];
    size_t n = 0;
    for (size_t i = 0; i < id.n && n < sizeof text; i++) {
        text[n++] = hex[(unsigned char)id.p[i] >> 4];
        text[n++] = hex[(unsigned char)id.p[i] & 15];
    }
    json_str(j, str_of(text, n));
}

static void json_bytes(struct json *j, struct str bytes)
{
    struct buf text = BUF_MAX(bytes.n * 2 + 8);
    base64_encode(&text, bytes);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void json_items(struct json *j, const struct any *v)
{
    json_array(j);
    for (uint32_t i = 0; i < v->n; i++)
        json_any(j, &v->as.items[i]);
    json_array_end(j);
}

static void json_pairs(struct json *j, const struct any *v)
{
    json_object(j);
    for (uint32_t i = 0; i < v->n; i++)
        json_any_member(j, v->as.pairs[i].key, &v->as.pairs[i].value);
    json_object_end(j);
}

void json_any(struct json *j, const struct any *v)
{
    switch (v->type) {
    case ANY_STRING: json_str(j, any_text(v)); break;
    case ANY_BYTES: json_bytes(j, any_text(v)); break;
    case ANY_BOOL: json_bool(j, v->as.boolean); break;
    case ANY_INT: json_i64(j, v->as.integer); break;
    case ANY_DOUBLE: json_double(j, v->as.number); break;
    case ANY_ARRAY: json_items(j, v); break;
    case ANY_MAP: json_pairs(j, v); break;
    default: json_null(j); break;
    }
}

void json_any_member(struct json *j, struct str key, const struct any *v)
{
    json_str(j, key);
    buf_putc(j->out, ':');
    j->comma = false;
    json_any(j, v);
}

void json_time(struct json *j, int64_t unix_ns)
{
    struct buf text = BUF_MAX(64);
    int64_t seconds = unix_ns / NS_PER_S - (unix_ns % NS_PER_S < 0);
    time_format_rfc3339(&text, seconds * MS_PER_S);
    struct str whole = str_sub(buf_str(&text), 0, text.n - (text.n >= 5 ? 5 : text.n));
    char out[64];
    int n = snprintf(out, sizeof out, "%.*s.%09lldZ", STR_ARG(whole),
                     (long long)(unix_ns - seconds * NS_PER_S));
    json_str(j, str_of(out, (size_t)n));
    buf_done(&text);
}
