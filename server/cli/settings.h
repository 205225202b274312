/* The configuration as each box wants it. */
#ifndef TELLTALE_CLI_SETTINGS_H
#define TELLTALE_CLI_SETTINGS_H

#include "config/config.h"
#include "log/log.h"
#include "net/auth.h"
#include "net/grpc.h"
#include "net/http.h"
#include "net/tls.h"
#include "query/query.h"
#include "receive/receive.h"
#include "store/store.h"

/* Strings in the results are borrowed from the configuration. */
struct log_options settings_log(const struct config *c);
/* Without the rules of retention.h. */
struct store_options settings_store(const struct config *c);
struct query_options settings_query(const struct config *c);

/* "promql-binop-fill-modifiers,…" as features of the query engine. False with a message on stderr
 * that names the one that is unknown. */
bool cli_features(const char *list, unsigned *out);

struct http_limits settings_http_limits(const struct config *c);
struct grpc_options settings_grpc(const struct config *c);
struct receiver_options settings_receivers(const struct config *c, const struct sink *sink);

/* `room` filled and returned, or NULL when TLS is off. */
const struct tls_options *settings_tls(const struct config *c, struct tls_options *room);

/* NULL in `*out` is never the result: without users everybody may do everything. */
int settings_auth_new(const struct config *c, struct auth **out, struct err *err);
int settings_auth_replace(const struct config *c, struct auth *auth, struct err *err);

/* A copy in the arena, sorted. */
struct labels settings_external_labels(const struct config *c, struct arena *arena);

#endif
