/* `telltale query [--url URL] [--time TIME] [--json] EXPR`: asks a running server (any that speaks
 * the Prometheus HTTP API) and prints the answer. */
#ifndef TELLTALE_CLI_QUERY_H
#define TELLTALE_CLI_QUERY_H

/* argv[0] is the first word behind `query`. Returns the exit status: 0, 1 when the server refused
 * or could not be asked, 2 for a wrong command line. */
int cli_query(int argc, char **argv);

#endif
