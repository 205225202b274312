/* The file of exemplars: it is loaded or called damaged, and what was loaded is found. */
#include <stdlib.h>

#include "base/arena.h"
#include "memory_file.h"
#include "sealed_input.h"
#include "store/embedded/exemplars_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEPT = 64 };

static void check_found(struct exemplars *x)
{
    struct arena arena;
    struct series_exemplars *found = NULL;
    size_t n = 0, n_exemplars = 0;
    arena_init(&arena, 64 << 20);
    if (exemplars_find(x, NULL, 0, INT64_MIN, INT64_MAX, &arena, &found, &n, NULL) != 0)
        abort();
    for (size_t i = 0; i < n; i++)
        n_exemplars += found[i].n;
    if (n_exemplars > KEPT || (x->last > 0) != (n_exemplars > 0))
        abort();
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = BUF_MAX(16 << 20);
    struct exemplars x;
    if (!sealed_input(&file, "ttexmpl\1", data, size))
        return 0;
    struct str bytes = buf_str(&file);
    const struct fs fs = memory_file(&bytes);
    exemplars_init(&x, KEPT);
    if (exemplars_load(&x, &fs, "exemplars", NULL) == 0)
        check_found(&x);
    exemplars_done(&x);
    buf_done(&file);
    return 0;
}
