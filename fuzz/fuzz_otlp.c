/* OTLP from protobuf: what is decoded, encoded again, decodes to an equal tree; so does its JSON,
 * when JSON can say its text; and so it does when it is decoded lazily. */
#include <stdlib.h>

#include "support/otlp_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct otlp_request *tree, bool json, struct arena *arena)
{
    struct buf out = BUF_MAX(64 << 20);
    struct otlp_request again;
    struct err err = {0};
    if (json)
        otlp_tree_encode_json(&out, &otlp_request_message, tree);
    else
        otlp_tree_encode(&out, &otlp_request_message, tree);
    int rc = buf_failed(&out) ? ERR_NOMEM
             : json           ? otlp_json_decode(buf_str(&out), NULL, arena, &again, &err)
                              : otlp_decode(buf_str(&out), NULL, arena, &again, &err);
    if (rc != ERR_NOMEM && (rc != 0 || !otlp_tree_eq(&otlp_request_message, tree, &again)))
        abort();
    buf_done(&out);
}

static void read_attributes(const struct otlp_metric *m, struct arena *arena)
{
    for (size_t i = 0; i < m->data.n_points; i++) {
        struct otlp_attributes read;
        struct otlp_point *p = (struct otlp_point *)(uintptr_t)otlp_metric_point(m, i);
        int rc = otlp_point_attributes(p, NULL, arena, &read, NULL);
        if (rc == 0)
            p->attributes = read;
        else if (rc != ERR_NOMEM)
            abort();
    }
}

static void check_lazily(struct str body, const struct otlp_request *tree, struct arena *arena)
{
    struct otlp_request lazy;
    int rc = otlp_decode_lazily(body, NULL, arena, &lazy, NULL);
    for (size_t i = 0; rc == 0 && i < lazy.n_resources; i++)
        for (size_t k = 0; k < lazy.resources[i].n_scopes; k++)
            for (size_t j = 0; j < lazy.resources[i].scopes[k].n_metrics; j++)
                read_attributes(&lazy.resources[i].scopes[k].metrics[j], arena);
    if (rc == ERR_NOMEM || arena_failed(arena))
        return;
    if (rc != 0 || !otlp_tree_eq(&otlp_request_message, tree, &lazy))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct otlp_request tree;
    struct err err = {0};
    arena_init(&arena, 64 << 20);
    int rc = otlp_decode(str_of((const char *)data, size), NULL, &arena, &tree, &err);
    if ((rc != 0) != (err.message[0] != '\0'))
        abort();
    if (rc == 0) {
        check_lazily(str_of((const char *)data, size), &tree, &arena);
        check_again(&tree, false, &arena);
        if (otlp_tree_is_utf8(&otlp_request_message, &tree))
            check_again(&tree, true, &arena);
    }
    arena_done(&arena);
    return 0;
}
