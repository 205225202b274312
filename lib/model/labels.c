#include "model/labels.h"
