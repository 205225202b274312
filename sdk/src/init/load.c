/* Loads the library of a component. This file is left out of libtelltale.a: what dlopen brings into
 * a program that has the SDK in itself would bring a second SDK along, and register with that. */
#include <dlfcn.h>

#include "init/component.h"

bool component_load(const char *library)
{
    return dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}
