/* Every operation and call of the catalog once, with all fields told, so that each metric is there
 * with all its labels. */
#ifndef TELLTALE_TESTS_SDK_CATALOG_DRIVE_H
#define TELLTALE_TESTS_SDK_CATALOG_DRIVE_H

#include "telltale/catalog_base.h"

void drive_everything(tt_catalog *c);

#endif
