/* The parts of tt_init. */
#ifndef TELLTALE_INIT_INIT_H
#define TELLTALE_INIT_INIT_H

/* Has problems written to stderr, as OTEL_LOG_LEVEL wants it, unless there is a handler. */
void init_report_problems(void);

#endif
