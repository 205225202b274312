/* The web page: static files of the binary at / and /ui/…. */
#ifndef TELLTALE_API_UI_UI_H
#define TELLTALE_API_UI_UI_H

#include "net/http.h"

/* Handler of the routes "/" and "/ui/" + "*"; `self` is not used. Answers with an ETag and a strict
 * Content-Security-Policy; 304 when the client has the file already, 404 for unknown names. */
void ui_handle(void *self, const struct http_request *request, struct http_response *response);

#endif
