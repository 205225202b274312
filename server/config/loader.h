/* What reading a configuration carries along: where we are, what was wrong so far. Private. */
#ifndef TELLTALE_CONFIG_LOADER_H
#define TELLTALE_CONFIG_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "config/schema.h"

struct node;

enum { LOADER_PROBLEMS_MAX = 20 }; /* shown; a broken file need not fill the screen */

struct loader {
    struct arena *arena;
    const char *source;            /* "telltale.yml", or "--set" */
    const char *dir;               /* relative paths start here; NULL: where we are */
    struct buf path;               /* of the key being read: scrape_configs[2].job_name */
    struct buf problems, warnings; /* a line each */
    size_t n_problems, n_warnings;
    struct hidden hidden;
    const struct config *config; /* what is known so far, for defaults that come from elsewhere */
};

/* Enters a key or list item of the path; returns what loader_leave needs. */
size_t loader_enter(struct loader *l, struct str key);
size_t loader_enter_item(struct loader *l, size_t index);
void loader_leave(struct loader *l, size_t mark);

/* A line "source:line:column: path: message". `at` may be NULL. */
void loader_problem(struct loader *l, const struct node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void loader_warning(struct loader *l, const struct node *at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* "found …, expected …": names the value as it stands in the file, or its kind. */
void loader_expected(struct loader *l, const struct node *at, bool secret, const char *expected);

/* The text of a scalar with ${NAME} and ${file:PATH} replaced and $${ left as ${. In the arena,
 * NUL-terminated; `*out_hidden`: something was replaced. False, with a problem, when the node is no
 * scalar or a reference does not resolve. */
bool loader_text(struct loader *l, const struct node *n, struct str *out, bool *out_hidden);

/* Remembers that this text must not be shown. */
void loader_hide(struct loader *l, const void *text);
bool loader_is_hidden(const struct loader *l, const void *text);

/* `file` below the configuration's folder, when it is relative. */
const char *loader_path(struct loader *l, struct str file);

#endif
