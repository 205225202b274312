/* What a collector's answer means for the request it answers. */
#ifndef TELLTALE_SDK_EXPORTERS_OTLP_ANSWER_H
#define TELLTALE_SDK_EXPORTERS_OTLP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "telltale/otlp.h"

enum { OTLP_MESSAGE_MAX = 200 };

/* As it came; all texts are borrowed. */
struct otlp_reply {
    long http_status; /* 0: none came */
    struct str body;
    struct str grpc_status, grpc_message, grpc_details; /* headers or trailers; empty: none */
    int64_t retry_after_ms;                             /* of HTTP; -1: not told */
};

enum otlp_fate {
    OTLP_DELIVERED,
    OTLP_LATER,  /* may succeed when tried again */
    OTLP_REFUSED /* will not */
};

struct otlp_verdict {
    enum otlp_fate fate;
    int64_t retry_after_ms; /* -1: not told */
    bool odd;               /* delivered, with an answer that is not OTLP's */
    int64_t rejected;       /* items, of a request that was delivered */
    long http_status;       /* 0: no answer came */
    int grpc_code;          /* -1: as that, or it is not gRPC */
    char message[OTLP_MESSAGE_MAX + 1];
};

/* What becomes of the request by this reply, by the rules of the protocol. */
void otlp_judge(enum tt_otlp_protocol protocol, const struct otlp_reply *reply,
                struct otlp_verdict *out);

/* Seconds, as Retry-After has them, or a date. -1 for neither. At most INT64_MAX / 2. */
int64_t otlp_retry_after_ms(struct str value, int64_t now_unix_s);

/* --- its parts, for tests --- */

/* The value of a member of a JSON object, as it stands there; false when there is none. */
bool otlp_json_member(struct str object, struct str name, struct str *out_value);

#endif
