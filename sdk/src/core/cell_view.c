/* On its own, so that a program that traces but does not measure links nothing else of it. */
#include "core/cell_view.h"

_Thread_local struct cell_view cell_view;
