/* PromQL scripts over the wire: each store is a server process of its own, loaded by remote write
 * 2.0 and asked over the HTTP API. */
#ifndef TELLTALE_TESTS_SERVER_QUERY_HTTP_DRIVER_H
#define TELLTALE_TESTS_SERVER_QUERY_HTTP_DRIVER_H

#include "query/script/script.h"

struct http_driver;

/* `program`: the telltale binary; borrowed. */
struct http_driver *http_driver_new(const char *program);
void http_driver_free(struct http_driver *d);

/* The functions of a script's driver, with http_driver as self. */
int http_driver_reset(void *self, struct err *err);
int http_driver_load(void *self, const struct batch *b, struct err *err);
int http_driver_query(void *self, const struct query_request *request, struct query_result *out,
                      struct err *err);

/* Answers tell a histogram as count, sum and buckets with their limits. http_driver_query leaves
 * those in `custom_bounds` of what it returns, four numbers each; this compares them. */
bool http_driver_same_histogram(const struct histogram *expected, const struct histogram *got);

#endif
