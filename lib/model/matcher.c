#include "model/matcher.h"
