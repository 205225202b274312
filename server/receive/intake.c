#include "receive/intake.h"

#include "base/compiler.h"
#include "log/log.h"
#include "self/self.h"

static struct self_metric requests =
    SELF_COUNTER("telltale_receive_requests_total",
                 "Requests and scrapes received, by protocol and outcome.", "protocol", "outcome");
static struct self_metric bytes_in = SELF_COUNTER(
    "telltale_receive_bytes_total", "Bytes of bodies received, as sent, by protocol.", "protocol");
static struct self_metric samples = SELF_COUNTER(
    "telltale_receive_samples_total", "Samples received and kept, by protocol.", "protocol");
static struct self_metric rejected =
    SELF_COUNTER("telltale_receive_rejected_total",
                 "Samples received and left out, by protocol and reason.", "protocol", "reason");
static struct self_metric truncated =
    SELF_COUNTER("telltale_receive_truncated_total",
                 "Texts cut, and attributes, events and links left out of spans and log records "
                 "that were kept.",
                 "protocol");

static const char *const protocol_names[] = {
    [INTAKE_OTLP_HTTP] = "otlp_http",
    [INTAKE_OTLP_GRPC] = "otlp_grpc",
    [INTAKE_REMOTE_WRITE] = "remote_write",
    [INTAKE_SCRAPE] = "scrape",
    [INTAKE_IMPORT] = "import",
};
_Static_assert(ARRAY_LEN(protocol_names) == INTAKE_PROTOCOLS, "a name for each protocol");

static const char *outcome(int rc, const struct sink_result *result)
{
    switch (rc) {
    case 0: return result && sink_result_rejected(result) ? "partial" : "ok";
    case ERR_BUSY: return "busy";
    case ERR_TOO_BIG: return "too_big";
    case ERR_INVALID:
    case ERR_UNSUPPORTED: return "invalid";
    default: return "failed";
    }
}

void intake_count(enum intake_protocol p, size_t bytes, int rc, const struct sink_result *result)
{
    const char *protocol = protocol_names[p];
    self_add(&requests, 1, protocol, outcome(rc, result));
    self_add(&bytes_in, bytes, protocol);
    if (!result)
        return;
    self_add(&samples, result->accepted, protocol);
    for (int i = 0; i < REJECT_REASONS; i++)
        if (result->rejected[i])
            intake_reject(p, reject_reason_name((enum reject_reason)i), result->rejected[i]);
}

void intake_log_refused(enum intake_protocol p, int rc, const struct err *err)
{
    log_warn("receive", "a request was not stored", LOG_STR("protocol", protocol_names[p]),
             LOG_STR("outcome", outcome(rc, NULL)), LOG_STR("error", err->message));
}

void intake_log_rejected(enum intake_protocol p, struct str reasons)
{
    log_warn("receive", "a part of a request was not stored",
             LOG_STR("protocol", protocol_names[p]), LOG_TEXT("error", reasons));
}

void intake_reject(enum intake_protocol p, const char *reason, size_t n)
{
    self_add(&rejected, n, protocol_names[p], reason);
}

void intake_truncate(enum intake_protocol p, size_t n)
{
    self_add(&truncated, n, protocol_names[p]);
}
