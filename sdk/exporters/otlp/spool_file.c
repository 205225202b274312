/* A file of the spool:
 *
 *     8  "TTOTLP1\n"
 *     8  items in the request
 *     8  bytes of the request before compression
 *     4  bytes of what follows the head
 *     4  CRC-32 of what follows, and of the 20 bytes before the last four
 *
 * All numbers have their least significant byte first. */
#include <zlib.h>

#include "otlp/body.h"
#include "otlp/spool.h"

static const char magic[] = "TTOTLP1\n";
enum { ITEMS = 8, SIZE = 16, PACKED = 24, SUM = 28 };

static void put_number(char *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (char)(v >> (8 * i) & 0xff);
}

static uint64_t get_number(const char *from, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;)
        v = v << 8 | (unsigned char)from[i];
    return v;
}

static uint32_t checksum(const char *head, struct str packed)
{
    uLong sum = crc32(0, (const Bytef *)packed.p, (uInt)packed.n);
    return (uint32_t)crc32(sum, (const Bytef *)head + ITEMS, SUM - ITEMS);
}

bool otlp_spool_encode(struct buf *out, struct str request, size_t items)
{
    char head[OTLP_SPOOL_HEAD] = {0};
    size_t at = out->n;
    buf_put(out, head, sizeof head);
    if (!otlp_zstd(out, request) || buf_failed(out) || out->n - at > UINT32_MAX)
        return false;
    struct str packed = str_sub(buf_str(out), at + sizeof head, out->n);
    memcpy(head, magic, ITEMS);
    put_number(head + ITEMS, items, 8);
    put_number(head + SIZE, request.n, 8);
    put_number(head + PACKED, packed.n, 4);
    put_number(head + SUM, checksum(head, packed), 4);
    memcpy(out->p + at, head, sizeof head);
    return true;
}

bool otlp_spool_decode(struct str file, size_t request_max, struct buf *out, size_t *out_items)
{
    if (file.n < OTLP_SPOOL_HEAD || memcmp(file.p, magic, ITEMS) != 0)
        return false;
    struct str packed = str_sub(file, OTLP_SPOOL_HEAD, file.n);
    uint64_t n = get_number(file.p + SIZE, 8);
    if (get_number(file.p + PACKED, 4) != packed.n || n > request_max ||
        get_number(file.p + SUM, 4) != checksum(file.p, packed) ||
        !otlp_unzstd(out, packed, (size_t)n))
        return false;
    *out_items = (size_t)get_number(file.p + ITEMS, 8);
    return true;
}
