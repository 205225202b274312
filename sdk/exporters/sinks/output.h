/* Where lines go: a descriptor of the program's, or a file that rotates. */
#ifndef TELLTALE_SDK_EXPORTERS_SINKS_OUTPUT_H
#define TELLTALE_SDK_EXPORTERS_SINKS_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sinks/stream.h"

struct output {
    int fd;
    char *path; /* owned; NULL: the descriptor is the program's */
    int64_t period_s, keep;
    uint64_t bytes_max;
    bool sync;
    struct stream stream;
};

/* With the other members set. TT_ERR_NOMEM, TT_ERR_IO. output_close frees what is there. */
int output_open(struct output *o, const char *path);
void output_close(struct output *o);

/* Whole lines. A file that is too old at this time, or would become too large, is rotated before.
 * TT_ERR_IO, also when a pipe or terminal did not take all of them in time. */
int output_write(struct output *o, struct str lines, int64_t now_unix_s, int64_t timeout_ms);

/* A file's bytes are on the disk after it. */
int output_flush(struct output *o);

#endif
