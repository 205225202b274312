/* The log's replay. The first byte chooses: the rest is a segment file as it is; or the payload of
 * a record, which the checksum would keep us from reaching; or such a payload inside a sound
 * segment, where the records around it must come back. */
#include <stdlib.h>

#include "base/hash.h"
#include "memory_file.h"
#include "store/embedded/bytes.h"
#include "store/embedded/wal.h"
#include "store/embedded/wal_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 16 << 20 };

static int on_stream(void *arg, uint32_t id, const struct labels *labels)
{
    (void)id;
    *(uint64_t *)arg += labels_hash(labels);
    return 0;
}

static int on_row(void *arg, uint32_t id, const struct sample *sample)
{
    (void)id;
    *(uint64_t *)arg += (uint64_t)sample->t_unix_ms + (sample->histogram != NULL);
    return 0;
}

/* Read again by itself it is the same. */
static int on_plain(void *arg, uint32_t id, int64_t t, double value, struct str bytes)
{
    struct sample again;
    if (!wal_read_plain(bytes, 0, t, &again) || again.t_unix_ms != t ||
        double_bits(again.value) != double_bits(value))
        abort();
    return on_row(arg, id, &again);
}

static int on_exemplar(void *arg, uint32_t id, const struct exemplar *e)
{
    (void)id;
    *(uint64_t *)arg += labels_hash(&e->labels);
    return 0;
}

static int on_metadata(void *arg, const struct metric_metadata *m)
{
    *(uint64_t *)arg += hash_str(m->family) + hash_str(m->unit) + hash_str(m->help);
    return 0;
}

static int no_row(void *arg, uint32_t id, const struct sample *sample)
{
    (void)arg, (void)id, (void)sample;
    abort();
}

static void read_without_rows(struct str payload, struct arena *arena)
{
    uint64_t sum = 0;
    const struct wal_visitor visitor = {.arg = &sum,
                                        .stream = on_stream,
                                        .row = no_row,
                                        .exemplar = on_exemplar,
                                        .metadata = on_metadata,
                                        .no_rows = true};
    (void)wal_read_record(payload, arena, &visitor); // what is damaged was told before
}

static int read_payload(void *arg, struct str payload, uint64_t at)
{
    (void)at;
    uint64_t sum = 0; // so that every byte that is handed out is read
    struct arena arena;
    const struct wal_visitor visitor = {&sum,     on_stream,   on_row,
                                        on_plain, on_exemplar, on_metadata};
    arena_init(&arena, ARENA);
    int rc = wal_read_record(payload, &arena, &visitor);
    read_without_rows(payload, &arena);
    arena_done(&arena);
    ++*(size_t *)arg;
    return rc;
}

/* What can be passed over is known by its first bytes. */
static bool pass(void *arg, struct str beginning, uint64_t at)
{
    const struct wal_glance got = wal_glance(beginning);
    *(uint64_t *)arg += at + (uint64_t)got.latest_ms;
    return got.rows_alone;
}

static int ignore(void *arg, struct str payload, uint64_t at)
{
    (void)arg, (void)payload, (void)at;
    return 0;
}

static void outline(const struct fs *fs)
{
    uint64_t sum = 0;
    const struct wal_reader reader = {.arg = &sum, .each = ignore, .pass = pass};
    struct wal_replay got;
    (void)wal_read_segment(fs, "", 1, &reader, &got, NULL); // any bytes do
}

static size_t replay(struct str file)
{
    struct fs fs = memory_file(&file);
    struct wal_replay got;
    size_t records = 0;
    outline(&fs);
    (void)wal_replay_segment(&fs, "", 1, read_payload, &records, &got, NULL);
    return records;
}

static void put_record(struct buf *out, struct str payload, uint64_t nonce)
{
    put_u32(out, 0x0152747d);
    put_u32(out, (uint32_t)payload.n);
    put_u64(out, hash_bytes_seeded(payload.p, payload.n, hash_combine(nonce, payload.n)));
    buf_put_str(out, payload);
}

/* A record, the input where a record should be, another record. */
static void replay_between(struct str bytes)
{
    struct buf file = BUF_MAX(64 << 20);
    buf_put(&file, "ttwal\0\0\1", 8);
    put_u64(&file, 1);
    put_u64(&file, 99);
    put_u64(&file, hash_bytes(file.p, 24));
    put_record(&file, (struct str){0}, 99);
    buf_put_str(&file, bytes);
    put_record(&file, STR("\1\0"), 99);
    if (replay(buf_str(&file)) < 2)
        abort();
    buf_done(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t records = 0;
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    switch (data[0] % 3) {
    case 0: (void)replay(rest); break;
    case 1: (void)read_payload(&records, rest, 0); break;
    default: replay_between(rest);
    }
    return 0;
}
