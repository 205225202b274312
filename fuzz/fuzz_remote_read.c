/* Requests of remote read: what is decoded lies within the body, and an error has a message. */
#include <stdlib.h>

#include "codec/remote_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void check_inside(struct str text, struct str body)
{
    CHECK(text.n == 0 || (text.p >= body.p && text.p + text.n <= body.p + body.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size};
    struct remote_read_request request;
    struct arena arena;
    struct err err = {0};
    arena_init(&arena, 16 << 20);
    if (remote_read_decode(body, &arena, &request, &err) != 0) {
        CHECK(err.message[0]);
        arena_done(&arena);
        return 0;
    }
    for (size_t i = 0; i < request.n; i++) {
        for (size_t k = 0; k < request.queries[i].n; k++) {
            const struct remote_read_matcher *m = &request.queries[i].matchers[k];
            CHECK(m->op <= 3);
            check_inside(m->name, body);
            check_inside(m->value, body);
        }
    }
    arena_done(&arena);
    return 0;
}
