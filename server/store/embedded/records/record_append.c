/* Appending a batch: its good rows become one chunk a day, the chunks one log record; once that is
 * written the batch is acknowledged, and the chunks join the heads of their days. The gate is held
 * for reading all the while, so a flush sees either all of a batch or nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "self/self.h"
#include "store/embedded/records/record_keep.h"
#include "store/embedded/records/record_store.h"

static struct self_metric appended_total = SELF_COUNTER("telltale_store_appended_records_total",
                                                        "Spans and log records accepted.", "table");
static struct self_metric rejected_total =
    SELF_COUNTER("telltale_store_rejected_records_total",
                 "Spans and log records that the store left out of a batch.", "table");
static struct self_metric refused_total =
    SELF_COUNTER("telltale_store_refused_record_batches_total",
                 "Batches of spans or log records that the store refused whole.", "table");

/* A batch with rows of more days than this is refused: it would make as many small parts. */
enum { DAYS_MAX = 64, KEPT_RECORD = 4 << 20 };

/* Of one append, used again. */
struct append_buffers {
    struct append_buffers *next;
    struct chunk_builder *builder;
    struct buf record;
};

static void buffers_free(struct append_buffers *b)
{
    chunk_builder_free(b->builder);
    buf_done(&b->record);
    free(b);
}

static struct append_buffers *buffers_take(struct record_store *s)
{
    lock_take(&s->lists);
    struct append_buffers *b = s->buffers;
    if (b)
        s->buffers = b->next;
    lock_give(&s->lists);
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    struct chunk_builder *builder = b ? chunk_builder_new() : NULL;
    if (!builder) {
        free(b);
        return NULL;
    }
    b->builder = builder;
    buf_init(&b->record, (size_t)WAL_RECORD_MAX + WAL_RECORD_HEADER);
    return b;
}

static void buffers_give(struct record_store *s, struct append_buffers *b)
{
    chunk_builder_reset(b->builder);
    buf_reset(&b->record);
    if (b->record.cap > KEPT_RECORD)
        buf_done(&b->record); // one huge batch must not cost memory for ever
    lock_take(&s->lists);
    b->next = s->buffers;
    s->buffers = b;
    lock_give(&s->lists);
}

void append_buffers_free(struct record_store *s)
{
    while (s->buffers) {
        struct append_buffers *b = s->buffers;
        s->buffers = b->next;
        buffers_free(b);
    }
}

struct append {
    struct record_store *store;
    const struct record_batch *batch;
    struct append_buffers *buffers;
    struct record_keep keep;
    int64_t min_ns, max_ns; /* times that are accepted; min_ns: of the current group */
    int64_t days[DAYS_MAX];
    size_t n_days;
    struct sink_result result;
    struct err *err;
};

/* --- which rows ------------------------------------------------------------------------------- */

static void reject(struct append *a, const struct record *r, enum reject_reason reason)
{
    a->result.rejected[reason]++;
    if (a->result.message[0])
        return;
    int64_t off_ms =
        (reason == REJECT_TOO_OLD ? a->min_ns - r->t_unix_ns : r->t_unix_ns - a->max_ns) /
        NS_PER_MS;
    (void)snprintf(a->result.message, sizeof a->result.message,
                   reason == REJECT_TOO_OLD
                       ? "time %lld is %lld ms older than the retention (storage.retention.%s)"
                       : "time %lld is %lld ms further in the future than is accepted "
                         "(storage.max_future)",
                   (long long)r->t_unix_ns, (long long)off_ms,
                   record_table_name(a->batch->table)); // cut if too long
}

static int note_day(struct append *a, int64_t day)
{
    for (size_t i = 0; i < a->n_days; i++)
        if (a->days[i] == day)
            return 0;
    if (a->n_days == DAYS_MAX)
        return err_set(a->err, ERR_TOO_BIG, "rows of more than %d days in one request", DAYS_MAX);
    a->days[a->n_days++] = day;
    return 0;
}

static void enter_group(struct append *a, const struct record_group *g)
{
    if (a->keep.rules)
        a->min_ns = record_keep_min_ns(&a->keep, &g->source);
}

static bool is_good(const struct append *a, const struct record *r)
{
    return r->t_unix_ns >= a->min_ns && r->t_unix_ns <= a->max_ns;
}

