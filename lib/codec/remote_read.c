#include "codec/remote_read.h"

#include "codec/crc32c.h"
#include "codec/protobuf.h"
#include "codec/remote_series.h"
#include "codec/xor_chunk.h"

enum { RESPONSE_SAMPLES, RESPONSE_CHUNKS };

/* --- the request ------------------------------------------------------------------------------ */

struct decoder {
    struct arena *arena;
    bool unknown_matcher;
};

static void read_matcher(struct decoder *d, struct pb_reader *outer,
                         struct remote_read_query *query)
{
    struct pb_reader r = pb_message(outer);
    struct remote_read_matcher m = {0};
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): m.op = (unsigned)pb_varint(&r); break;
        case PB_TAG(2, PB_LEN): m.name = pb_str(&r); break;
        case PB_TAG(3, PB_LEN): m.value = pb_str(&r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    if (pb_failed(&r))
        pb_damage(outer, r.damage);
    d->unknown_matcher |= m.op > 3;
    query->matchers[query->n++] = m;
}

/* Hints (field 4) tell what the asker is about to compute: nothing to be done about here. */
static void read_query(struct decoder *d, struct pb_reader *outer, struct remote_read_query *out)
{
    struct pb_reader r = pb_message(outer);
    uint32_t tag, counts[PB_COUNTED];
    pb_count(r, counts); // where bytes are damaged the last one is not counted, but begun below
    *out = (struct remote_read_query){
        .matchers = arena_array(d->arena, counts[3] + (size_t)1, sizeof *out->matchers)};
    while (out->matchers && pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_VARINT): out->start_ms = (int64_t)pb_varint(&r); break;
        case PB_TAG(2, PB_VARINT): out->end_ms = (int64_t)pb_varint(&r); break;
        case PB_TAG(3, PB_LEN): read_matcher(d, &r, out); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2) | PB_FIELD(3));
        }
    }
    if (pb_failed(&r))
        pb_damage(outer, r.damage);
}

/* Which of the forms accepted, in the order of preference, comes first that we have. */
struct accepted {
    bool any, decided, chunked;
};

static void accept_form(struct accepted *a, uint64_t form)
{
    a->any = true;
    if (!a->decided && (form == RESPONSE_SAMPLES || form == RESPONSE_CHUNKS)) {
        a->decided = true;
        a->chunked = form == RESPONSE_CHUNKS;
    }
}

static void accept_packed(struct accepted *a, struct pb_reader *r)
{
    struct pb_reader values = pb_message(r);
    while (pb_more(&values))
        accept_form(a, pb_varint(&values));
    if (pb_failed(&values))
        pb_damage(r, values.damage);
}

int remote_read_decode(struct str body, struct arena *arena, struct remote_read_request *out,
                       struct err *err)
{
    struct pb_reader r = pb_reader_of(body);
    struct decoder d = {.arena = arena};
    struct accepted accepted = {0};
    uint32_t tag, counts[PB_COUNTED];
    pb_count(r, counts);
    *out = (struct remote_read_request){0};
    out->queries = arena_array(arena, counts[1] + (size_t)1, sizeof *out->queries);
    while (out->queries && pb_next(&r, &tag)) {
        switch (tag) {
        case PB_TAG(1, PB_LEN): read_query(&d, &r, &out->queries[out->n++]); break;
        case PB_TAG(2, PB_VARINT): accept_form(&accepted, pb_varint(&r)); break;
        case PB_TAG(2, PB_LEN): accept_packed(&accepted, &r); break;
        default: pb_skip_unknown(&r, tag, PB_FIELD(1) | PB_FIELD(2));
        }
    }
    if (pb_failed(&r))
        return pb_error(&r, "read request", err);
    if (arena_failed(arena))
        return err_set(err, ERR_TOO_BIG, "read request: too many queries or matchers");
    if (d.unknown_matcher)
        return err_set(err, ERR_INVALID, "matchers.type: unknown; expected EQ, NEQ, RE or NRE");
    if (accepted.any && !accepted.decided)
        return err_set(err, ERR_UNSUPPORTED,
                       "accepted_response_types: none that is known; expected SAMPLES or "
                       "STREAMED_XOR_CHUNKS");
    out->chunked = accepted.chunked;
    return 0;
}

/* --- raw samples ------------------------------------------------------------------------------ */

void remote_read_put_series(struct buf *out, const struct labels *labels, const struct sample *v,
                            size_t n)
{
    size_t begun = pb_begin(out, 1);
    remote_put_labels(out, 1, labels);
    for (size_t i = 0; i < n; i++)
        if (!v[i].histogram)
            remote_put_sample(out, 2, &v[i]);
    for (size_t i = 0; i < n; i++)
        if (v[i].histogram)
            remote_put_histogram(out, 4, &v[i]);
    pb_end(out, begun);
}

/* --- chunks ----------------------------------------------------------------------------------- */

enum { ENCODING_XOR = 1, ENCODING_FLOAT_HISTOGRAM = 3 };

static void put_chunk(struct buf *out, const struct sample *v, size_t n)
{
    struct buf data = BUF_MAX(1 << 20);
    if (v->histogram)
        float_histogram_chunk_encode(&data, v);
    else
        xor_chunk_encode(&data, v, n);
    size_t begun = pb_begin(out, 2);
    pb_put_varint(out, 1, (uint64_t)v[0].t_unix_ms);
    pb_put_varint(out, 2, (uint64_t)v[n - 1].t_unix_ms);
    pb_put_varint(out, 3, v->histogram ? ENCODING_FLOAT_HISTOGRAM : ENCODING_XOR);
    pb_put_str(out, 4, buf_str(&data));
    pb_end(out, begun);
    out->failed |= buf_failed(&data);
    buf_done(&data);
}

/* How many of the samples, from the first on, share a chunk. */
static size_t chunk_length(const struct sample *v, size_t n)
{
    size_t k = 1;
    while (!v->histogram && k < n && k < XOR_CHUNK_SAMPLES && !v[k].histogram)
        k++;
    return k;
}

/* Writes samples, from the first on, until the frame is large enough; how many. */
static size_t put_chunks(struct buf *message, const struct labels *labels, const struct sample *v,
                         size_t n)
{
    size_t begun = pb_begin(message, 1), done = 0;
    remote_put_labels(message, 1, labels);
    do {
        size_t k = chunk_length(v + done, n - done);
        put_chunk(message, v + done, k);
        done += k;
    } while (done < n && message->n < REMOTE_READ_FRAME_BYTES && !buf_failed(message));
    pb_end(message, begun);
    return done;
}

static size_t put_frame(struct buf *out, uint64_t query, const struct labels *labels,
                        const struct sample *v, size_t n)
{
    struct buf message = BUF_MAX(out->max);
    size_t done = put_chunks(&message, labels, v, n);
    if (query)
        pb_put_varint(&message, 2, query);
    uint32_t crc = crc32c(buf_str(&message));
    pb_put_raw_varint(out, message.n);
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_putc(out, (char)(crc >> shift));
    buf_put_str(out, buf_str(&message));
    out->failed |= buf_failed(&message);
    buf_done(&message);
    return done;
}

void remote_read_put_frames(struct buf *out, uint64_t query, const struct labels *labels,
                            const struct sample *v, size_t n)
{
    for (size_t i = 0; i < n && !buf_failed(out);)
        i += put_frame(out, query, labels, v + i, n - i);
}
