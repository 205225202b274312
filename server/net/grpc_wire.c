#include "net/grpc_wire.h"

#include "base/compiler.h"
#include "base/time.h"

bool grpc_content_type_ok(struct str value)
{
    struct str type = str_trim(str_cut(&value, ';'));
    return str_eq_nocase(type, STR("application/grpc")) ||
           str_eq_nocase(type, STR("application/grpc+proto"));
}

bool grpc_timeout_parse(struct str value, int64_t *out_ns)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {{'H', 3600 * NS_PER_S}, {'M', 60 * NS_PER_S}, {'S', NS_PER_S},
                 {'m', NS_PER_MS},       {'u', NS_PER_US},     {'n', 1}};
    if (value.n < 2 || value.n > 9)
        return false;
    int64_t n = 0;
    for (size_t i = 0; i + 1 < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return false;
        n = n * 10 + (value.p[i] - '0');
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (units[i].unit == value.p[value.n - 1]) {
            *out_ns = n > INT64_MAX / units[i].ns ? INT64_MAX : n * units[i].ns;
            return true;
        }
    return false;
}

void grpc_message_encode(struct buf *out, struct str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= ' ' && c <= '~' && c != '%') {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

/* --- google.rpc.Status ------------------------------------------------------------------------ */

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(out, (char)(v | 0x80));
    buf_putc(out, (char)v);
}

static void put_number(struct buf *out, unsigned field, uint64_t v)
{
    put_varint(out, field << 3);
    put_varint(out, v);
}

static void put_bytes(struct buf *out, unsigned field, struct str bytes)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.n);
    buf_put_str(out, bytes);
}

static void put_base64(struct buf *out, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t n = MIN(bytes.n - i, (size_t)3);
        uint32_t group = 0;
        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < n ? (unsigned char)bytes.p[i + j] : 0);
        for (size_t j = 0; j < n + 1; j++)
            buf_putc(out, digits[group >> (18 - 6 * j) & 63]);
    }
}

void grpc_retry_details_encode(struct buf *out, enum grpc_status status, struct str text,
                               int64_t retry_after_ms)
{
    struct buf delay = BUF_MAX(64), info = BUF_MAX(128), any = BUF_MAX(256), all = BUF_MAX(4096);
    put_number(&delay, 1, (uint64_t)(retry_after_ms / 1000)); // google.protobuf.Duration
    put_number(&delay, 2, (uint64_t)(retry_after_ms % 1000 * NS_PER_MS));
    put_bytes(&info, 1, buf_str(&delay)); // google.rpc.RetryInfo.retry_delay
    put_bytes(&any, 1, STR("type.googleapis.com/google.rpc.RetryInfo"));
    put_bytes(&any, 2, buf_str(&info));
    put_number(&all, 1, (uint64_t)status);
    put_bytes(&all, 2, text);
    put_bytes(&all, 3, buf_str(&any));
    if (buf_failed(&delay) || buf_failed(&info) || buf_failed(&any) || buf_failed(&all))
        out->failed = true;
    else
        put_base64(out, buf_str(&all));
    buf_done(&delay);
    buf_done(&info);
    buf_done(&any);
    buf_done(&all);
}

void grpc_prefix_encode(uint8_t out[GRPC_PREFIX_BYTES], bool compressed, uint32_t n)
{
    out[0] = compressed;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)(n >> (24 - 8 * i));
}
