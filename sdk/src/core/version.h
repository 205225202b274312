#ifndef TELLTALE_CORE_VERSION_H
#define TELLTALE_CORE_VERSION_H

#define TT_VERSION "0.1.0" /* as in meson.build */

#endif
