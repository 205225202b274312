#include "prometheus/squeeze.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

enum { LEVEL = 1, WINDOW_GZIP = 15 + 16, MEMORY = 8 }; /* level 1: a scrape is to be cheap for us */

/* Into room for one byte less than the text has. */
static char *deflate_all(z_stream *z, const char *text, size_t n, size_t *out_n)
{
    char *out = malloc(n);
    if (!out)
        return NULL;
    z->next_in = (Bytef *)(uintptr_t)text;
    z->avail_in = (uInt)n;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)n - 1;
    if (deflate(z, Z_FINISH) == Z_STREAM_END) {
        *out_n = n - 1 - z->avail_out;
        return out;
    }
    free(out);
    return NULL;
}

char *squeeze(const char *text, size_t n, size_t *out_n)
{
    z_stream z = {0};
    if (n < 2 || n > INT_MAX ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_GZIP, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return NULL;
    char *out = deflate_all(&z, text, n, out_n);
    (void)deflateEnd(&z); // tells only of a stream that was not finished
    return out;
}
