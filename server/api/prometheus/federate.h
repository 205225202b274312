/* /federate: the newest sample of each selected series, as text. */
#ifndef TELLTALE_API_PROMETHEUS_FEDERATE_H
#define TELLTALE_API_PROMETHEUS_FEDERATE_H

#include "net/http.h"

http_handler api_federate;

#endif
