/* The directories of days, "2026-11-21", which are alike in every table: parts, named by the
 * sequence numbers they cover, and files that were set aside as damaged. */
#ifndef TELLTALE_STORE_EMBEDDED_DAY_DIR_H
#define TELLTALE_STORE_EMBEDDED_DAY_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"

enum { DAY_NAME_MAX = 16 };

void day_format_name(char out[DAY_NAME_MAX], int64_t day);

/* False when the name is something else. */
bool day_parse_name(const char *name, int64_t *out);

/* Path of a day's directory in that of its table; heap. _make: and makes it, on the disk as soon as
 * it returns. */
int day_dir_path(const char *table_dir, int64_t day, char **out, struct err *err);
int day_dir_make(const struct fs *fs, const char *table_dir, int64_t day, char **out,
                 struct err *err);

/* Removes the directory with its files. */
int day_dir_remove(const struct fs *fs, const char *table_dir, int64_t day, struct err *err);

/* Calls `each` for the directory of every day, in no order, until one gives an error. */
int day_dir_each(const struct fs *fs, const char *table_dir,
                 int (*each)(void *arg, int64_t day, const char *dir, struct err *err), void *arg,
                 struct err *err);

struct day_part {
    char *path; /* owned */
    uint64_t lo, hi;
};

/* What a directory holds: parts by falling width of their range, so that a merged part comes before
 * the parts it was made of. */
struct day_parts {
    struct day_part *v;
    size_t n, aside; /* aside: files that an earlier opening found damaged */
};

/* Lists the directory, and removes what an interrupted write left there. `out` is to be emptied
 * even after an error. */
int day_parts_list(const struct fs *fs, const char *dir, struct day_parts *out, struct err *err);
void day_parts_done(struct day_parts *p);

/* Files of a table, in directories of days or beside them.
 *
 * Removes one that is no longer needed; when it stays, that is logged. */
void table_file_remove(const struct fs *fs, const char *path);

/* Keeps one that is no longer used and may still be of use to somebody, as "….damaged"; false:
 * it stays. */
bool table_file_set_aside(const struct fs *fs, const char *path);

/* The same of one that another will take the name of: "….damaged" is a second name, or a copy. One
 * that is there already stays. */
int table_file_keep_aside(const struct fs *fs, const char *path, struct err *err);

#endif
