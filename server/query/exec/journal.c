#include "query/exec/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/buf.h"
#include "base/time.h"
#include "codec/json_write.h"
#include "log/log.h"

/* Writers take a reference under the lock and write without it, each line at the end of the file as
 * it then is: the same file may be open twice while the log is switched, and others may cut it. */
struct journal_file {
    struct refcount refs;
    int fd;
};

static void file_put(struct journal_file *f)
{
    if (!f || !refcount_put(&f->refs))
        return;
    (void)close(f->fd);
    free(f);
}

static struct journal_file *file_get(struct journal *j)
{
    lock_take(&j->lock);
    struct journal_file *f = j->file;
    if (f)
        refcount_get(&f->refs);
    lock_give(&j->lock);
    return f;
}

void journal_init(struct journal *j)
{
    *j = (struct journal){0};
    lock_init(&j->lock, LOCK_LEAF);
}

void journal_done(struct journal *j)
{
    file_put(j->file);
    lock_done(&j->lock);
}

static int file_open(const char *path, struct journal_file **out, struct err *err)
{
    struct journal_file *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory for the query log");
    f->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (f->fd < 0) {
        int rc = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        (void)err_errno(err, "query log: open %s", path);
        if (err)
            err->code = rc;
        free(f);
        return rc;
    }
    refcount_init(&f->refs);
    *out = f;
    return 0;
}

/* In one write if the file takes it, so that no other line comes between. -1 with errno set. */
static int write_line(int fd, const struct buf *line)
{
    for (size_t done = 0; done < line->n;) {
        ssize_t n = write(fd, line->p + done, line->n - done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int journal_log_to(struct journal *j, const char *path, struct err *err)
{
    struct journal_file *f = NULL;
    int rc = path ? file_open(path, &f, err) : 0;
    if (rc != 0)
        return rc;
    lock_take(&j->lock);
    struct journal_file *old = j->file;
    j->file = f;
    lock_give(&j->lock);
    file_put(old);
    return 0;
}

/* --- the list --------------------------------------------------------------------------------- */

void journal_begin(struct journal *j, const struct query_request *request,
                   struct journal_entry *out)
{
    *out = (struct journal_entry){.request = request,
                                  .began_unix_ms = time_now_unix_ms(),
                                  .began_mono_ns = time_now_mono_ns()};
    lock_take(&j->lock);
    out->next = j->running;
    out->link = &j->running;
    if (out->next)
        out->next->link = &out->next;
    j->running = out;
    lock_give(&j->lock);
}

void journal_drop(struct journal *j, struct journal_entry *e)
{
    lock_take(&j->lock);
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    lock_give(&j->lock);
}

static void copy_entry(struct arena *arena, const struct journal_entry *e, struct query_active *out)
{
    const struct query_request *q = e->request;
    *out = (struct query_active){.expr = arena_str(arena, q->expr),
                                 .instant = q->instant,
                                 .start_ms = q->start_ms,
                                 .end_ms = q->instant ? q->start_ms : q->end_ms,
                                 .step_ms = q->instant ? 0 : q->step_ms,
                                 .began_unix_ms = e->began_unix_ms,
                                 .running_ns = time_now_mono_ns() - e->began_mono_ns};
}

int journal_list(struct journal *j, struct arena *arena, struct query_active **out, size_t *out_n)
{
    size_t n = 0, i = 0;
    lock_take(&j->lock);
    for (const struct journal_entry *e = j->running; e; e = e->next)
        n++;
    struct query_active *v = arena_array(arena, n + 1, sizeof *v);
    for (const struct journal_entry *e = j->running; v && e; e = e->next)
        copy_entry(arena, e, &v[i++]);
    lock_give(&j->lock);
    if (!v || arena_failed(arena))
        return ERR_NOMEM;
    *out = v;
    *out_n = n;
    return 0;
}

/* --- the log ---------------------------------------------------------------------------------- */

static void put_time(struct json *j, const char *name, int64_t unix_ms)
{
    struct buf text = BUF_MAX(64);
    time_format_rfc3339(&text, unix_ms);
    json_member_str(j, name, buf_str(&text));
    buf_done(&text);
}

static void put_params(struct json *j, const struct query_request *q)
{
    json_key(j, "params");
    json_object(j);
    put_time(j, "end", q->instant ? q->start_ms : q->end_ms);
    json_member_str(j, "query", q->expr);
    put_time(j, "start", q->start_ms);
    json_key(j, "step");
    json_double(j, q->instant ? 0 : (double)q->step_ms / (double)MS_PER_S);
    json_object_end(j);
}

static void put_seconds(struct json *j, const char *name, int64_t ns)
{
    json_key(j, name);
    json_double(j, (double)ns / (double)NS_PER_S);
}

static void put_stats(struct json *j, const struct journal_entry *e, const struct query_result *r)
{
    json_key(j, "stats");
    json_object(j);
    json_key(j, "timings");
    json_object(j);
    if (r) {
        put_seconds(j, "evalTotalTime", r->stats.eval_ns + r->stats.select_ns + r->stats.sort_ns);
        put_seconds(j, "resultSortTime", r->stats.sort_ns);
        put_seconds(j, "queryPreparationTime", r->stats.parse_ns);
        put_seconds(j, "execQueueTime", r->stats.queue_ns);
    }
    put_seconds(j, "execTotalTime", time_now_mono_ns() - e->began_mono_ns);
    json_object_end(j);
    if (r) {
        json_key(j, "samples");
        json_object(j);
        json_member_i64(j, "totalQueryableSamples", (int64_t)r->stats.samples_read);
        json_member_i64(j, "peakSamples", (int64_t)r->stats.peak_samples);
        json_object_end(j);
    }
    json_object_end(j);
}

/* One line, in the form of Prometheus's query log. */
static void put_line(struct buf *out, const struct journal_entry *e, const struct query_result *r,
                     const struct err *why)
{
    struct json j = json_to(out);
    json_object(&j);
    if (e->request->asker)
        e->request->asker(e->request->self, &j);
    put_params(&j, e->request);
    put_stats(&j, e, r);
    if (!r)
        json_member_str(&j, "error", str_c(why->message));
    put_time(&j, "ts", time_now_unix_ms());
    json_object_end(&j);
    buf_putc(out, '\n');
}

void journal_end(struct journal *j, struct journal_entry *e, const struct query_result *r,
                 const struct err *why)
{
    struct journal_file *f = file_get(j);
    journal_drop(j, e);
    if (!f)
        return;
    struct buf line = BUF_MAX(4 << 20);
    put_line(&line, e, r, why);
    struct err err;
    if (!buf_failed(&line) && write_line(f->fd, &line) != 0) {
        (void)err_errno(&err, "write");
        log_warn("query", "a query is missing in the query log", LOG_STR("error", err.message));
    }
    buf_done(&line);
    file_put(f);
}
