/* The command line: one table of commands, each with its help, its usage and its function. */
#ifndef TELLTALE_CLI_CLI_H
#define TELLTALE_CLI_CLI_H

/* Runs `telltale argv[1] …` and returns the exit status. A wrong command line is 2. */
int cli_main(int argc, char **argv);

#endif