static int admit(struct append *a)
{
    int rc = 0;
    for (size_t i = 0; i < a->batch->n_groups; i++) {
        const struct record_group *g = &a->batch->groups[i];
        enter_group(a, g);
        for (size_t k = 0; rc == 0 && k < g->n; k++) {
            const struct record *r = &g->records[k];
            if (is_good(a, r))
                rc = note_day(a, day_of_ns(r->t_unix_ns));
            else
                reject(a, r, r->t_unix_ns < a->min_ns ? REJECT_TOO_OLD : REJECT_TOO_NEW);
        }
    }
    return rc;
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void add_group(struct append *a, const struct record_group *g, int64_t day)
{
    bool begun = false;
    enter_group(a, g);
    for (size_t i = 0; i < g->n; i++) {
        const struct record *r = &g->records[i];
        if (!is_good(a, r) || (a->n_days > 1 && day_of_ns(r->t_unix_ns) != day))
            continue;
        if (!begun)
            chunk_builder_source(a->buffers->builder, &g->source);
        begun = true;
        chunk_builder_add(a->buffers->builder, r);
    }
}

static int build_chunk(struct append *a, int64_t day)
{
    chunk_builder_reset(a->buffers->builder);
    for (size_t i = 0; i < a->batch->n_groups; i++)
        add_group(a, &a->batch->groups[i], day);
    a->result.accepted += chunk_builder_rows(a->buffers->builder);
    int rc = chunk_builder_finish(a->buffers->builder, &a->buffers->record);
    if (rc == ERR_TOO_BIG)
        return err_set(a->err, rc, "the request is over %d bytes for the log", WAL_RECORD_MAX);
    return rc == 0 ? 0 : err_set(a->err, rc, "append: out of memory");
}

static int open_chunks(struct append *a, struct chunk **chunks)
{
    struct buf *record = &a->buffers->record;
    struct str payload = str_sub(buf_str(record), WAL_RECORD_HEADER, SIZE_MAX);
    size_t at = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->n_days; i++)
        rc = chunk_open(payload, &at, &chunks[i]);
    return rc == 0 ? 0 : err_set(a->err, rc, "append: out of memory");
}

/* What needs much memory is done already; when the last few bytes are missing behind the log, the
 * batch is refused although a restart will find it. */
static int log_and_apply(struct append *a, struct chunk **chunks)
{
    struct wal_position position;
    int rc = wal_append(&a->store->wal, &a->buffers->record, &position, a->err);
    for (size_t i = 0; rc == 0 && i < a->n_days; i++) {
        if (heads_add(a->store, a->days[i], chunks[i]) != 0)
            return err_set(a->err, ERR_NOMEM, "append: out of memory");
        chunks[i] = NULL;
    }
    if (rc == 0 && a->store->durable)
        rc = wal_sync(&a->store->wal, position, a->err);
    return rc;
}

static int write_batch(struct append *a)
{
    struct chunk *chunks[DAYS_MAX] = {0};
    wal_record_begin(&a->buffers->record);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->n_days; i++)
        rc = build_chunk(a, a->days[i]);
    if (rc == 0)
        rc = open_chunks(a, chunks);
    if (rc == 0)
        rc = log_and_apply(a, chunks);
    for (size_t i = 0; i < a->n_days; i++)
        chunk_unref(chunks[i]);
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int check_room(struct record_store *s, struct err *err)
{
    size_t used = atomic_get_relaxed(&s->head_bytes), max = atomic_get_relaxed(&s->head_max_bytes);
    if (used > max && s->want_flush)
        s->want_flush(s->want_flush_arg);
    if (used > 2 * max)
        return err_set(err, ERR_BUSY, "%s: %zu bytes wait to be written to disk (most: %zu)",
                       record_table_name(s->table), used, 2 * max);
    return 0;
}

static void count(struct append *a)
{
    const char *table = record_table_name(a->store->table);
    size_t rejected = sink_result_rejected(&a->result);
    self_add(&appended_total, a->result.accepted, table);
    if (rejected)
        self_add(&rejected_total, rejected, table);
    for (int i = 0; i < REJECT_REASONS; i++)
        atomic_add_relaxed(&a->store->rejected[i], a->result.rejected[i]);
}

static int append(struct append *a)
{
    struct record_store *s = a->store;
    int64_t max_ms, future = atomic_get_relaxed(&s->max_future_ms);
    a->min_ns = a->keep.least_ns;
    a->max_ns = INT64_MAX;
    if (!__builtin_add_overflow(record_store_now_ms(s), future, &max_ms) &&
        max_ms < INT64_MAX / NS_PER_MS)
        a->max_ns = max_ms * NS_PER_MS;
    int rc = admit(a);
    if (rc != 0 || a->n_days == 0)
        return rc;
    a->buffers = buffers_take(s);
    if (!a->buffers)
        return err_set(a->err, ERR_NOMEM, "append: out of memory");
    rc = write_batch(a);
    buffers_give(s, a->buffers);
    return rc;
}

int record_store_append(struct record_store *s, const struct record_batch *b,
                        struct sink_result *out, struct err *err)
{
    struct append a = {.store = s, .batch = b, .err = err};
    if (!atomic_get_acquire(&s->replayed)) // pairs with the release at the end of replay
        return err_set(err, ERR_BUSY, "the write-ahead log is being replayed");
    int rc = check_room(s, err);
    if (rc == 0) {
        a.keep = record_keep_begin(s);
        rwlock_take_read(&s->gate);
        rc = append(&a);
        rwlock_give(&s->gate);
        record_keep_end(&a.keep);
    }
    if (rc != 0) {
        self_add(&refused_total, 1, record_table_name(s->table));
        return rc;
    }
    count(&a);
    *out = a.result;
    return 0;
}
