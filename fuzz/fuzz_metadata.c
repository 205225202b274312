/* The file of metadata: it is loaded or called damaged, and what was loaded is found. */
#include <stdlib.h>

#include "base/arena.h"
#include "memory_file.h"
#include "sealed_input.h"
#include "store/embedded/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_found(struct metadata *m)
{
    struct arena arena;
    struct metric_metadata *found = NULL, *one = NULL;
    size_t n = 0, n_one = 0;
    arena_init(&arena, 64 << 20);
    if (metadata_find(m, (struct str){0}, 0, &arena, &found, &n, NULL) != 0)
        abort();
    for (size_t i = 0; i < n && i < 16; i++) {
        if (metadata_find(m, found[i].family, 0, &arena, &one, &n_one, NULL) != 0)
            abort();
        if (found[i].family.n && (n_one != 1 || !str_eq(one->help, found[i].help)))
            abort();
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file = BUF_MAX(16 << 20);
    struct metadata m;
    if (!sealed_input(&file, "ttmeta\0\1", data, size))
        return 0;
    struct str bytes = buf_str(&file);
    const struct fs fs = memory_file(&bytes);
    metadata_init(&m);
    if (metadata_load(&m, &fs, "metadata", NULL) == 0)
        check_found(&m);
    metadata_done(&m);
    buf_done(&file);
    return 0;
}
