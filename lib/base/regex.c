#include "base/regex.h"
