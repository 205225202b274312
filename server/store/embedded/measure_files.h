/* The files of a table, found by their names: what every measurement walks over. */
#ifndef TELLTALE_STORE_EMBEDDED_MEASURE_FILES_H
#define TELLTALE_STORE_EMBEDDED_MEASURE_FILES_H

#include "store/inspect.h"

struct measure_walk {
    const struct fs *fs;
    /* Called for each part. 1: it was measured; 0: left out; negative: ends the walk. */
    int (*part)(void *arg, const char *path, struct err *err);
    void *arg;
    struct store_measured_files *out; /* adds days and the log; the rest is part()'s */
    struct err *err;
};

/* Walks over `dir`/`table`. ERR_NOT_FOUND: there is none; ERR_IO, ERR_NOMEM. */
int measure_walk(struct measure_walk *w, const char *dir, const char *table);

#endif
