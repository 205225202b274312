/* The running server: everything between a configuration and a clean end. The one place that knows
 * all boxes, wires them together, and owns the order in which they start and stop. */
#ifndef TELLTALE_CLI_SERVER_H
#define TELLTALE_CLI_SERVER_H

#include "base/err.h"
#include "config/config.h"

struct server;

/* Starts on a loaded configuration (taken; freed even on failure). `source` is what reloads read;
 * it outlives the server. `quit` is called on a worker thread when a client asks the server to end.
 * Listeners are up when this returns; the write-ahead log is replayed on a thread, and until it is,
 * requests are answered with 503. */
int server_start(struct config *config, const struct config_source *source, void (*quit)(void),
                 struct server **out, struct err *err);

/* Reads the configuration again. On an error everything stays as it was. Threads: any. */
int server_reload(struct server *s, struct err *err);

/* The address to open in a browser: "http://127.0.0.1:9090"; empty when that listener is off. */
const char *server_url(const struct server *s);

/* Stops in order, flushes the store and frees. ERR_IO when the store could not be written. */
int server_stop(struct server *s, struct err *err);

#endif
