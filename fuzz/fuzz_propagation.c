/* Propagators: whatever the headers say, the context that comes out goes in again as it is. The
 * first byte chooses the formats; headers are the lines of the rest, "name: value". */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "telltale/propagation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADERS_MAX = 8, VALUE_MAX = 20000 };

struct headers {
    size_t n;
    struct {
        char name[32], value[VALUE_MAX];
    } list[HEADERS_MAX];
};

static void set(void *carrier, const char *name, const char *value)
{
    struct headers *h = carrier;
    if (h->n == HEADERS_MAX || strlen(name) >= sizeof h->list->name || strlen(value) >= VALUE_MAX)
        abort();
    memcpy(h->list[h->n].name, name, strlen(name) + 1);
    memcpy(h->list[h->n++].value, value, strlen(value) + 1);
}

static const char *get(void *carrier, const char *name)
{
    const struct headers *h = carrier;
    for (size_t i = 0; i < h->n; i++) {
        if (strcasecmp(h->list[i].name, name) == 0)
            return h->list[i].value;
    }
    return NULL;
}

static const char *key_at(void *carrier, size_t n)
{
    const struct headers *h = carrier;
    return n < h->n ? h->list[n].name : NULL;
}

static void read_headers(struct headers *h, char *text)
{
    for (char *end; text && *text && h->n < HEADERS_MAX; text = end) {
        end = strchr(text, '\n');
        if (end)
            *end++ = '\0';
        char *value = strchr(text, ':');
        if (!value || value - text >= 32 || strlen(value) >= VALUE_MAX)
            continue;
        *value++ = '\0';
        set(h, text, value + (*value == ' '));
    }
}

static void check_same(const tt_context *a, const tt_context *b)
{
    tt_span_context x = tt_context_span(a), y = tt_context_span(b);
    if (memcmp(x.trace_id, y.trace_id, 16) != 0 || memcmp(x.span_id, y.span_id, 8) != 0 ||
        strcmp(tt_context_tracestate(a), tt_context_tracestate(b)) != 0)
        abort();
    const char *id = tt_context_correlation_id(a), *id_again = tt_context_correlation_id(b);
    if (!id != !id_again || (id && strcmp(id, id_again) != 0))
        abort();
    const char *name, *value;
    for (size_t i = 0; tt_baggage_at(b, i, &name, &value, NULL); i++) {
        if (!tt_baggage_get(a, name) || strcmp(tt_baggage_get(a, name), value) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct headers in, out;
    char *text = size ? calloc(size, 1) : NULL;
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    in.n = out.n = 0;
    read_headers(&in, text);
    tt_carrier from = {get, key_at, &in};
    tt_context *c = tt_extract_from(data[0], &from);
    tt_inject(TT_W3C | TT_BAGGAGE | TT_CORRELATION_ID, c, set, &out);
    tt_context *again = tt_extract(TT_W3C | TT_BAGGAGE | TT_CORRELATION_ID, get, &out);
    check_same(c, again);
    tt_context_free(c);
    tt_context_free(again);
    free(text);
    return 0;
}
