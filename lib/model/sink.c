#include "model/sink.h"
