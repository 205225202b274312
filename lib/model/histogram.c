#include "model/histogram.h"
