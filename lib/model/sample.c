#include "model/sample.h"
