/* A store on disk with some spans and log records, for targets that ask questions of it. It lies in
 * /tmp and goes when the fuzzer ends by itself. */
#ifndef TELLTALE_FUZZ_SMALL_STORE_H
#define TELLTALE_FUZZ_SMALL_STORE_H

#include <stdlib.h>

#include "base/fs.h"
#include "base/time.h"
#include "store/records.h"
#include "store/store.h"

enum { SMALL_STORE_ROWS = 40 };

/* Four spans a trace, as many log records. */
static inline void small_store_fill(struct store *store, enum record_table table)
{
    struct record_batch b;
    struct sink_result result;
    bool span = table == RECORD_SPANS;
    record_batch_init(&b, table, 1 << 20);
    struct record_group *g = record_batch_add_group(&b);
    for (int i = 0; i < SMALL_STORE_ROWS; i++) {
        struct record *r = record_batch_add(&b, g);
        char *id = arena_zalloc(&b.arena, 16);
        id[0] = (char)(1 + i / 4);
        id[8] = (char)(1 + i);
        r->t_unix_ns = time_now_unix_ns() - i * NS_PER_S;
        r->fields[span ? SPAN_TRACE_ID : LOG_TRACE_ID] = any_bytes(str_of(id, 16));
        r->fields[span ? SPAN_SPAN_ID : LOG_SPAN_ID] = any_bytes(str_of(id + 8, 8));
        r->fields[span ? SPAN_NAME : LOG_BODY] = any_string(STR("GET /cart"));
        r->fields[span ? SPAN_DURATION_NS : LOG_SEVERITY] = any_int(i);
    }
    if (store_append_records(store, &b, &result, NULL) != 0 || result.accepted != SMALL_STORE_ROWS)
        abort();
    record_batch_done(&b);
}

static char small_store_dir[] = "/tmp/fuzz-store-XXXXXX";

static inline void small_store_remove(void)
{
    (void)fs_remove_tree(fs_real(), small_store_dir, NULL);
}

static inline struct store *small_store(void)
{
    struct store *store;
    struct store_options o = {.dir = mkdtemp(small_store_dir),
                              .retention_ms = STORE_RETENTION_FOREVER};
    for (int i = 0; i < RECORD_TABLES; i++)
        o.retention_records_ms[i] = STORE_RETENTION_FOREVER;
    if (store_open(&o, &store, NULL) != 0 || store_replay(store, NULL, NULL) != 0)
        abort();
    (void)atexit(small_store_remove);
    small_store_fill(store, RECORD_SPANS);
    small_store_fill(store, RECORD_LOGS);
    return store;
}

#endif
