/* What a configuration speaks of, beyond its text: files that must be there, targets that can be
 * scraped. */
#ifndef TELLTALE_CLI_CHECK_FILES_H
#define TELLTALE_CLI_CHECK_FILES_H

#include <stddef.h>

#include "config/config.h"

/* Appends a line to `out` for each file that cannot be read and each target of static_configs that
 * relabelling does not make one of; their number. */
size_t check_files(const struct config *config, struct buf *out);

#endif
