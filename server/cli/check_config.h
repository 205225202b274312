/* `telltale check config FILE` */
#ifndef TELLTALE_CLI_CHECK_CONFIG_H
#define TELLTALE_CLI_CHECK_CONFIG_H

/* argv[0] is the file. Returns the exit status: 0 the file can be used (warnings on stderr), 1 it
 * cannot (each problem on stderr), 2 for a wrong command line. */
int cli_check_config(int argc, char **argv);

#endif
