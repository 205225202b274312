/* The page's files, embedded in the binary (generated from ui/). */
#ifndef TELLTALE_API_UI_ASSETS_H
#define TELLTALE_API_UI_ASSETS_H

#include <stddef.h>

struct ui_asset {
    const char *name;         /* "main.js" */
    const char *content_type; /* media type */
    const char *etag;         /* with its quotes */
    const unsigned char *bytes;
    size_t n;
};

extern const struct ui_asset ui_assets[];
extern const size_t ui_assets_n;

#endif
