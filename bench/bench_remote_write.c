/* Decodes the requests of a corpus made by tsload --dump: snappy, protobuf, batch, on one core.
 * Prints the median and spread of the runs in ns per sample. Usage: bench_remote_write FILE [RUNS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "codec/remote_write.h"
#include "codec/snappy.h"
#include "model/batch.h"

/* tsload's headers: of the file, and before each request. */
struct file_head {
    char magic[8];
    uint32_t proto, conns, gzip, samples;
    int64_t end_ms;
    uint64_t n_requests;
};

struct request_head {
    uint32_t conn, n, raw, items, samples;
};

struct totals {
    size_t samples, series;
    int64_t snappy_ns, decode_ns;
};

static bool run_request(struct str body, struct batch *batch, struct buf *text, struct totals *t)
{
    const struct remote_write_limits limits = {.max_labels = 64, .max_label_value_bytes = 4096};
    struct remote_write_result result;
    struct err err = {0};
    int64_t begun = time_now_mono_ns();
    buf_reset(text);
    if (snappy_decompress(body, text, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return false;
    }
    int64_t decompressed = time_now_mono_ns();
    batch_reset(batch);
    if (remote_write_decode(buf_str(text), REMOTE_WRITE_1, &limits, NULL, batch, &result, &err) !=
        0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return false;
    }
    t->snappy_ns += decompressed - begun;
    t->decode_ns += time_now_mono_ns() - decompressed;
    t->samples += result.samples;
    t->series += batch->n_series;
    return true;
}

static bool run_corpus(struct str corpus, struct totals *t)
{
    struct batch batch;
    struct buf text = BUF_MAX(64 << 20);
    bool ok = true;
    batch_init(&batch, 256 << 20);
    for (size_t at = sizeof(struct file_head); ok && at < corpus.n;) {
        struct request_head head;
        memcpy(&head, corpus.p + at, sizeof head);
        at += sizeof head;
        ok = run_request(str_sub(corpus, at, head.n), &batch, &text, t);
        at += head.n;
    }
    batch_done(&batch);
    buf_done(&text);
    return ok;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    size_t n = 1;
    while (f && n > 0) {
        char *to = buf_reserve(out, 1 << 20);
        n = to ? fread(to, 1, 1 << 20, f) : 0;
        buf_advance(out, n);
    }
    if (f)
        (void)fclose(f); // was only read
    return f && !buf_failed(out) && out->n > sizeof(struct file_head) &&
           memcmp(out->p, "TSLOAD2", 8) == 0;
}

int main(int argc, char **argv)
{
    enum { RUNS_MAX = 101 };
    double ns[RUNS_MAX];
    int64_t wanted = 11;
    struct buf corpus = BUF_MAX((size_t)4 << 30);
    if (argc < 2 || !read_file(argv[1], &corpus) ||
        (argc > 2 && num_parse_i64(str_c(argv[2]), &wanted) != 0)) {
        (void)fprintf(stderr, "usage: bench_remote_write CORPUS [RUNS]; tsload --dump makes one\n");
        return 2;
    }
    size_t runs = wanted < 5 ? 5 : wanted > RUNS_MAX ? RUNS_MAX : (size_t)wanted;
    struct totals all = {0}, warm_up = {0};
    bool ok = run_corpus(buf_str(&corpus), &warm_up);
    for (size_t i = 0; ok && i < runs; i++) {
        struct totals t = {0};
        ok = run_corpus(buf_str(&corpus), &t) && t.samples > 0;
        ns[i] = ok ? (double)(t.snappy_ns + t.decode_ns) / (double)t.samples : 0;
        all.snappy_ns += t.snappy_ns;
        all.decode_ns += t.decode_ns;
        all.samples += t.samples;
    }
    buf_done(&corpus);
    if (!ok)
        return 1;
    qsort(ns, runs, sizeof *ns, by_value);
    (void)printf("remote_write: %.0f ns/sample (%.0f to %.0f in %zu runs), %.2f M samples/s; "
                 "snappy %.0f ns, decode %.0f ns\n",
                 ns[runs / 2], ns[0], ns[runs - 1], runs, 1e3 / ns[runs / 2],
                 (double)all.snappy_ns / (double)all.samples,
                 (double)all.decode_ns / (double)all.samples);
    return 0;
}
