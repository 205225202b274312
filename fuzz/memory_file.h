/* A read-only file system with one file, whatever its path: the fuzzer's input. */
#ifndef TELLTALE_FUZZ_MEMORY_FILE_H
#define TELLTALE_FUZZ_MEMORY_FILE_H

#include <string.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/str.h"

static int memory_open(void *self, const char *path, enum fs_mode mode, void **out_h)
{
    (void)path, (void)mode;
    *out_h = self;
    return 0;
}

static int memory_close(void *self, void *h)
{
    (void)self, (void)h;
    return 0;
}

static ssize_t memory_read(void *self, void *h, void *to, size_t n, uint64_t at)
{
    const struct str *file = self;
    (void)h;
    struct str piece = str_sub(*file, (size_t)at, n);
    if (piece.n)
        memcpy(to, piece.p, piece.n);
    return (ssize_t)piece.n;
}

static int memory_size(void *self, void *h, uint64_t *out)
{
    (void)h;
    *out = ((const struct str *)self)->n;
    return 0;
}

static int memory_map(void *self, void *h, size_t n, const void **out)
{
    (void)h, (void)n;
    *out = ((const struct str *)self)->p;
    return 0;
}

static void memory_unmap(void *self, const void *p, size_t n)
{
    (void)self, (void)p, (void)n;
}

static inline struct fs memory_file(struct str *file)
{
    return (struct fs){
        .self = file,
        .open = memory_open,
        .close = memory_close,
        .read_at = memory_read,
        .size = memory_size,
        .map = memory_map,
        .unmap = memory_unmap,
    };
}

#endif
