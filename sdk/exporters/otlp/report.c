/* Names by OpenTelemetry's conventions: the type of the exporter, the server, and what a failure is
 * called: the last answer's status, as HTTP's number or gRPC's name. */
#include "otlp/report.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/grpc_status.h"
#include "base/num.h"

/* --- before ---------------------------------------------------------------------------------- */

static const char *type_of(const struct otlp_config *c)
{
    static const char *const types[][3] = {
        [TT_OTLP_HTTP_PROTOBUF] = {[TT_SIGNAL_TRACES] = "otlp_http_span_exporter",
                                   [TT_SIGNAL_METRICS] = "otlp_http_metric_exporter",
                                   [TT_SIGNAL_LOGS] = "otlp_http_log_exporter"},
        [TT_OTLP_HTTP_JSON] = {[TT_SIGNAL_TRACES] = "otlp_http_json_span_exporter",
                               [TT_SIGNAL_METRICS] = "otlp_http_json_metric_exporter",
                               [TT_SIGNAL_LOGS] = "otlp_http_json_log_exporter"},
        [TT_OTLP_GRPC] = {[TT_SIGNAL_TRACES] = "otlp_grpc_span_exporter",
                          [TT_SIGNAL_METRICS] = "otlp_grpc_metric_exporter",
                          [TT_SIGNAL_LOGS] = "otlp_grpc_log_exporter"},
    };
    return types[c->protocol][c->signal];
}

/* Takes the host, without the brackets of an IPv6 address; what is left begins behind it. */
static struct str cut_host(struct str *authority)
{
    bool brackets = authority->n && *authority->p == '[';
    size_t n = brackets ? str_index(*authority, ']') : str_index(*authority, ':');
    struct str host = str_sub(*authority, brackets, n - brackets);
    *authority = str_sub(*authority, n + brackets, authority->n);
    return host;
}

/* scheme://[user@]host[:port]/path */
static void read_url(tt_export_report *r, struct str url, char *to, size_t size)
{
    bool https = str_starts(url, STR("https://"));
    struct str rest = str_sub(url, https ? 8 : 7, url.n);
    struct str authority = str_sub(rest, 0, str_index(rest, '/'));
    size_t user = str_index(authority, '@');
    if (user < authority.n)
        authority = str_sub(authority, user + 1, authority.n);
    struct str host = cut_host(&authority);
    r->port = https ? 443 : 80;
    if (authority.n)
        (void)num_parse_i64(str_sub(authority, 1, authority.n), &r->port); // stays for no number
    if (!host.n || host.n >= size)
        return;
    memcpy(to, host.p, host.n);
    to[host.n] = '\0';
    r->server = to;
}

void otlp_report_begin(tt_export_report *r, const struct otlp_config *c, char *host, size_t host_n)
{
    *r = (tt_export_report){.size = sizeof *r, .type = type_of(c)};
    *host = '\0';
    read_url(r, str_c(c->url), host, host_n);
}

/* --- after ----------------------------------------------------------------------------------- */

void otlp_report_end(tt_export_report *r, int rc, const struct otlp_verdict *last,
                     char error[OTLP_ERROR_MAX])
{
    r->http_status = last->http_status;
    r->grpc_status = last->grpc_code < 0 ? NULL : grpc_status_name(last->grpc_code);
    r->rejected = rc == TT_OK && last->fate == OTLP_DELIVERED ? last->rejected : 0;
    if (rc == TT_OK || rc == TT_ERR_TIMEOUT || rc == TT_ERR_SHUTDOWN)
        return;
    if (last->grpc_code > 0)
        r->error = r->grpc_status;
    else if (last->http_status >= 300) {
        (void)snprintf(error, OTLP_ERROR_MAX, "%ld", last->http_status);
        r->error = error;
    }
}
