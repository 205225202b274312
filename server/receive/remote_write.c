#include "receive/remote_write.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "codec/snappy.h"
#include "model/batch.h"
#include "model/sink.h"
#include "net/http.h"
#include "receive/intake.h"

/* ---- Negotiation ---- */

/* "application/x-protobuf; proto=NAME"; without the parameter, or without the header, 1.0. */
static int read_content_type(struct str header, enum remote_write_version *out, struct err *err)
{
    struct str parameters = header;
    struct str media = str_trim(str_cut(&parameters, ';'));
    *out = REMOTE_WRITE_1;
    if (header.n && !str_eq_nocase(media, STR("application/x-protobuf")))
        return err_set(err, ERR_UNSUPPORTED,
                       "Content-Type: \"%.*s\"; expected application/x-protobuf",
                       STR_ARG(str_sub(header, 0, 100)));
    while (parameters.p) {
        struct str value = str_cut(&parameters, ';');
        struct str name = str_trim(str_cut(&value, '='));
        if (!str_eq_nocase(name, STR("proto")))
            continue;
        value = str_trim(value);
        if (str_eq(value, STR("io.prometheus.write.v2.Request")))
            *out = REMOTE_WRITE_2;
        else if (!str_eq(value, STR("prometheus.WriteRequest")))
            return err_set(err, ERR_UNSUPPORTED,
                           "Content-Type: proto=%.*s; expected prometheus.WriteRequest or "
                           "io.prometheus.write.v2.Request",
                           STR_ARG(str_sub(value, 0, 100)));
    }
    return 0;
}

/* The other header that tells the version has to agree; one that is absent, or strange, says
 * nothing. */
static int check_version(struct str header, enum remote_write_version version, struct err *err)
{
    struct str major = str_cut(&header, '.');
    bool one = str_eq(major, STR("0")) || str_eq(major, STR("1"));
    bool two = str_eq(major, STR("2"));
    if (version == REMOTE_WRITE_1 ? !two : !one)
        return 0;
    return err_set(
        err, ERR_INVALID,
        "X-Prometheus-Remote-Write-Version: %.*s.%.*s; expected %s, as Content-Type says "
        "proto=%s",
        STR_ARG(str_sub(major, 0, 10)), STR_ARG(str_sub(header, 0, 20)),
        version == REMOTE_WRITE_1 ? "0.1.0" : "2.0.0",
        version == REMOTE_WRITE_1 ? "prometheus.WriteRequest" : "io.prometheus.write.v2.Request");
}

static int check_encoding(struct str encoding, struct err *err)
{
    if (encoding.n == 0 || str_eq_nocase(str_trim(encoding), STR("snappy")))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "Content-Encoding: \"%.*s\"; expected snappy",
                   STR_ARG(str_sub(encoding, 0, 50)));
}

/* ---- Answers ---- */

static int status_of(int rc)
{
    switch (rc) {
    case 0: return 204;
    case ERR_INVALID:
    case ERR_CORRUPT: return 400;
    case ERR_TOO_BIG: return 413;
    case ERR_UNSUPPORTED: return 415;
    case ERR_BUSY:
    case ERR_NOMEM:
    case ERR_TIMEOUT:
    case ERR_CANCELLED: return 503;
    default: return 500;
    }
}

static void set_count(struct http_response *response, struct arena *arena, const char *name,
                      size_t n)
{
    struct buf text = BUF_MAX(32);
    buf_put_u64(&text, n);
    http_set_header(response, name, arena_str(arena, buf_str(&text)));
    buf_done(&text);
}

/* What was written, which 2.0 wants told in every case. The sink counts samples and histograms as
 * one; those it left out for their buckets were histograms, the others are taken for samples. */
static void set_written(struct http_response *response, struct arena *arena,
                        const struct remote_write_result *decoded, const struct sink_result *stored)
{
    size_t bad = MIN(stored->rejected[REJECT_HISTOGRAM], decoded->histograms);
    size_t histograms = MIN(decoded->histograms - bad, stored->accepted);
    set_count(response, arena, "X-Prometheus-Remote-Write-Samples-Written",
              stored->accepted - histograms);
    set_count(response, arena, "X-Prometheus-Remote-Write-Histograms-Written", histograms);
    set_count(response, arena, "X-Prometheus-Remote-Write-Exemplars-Written",
              stored->exemplars_accepted);
}

static void put_reason(struct buf *out, const char *name, size_t n)
{
    if (n)
        buf_printf(out, ", %s: %zu", name, n);
}

/* "2 of 10 samples were rejected, labels: 1, too_old: 1; first: …" */
static void put_rejections(struct buf *out, const struct remote_write_result *decoded,
                           const struct sink_result *stored)
{
    size_t rejected = remote_write_rejected(decoded) + sink_result_rejected(stored);
    buf_printf(out, "%zu of %zu samples were rejected", rejected, rejected + stored->accepted);
    for (int i = 0; i < REMOTE_WRITE_REJECTS; i++)
        put_reason(out, remote_write_reject_name((enum remote_write_reject)i),
                   decoded->rejected[i]);
    for (int i = 0; i < REJECT_REASONS; i++)
        put_reason(out, reject_reason_name((enum reject_reason)i), stored->rejected[i]);
    buf_printf(out, "; first: %s\n", decoded->message[0] ? decoded->message : stored->message);
}

