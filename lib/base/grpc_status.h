/* The status codes of gRPC by name, as its specification writes them and metrics show them.
 * https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
#ifndef TELLTALE_BASE_GRPC_STATUS_H
#define TELLTALE_BASE_GRPC_STATUS_H

/* "OK", "UNAVAILABLE", …; "UNKNOWN" for what is no code. Never NULL, never freed. Threads: any. */
const char *grpc_status_name(int code);

#endif
