/* Log records and spans as lines, and as datagrams of syslog and journald, by the first byte.
 * However malformed they are, a line has one line end, is UTF-8, and holds no control characters.
 */
#include <stdlib.h>

#include "sinks/syslog_message.h"
#include "sinks/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 64 << 20 };

static void check_line(struct str line)
{
    for (size_t i = 0; i < line.n; i++) {
        if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\n')
            abort();
    }
    if (!str_is_utf8(line))
        abort();
}

static bool put_datagrams(void *arg, const struct wire_item *item)
{
    static const struct syslog_names names = {.facility = 8, .pid = 1};
    struct buf *out = arg;
    syslog_put(out, &names, item);
    if (out->n > SYSLOG_BYTES_MAX || str_index(buf_str(out), '\n') != out->n)
        abort();
    journal_put(out, &names, item);
    buf_reset(out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str request = str_of((const char *)data + 1, size - 1);
    enum tt_signal signal = data[0] & 1 ? TT_SIGNAL_LOGS : TT_SIGNAL_TRACES;
    struct line_style style = {.style = (enum tt_style)(TT_STYLE_PRETTY + (data[0] >> 1) % 4)};
    struct buf out = BUF_MAX(MEMORY);
    if (text_put_request(&out, &style, signal, request) == TT_OK)
        check_line(buf_str(&out));
    buf_reset(&out);
    if (signal == TT_SIGNAL_LOGS)
        (void)wire_walk(request, put_datagrams, &out);
    buf_done(&out);
    return 0;
}
