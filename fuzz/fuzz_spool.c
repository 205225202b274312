/* Files of the OTLP buffer. What is read from a file is what a file written of it says again; and
 * with the input as a request, one byte of its file changed, it is read as it was, or not at all.
 */
#include <stdlib.h>
#include <string.h>

#include "otlp/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 20 };

static void check_file(struct str file)
{
    struct buf request = BUF_MAX(LARGEST + 1), again = BUF_MAX(2 * LARGEST);
    size_t items;
    if (otlp_spool_decode(file, LARGEST, &request, &items)) {
        struct buf second = BUF_MAX(LARGEST + 1);
        size_t second_items;
        if (!otlp_spool_encode(&again, buf_str(&request), items) ||
            !otlp_spool_decode(buf_str(&again), LARGEST, &second, &second_items) ||
            second_items != items || !str_eq(buf_str(&second), buf_str(&request)))
            abort();
        buf_done(&second);
    }
    buf_done(&request);
    buf_done(&again);
}

static void check_request(struct str request, size_t at, char bits)
{
    struct buf file = BUF_MAX(2 * LARGEST), again = BUF_MAX(LARGEST + 1);
    size_t items;
    if (!otlp_spool_encode(&file, request, 7))
        abort();
    file.p[at % file.n] = (char)(file.p[at % file.n] ^ bits);
    if (otlp_spool_decode(buf_str(&file), LARGEST, &again, &items) == (bits != 0))
        abort();
    if (!bits && (items != 7 || !str_eq(buf_str(&again), request)))
        abort();
    buf_done(&file);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str input = str_of((const char *)data, size);
    check_file(input);
    if (size > 2) {
        check_request(str_sub(input, 3, size), 0, 0);
        check_request(str_sub(input, 3, size), (size_t)data[0] << 8 | data[1], (char)data[2]);
    }
    return 0;
}
