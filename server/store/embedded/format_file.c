#include "store/embedded/format_file.h"

#include <stdio.h>

#include "base/compiler.h"

enum { SHOWN_MAX = 32, ESCAPED_MAX = 4 }; /* bytes of the file; of one byte as \x00 */

bool format_is_ours(struct str text)
{
    return str_eq(text, STR(FORMAT_NAME)) || str_eq(text, STR(FORMAT_TEXT));
}

static void show(struct str text, char out[SHOWN_MAX * ESCAPED_MAX + 1])
{
    size_t at = 0;
    for (size_t i = 0; i < MIN(text.n, (size_t)SHOWN_MAX); i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
        at += (size_t)snprintf(out + at, ESCAPED_MAX + 1, plain ? "%c" : "\\x%02x", c);
    }
    out[at] = '\0';
}

int format_refuse(const char *path, struct str text, struct err *err)
{
    char shown[SHOWN_MAX * ESCAPED_MAX + 1];
    if (str_ends(text, STR("\n")))
        text.n--;
    show(text, shown);
    return err_set(err, ERR_CORRUPT,
                   "%s says \"%s\"%s; this program reads \"" FORMAT_NAME "\". If a later version "
                   "wrote it, start that one; if the file is damaged, write that line into it",
                   path, shown, text.n > SHOWN_MAX ? " and more" : "");
}
