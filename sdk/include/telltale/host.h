/* Resource detectors: what the program can find out about where it runs. In the library
 * libtelltale-host, which needs nothing else; tt_init loads it when it is installed. */
#ifndef TELLTALE_HOST_H
#define TELLTALE_HOST_H

#include "telltale/api.h"
#include "telltale/resource.h"

TT_BEGIN

/* The attributes found by the detectors, with the schema URL of their names. What cannot be found
 * is left out. The command line is never told: it may hold secrets. NULL when out of memory. */
TT_API tt_resource *tt_resource_detect(unsigned detectors);

/* Registers the detectors under the names "host", "os", "process", "container", "kubernetes" and
 * "service" (component.h): done by itself when the shared library is loaded, and to be called once
 * before tt_init() in a program that links the archive. */
TT_API int tt_host_register(void);

TT_END

#endif
