/* The process_* metrics under the names that every Prometheus client library uses. */
#ifndef TELLTALE_SELF_PROCESS_H
#define TELLTALE_SELF_PROCESS_H

struct buf;

/* CPU, memory, descriptors and start time; what the system does not tell is left out. */
void process_metrics_write(struct buf *out);

#endif
