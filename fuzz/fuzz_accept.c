/* The Accept and Accept-Encoding headers of scrapers: what is chosen is one of what there is, its
 * Content-Type chooses the same again. */
#include <stdlib.h>
#include <string.h>

#include "prometheus/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[CONTENT_TYPE_MAX], *header = malloc(size + 1);
    if (!header)
        return 0;
    if (size)
        memcpy(header, data, size);
    header[size] = '\0';
    struct accepted a = accept_choose(header);
    CHECK(a.format <= TT_PROMETHEUS_PROTOBUF && a.escaping <= TT_ESCAPING_VALUES);
    CHECK(a.escaping_asked || a.escaping == TT_ESCAPING_UNDERSCORES);
    CHECK(strlen(accepted_content_type(&a, type)) < CONTENT_TYPE_MAX - 1);
    struct accepted again = accept_choose(type);
    CHECK(again.format == a.format && again.escaping == a.escaping);
    CHECK(again.text_1_0_0 == a.text_1_0_0 && again.escaping_asked == a.escaping_asked);
    (void)accept_gzip(header);
    free(header);
    return 0;
}
