/* A request is messages in messages: resource, scope, metric, its data, and in that the points.
 * What stands beside the next inner message at each of these levels is kept, and written again when
 * a request begins in the midst of it, so one pass over the whole is enough. */
#include "metrics/split.h"

#include "base/str.h"
#include "core/message.h"
#include "core/proto_read.h"

enum { REQUEST, RESOURCE_METRICS, SCOPE_METRICS, METRIC, DATA, LEVELS };
enum { FIRST_DATA = 5, LAST_DATA = 11 }; /* fields of a metric: gauge to summary */
enum { PART_MAX = 64 << 20 };

struct split {
    struct buf part;   /* the request that is being written */
    struct buf beside; /* the fields that are no inner messages, of one level after the other */
    size_t from[LEVELS + 1]; /* where those of each level begin */
    size_t at[LEVELS];       /* where the messages of each level are in `part` */
    unsigned fields[LEVELS]; /* as which field they stand there */
    int open;                /* so many levels are written */
    size_t points, points_max;
    bool stopped;
    bool (*send)(void *arg, const struct buf *part, size_t points);
    void *arg;
};

static bool is_inner(int level, unsigned field)
{
    static const unsigned fields[LEVELS] = {1, 2, 2, 0, 1};
    return level == METRIC ? field >= FIRST_DATA && field <= LAST_DATA : field == fields[level];
}

static void close_to(struct split *s, int level)
{
    while (s->open > level)
        message_close(&s->part, s->at[s->open--]);
}

static void open_all(struct split *s)
{
    while (s->open < DATA) {
        int level = ++s->open;
        s->at[level] = message_open(&s->part, s->fields[level]);
        buf_put_str(&s->part, str_sub(buf_str(&s->beside), s->from[level],
                                      s->from[level + 1] - s->from[level]));
    }
}

static void hand_over(struct split *s)
{
    close_to(s, REQUEST);
    if (s->points && !buf_failed(&s->part) && !buf_failed(&s->beside))
        s->stopped = !s->send(s->arg, &s->part, s->points);
    s->points = 0;
    s->part.n = 0;
}

static void put_point(struct split *s, const char *p, size_t n)
{
    open_all(s);
    buf_put_str(&s->part, str_of(p, n));
    if (++s->points == s->points_max)
        hand_over(s);
}

static void keep_beside(struct split *s, int level, const char *p, const char *end)
{
    struct proto_field f;
    s->beside.n = s->from[level];
    for (const char *before = p; proto_next(&p, end, &f); before = p) {
        if (!is_inner(level, f.field))
            buf_put_str(&s->beside, str_of(before, (size_t)(p - before)));
    }
    s->from[level + 1] = s->beside.n;
}

static void walk(struct split *s, int level, const char *p, const char *end)
{
    struct proto_field f;
    keep_beside(s, level, p, end);
    for (const char *before = p; !s->stopped && proto_next(&p, end, &f); before = p) {
        if (!is_inner(level, f.field))
            continue;
        if (level == DATA) {
            put_point(s, before, (size_t)(p - before));
            continue;
        }
        s->fields[level + 1] = f.field;
        walk(s, level + 1, f.p, f.p + f.n);
        close_to(s, level);
    }
}

bool metrics_split(const struct buf *request, size_t points_max,
                   bool (*send)(void *arg, const struct buf *part, size_t points), void *arg)
{
    struct split s = {.points_max = points_max, .send = send, .arg = arg};
    s.part = s.beside = BUF_MAX(PART_MAX);
    walk(&s, REQUEST, request->p, request->p + request->n);
    hand_over(&s);
    bool ok = !buf_failed(&s.part) && !buf_failed(&s.beside);
    buf_done(&s.part);
    buf_done(&s.beside);
    return ok;
}