static void answer_error(struct http_response *response, int rc, const struct err *err)
{
    response->status = status_of(rc);
    buf_printf(&response->body, "%s\n", err->message);
    if (response->status == 503)
        http_set_header(response, "Retry-After", STR("1"));
    intake_log_refused(INTAKE_REMOTE_WRITE, rc, err);
}

/* ---- The request ---- */

static size_t or_default(size_t v, size_t otherwise)
{
    return v ? v : otherwise;
}

static struct remote_write_limits limits_of(const struct remote_write_settings *settings)
{
    const struct remote_write_limits *l = &settings->limits;
    return (struct remote_write_limits){
        .max_series = (uint32_t)or_default(l->max_series, 200000),
        .max_labels = (uint32_t)or_default(l->max_labels, 128),
        .max_label_name_bytes = (uint32_t)or_default(l->max_label_name_bytes, 1024),
        .max_label_value_bytes = (uint32_t)or_default(l->max_label_value_bytes, 16 * 1024),
        .max_buckets = (uint32_t)or_default(l->max_buckets, 4096),
    };
}

/* A request on its way. */
struct write {
    const struct remote_write_settings *settings;
    enum remote_write_version version;
    struct buf text; /* decompressed; the batch borrows from it */
    struct batch batch;
    struct remote_write_result decoded;
    struct sink_result stored;
};

/* `recall`: series that the sink knows need no labels. */
static int decode_and_store(struct write *w, bool recall, struct err *err)
{
    const struct sink *sink = w->settings->sink;
    const struct remote_write_limits limits = limits_of(w->settings);
    int rc = remote_write_decode(buf_str(&w->text), w->version, &limits, recall ? sink : NULL,
                                 &w->batch, &w->decoded, err);
    /* A budget that is spent is the request's fault, to be told so; memory that is not there may be
     * there later. */
    if (rc == ERR_NOMEM && w->batch.arena.over_budget)
        rc = ERR_TOO_BIG;
    if (rc == 0 && (w->batch.n_series || w->batch.n_metadata))
        rc = sink_append(sink, &w->batch, &w->stored, err);
    return rc;
}

static int take(struct write *w, struct str body, struct err *err)
{
    int rc = snappy_decompress(body, &w->text, err);
    if (rc == 0)
        rc = decode_and_store(w, true, err);
    if (rc == ERR_STALE) { // rare: a series was removed between decoding and storing
        batch_reset(&w->batch);
        rc = decode_and_store(w, false, err);
    }
    return rc;
}

static void count(size_t bytes, int rc, const struct remote_write_result *decoded,
                  const struct sink_result *stored)
{
    intake_count(INTAKE_REMOTE_WRITE, bytes, rc, rc == 0 ? stored : NULL);
    for (int i = 0; i < REMOTE_WRITE_REJECTS; i++)
        if (decoded->rejected[i])
            intake_reject(INTAKE_REMOTE_WRITE,
                          remote_write_reject_name((enum remote_write_reject)i),
                          decoded->rejected[i]);
}

static void answer(struct http_response *response, struct arena *arena, const struct write *w,
                   int rc, const struct err *err)
{
    if (w->version == REMOTE_WRITE_2)
        set_written(response, arena, &w->decoded, &w->stored);
    if (rc != 0) {
        answer_error(response, rc, err);
    } else if (remote_write_rejected(&w->decoded) + sink_result_rejected(&w->stored) > 0) {
        response->status = 400;
        put_rejections(&response->body, &w->decoded, &w->stored);
        intake_log_rejected(INTAKE_REMOTE_WRITE, str_trim(buf_str(&response->body)));
    } else {
        response->status = 204;
    }
}

void remote_write_handle(void *self, const struct http_request *request,
                         struct http_response *response)
{
    const struct remote_write_settings *settings = self;
    struct write w = {.settings = settings,
                      .text = BUF_MAX(or_default(settings->max_decompressed_bytes, 256u << 20))};
    struct err err = {0};
    batch_init(&w.batch, or_default(settings->max_batch_bytes, 1u << 30));

    int rc = read_content_type(http_header(request, "Content-Type"), &w.version, &err);
    if (rc == 0)
        rc = check_version(http_header(request, "X-Prometheus-Remote-Write-Version"), w.version,
                           &err);
    if (rc == 0)
        rc = check_encoding(http_header(request, "Content-Encoding"), &err);
    if (rc == 0)
        rc = take(&w, request->body, &err);
    count(request->body.n, rc, &w.decoded, &w.stored);
    answer(response, request->arena, &w, rc, &err);
    batch_done(&w.batch);
    buf_done(&w.text);
}
