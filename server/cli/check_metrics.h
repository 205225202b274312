/* `telltale check metrics [--format text|openmetrics] [FILE|-]` */
#ifndef TELLTALE_CLI_CHECK_METRICS_H
#define TELLTALE_CLI_CHECK_METRICS_H

/* argv[0] is the first word behind `check metrics`. Returns the exit status: 0 valid, 1 invalid
 * (the first wrong line and the reason on stderr), 2 for a wrong command line or an unreadable
 * file. */
int cli_check_metrics(int argc, char **argv);

#endif
