/* Spans, log records and their origins in the JSON of our own API. */
#ifndef TELLTALE_API_RECORDS_WRITE_H
#define TELLTALE_API_RECORDS_WRITE_H

#include "codec/json_write.h"
#include "query/logs/logs.h"
#include "query/records/filter.h"
#include "query/traces/tree.h"

/* {"key": value, …}; null for none. */
void json_attributes(struct json *j, const struct attribute *v, size_t n);

/* key + value; left out for ANY_NONE. */
void json_member_any(struct json *j, const char *name, const struct any *v);
void json_member_id(struct json *j, const char *name, struct str id);
void json_member_time(struct json *j, const char *name, int64_t unix_ns);
void json_member_bool(struct json *j, const char *name, bool v);

/* key + the items of a list, each written by `write`; left out when there are none. */
void json_member_list(struct json *j, const char *name, const struct any *list,
                      void (*write)(struct json *j, const struct any *one));

/* "service", "resource", "scope" as members. */
void json_source_members(struct json *j, const struct record_source *s);

/* An object of what was used; without what is zero. */
void json_usage(struct json *j, const struct usage *u);

/* One log record. */
void json_log(struct json *j, const struct log_row *row);

/* A span of a tree with its logs. */
void json_tree_span(struct json *j, const struct trace_node *node, const struct log_row *logs,
                    size_t n_logs);

/* "<time>.<hash>.<number>", and back; false when it is none. */
void json_log_id(struct json *j, const struct log_id *id);
bool log_id_parse(struct str text, struct log_id *out);

#endif
