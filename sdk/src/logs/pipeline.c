/* The long way of a record: its exception becomes attributes, enrichment adds some, masks hide what
 * they find, processors change or drop it, masks look once more, limits cut. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/problem.h"
#include "core/proto.h"
#include "logs/logger.h"
#include "logs/mask.h"
#include "trace/context.h"
#include "trace/exception.h"

enum { MASKED_MAX = 1 << 20 };

/* Memory of a record on its way. */
struct owned {
    struct owned *next;
    _Alignas(16) char bytes[];
};

struct way {
    tt_log_record record; /* first: tt_log_record_add finds the rest by it */
    size_t dropped;
    struct owned *owned;
    char thread_name[17];
    tt_attr attrs[LOG_ATTRS_MAX];
};

static void *own(struct way *w, size_t n)
{
    struct owned *o = malloc(sizeof *o + n);
    if (!o) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        return NULL;
    }
    o->next = w->owned;
    w->owned = o;
    return o->bytes;
}

/* --- attributes ------------------------------------------------------------------------------ */

static tt_attr *find(struct way *w, const tt_attr *a)
{
    for (size_t i = 0; i < w->record.attrs_n; i++) {
        if (str_eq(str_of(w->attrs[i].key, w->attrs[i].key_n), str_of(a->key, a->key_n)))
            return &w->attrs[i];
    }
    return NULL;
}

/* False when there are too many. */
static bool append(struct way *w, tt_attr a)
{
    if (w->record.attrs_n >= LOG_ATTRS_MAX) {
        w->dropped++;
        return false;
    }
    w->attrs[w->record.attrs_n++] = a;
    return true;
}

static void append_missing(struct way *w, tt_attr a)
{
    if (!find(w, &a))
        (void)append(w, a); // what does not fit is counted
}

bool tt_log_record_add(tt_log_record *record, tt_attr a)
{
    if (!record)
        return false;
    struct way *w = CONTAINER_OF(record, struct way, record);
    if (record->attrs != w->attrs) { // a processor gave it others
        size_t n = MIN(record->attrs_n, LOG_ATTRS_MAX);
        memmove(w->attrs, record->attrs, n * sizeof a);
        record->attrs = w->attrs;
        record->attrs_n = n;
    }
    tt_attr *old = find(w, &a);
    if (old)
        *old = a;
    return old || append(w, a);
}

static void add_exception(struct way *w)
{
    tt_attr attrs[EXCEPTION_ATTRS_MAX];
    tt_exception e = exception_of(w->record.exception);
    size_t n = exception_attrs(&e, attrs);
    for (size_t i = 0; i < n; i++)
        append_missing(w, attrs[i]);
}

static void enrich(struct way *w, const tt_logger_provider *p)
{
    const tt_context *c = w->record.context ? w->record.context : current_context.context;
    const char *id = p->enrich & TT_ENRICH_CORRELATION ? tt_context_correlation_id(c) : NULL;
    for (size_t i = 0; i < p->added_n; i++)
        append_missing(w, p->added[i]);
    if (id)
        append_missing(w, tt_str("correlation_id", id));
    if (!(p->enrich & TT_ENRICH_THREAD))
        return;
    append_missing(w, tt_int("thread.id", syscall(SYS_gettid)));
    if (prctl(PR_GET_NAME, w->thread_name) == 0 && *w->thread_name)
        append_missing(w, tt_str("thread.name", w->thread_name));
}

/* --- masks ----------------------------------------------------------------------------------- */

static void mask_value(struct way *w, const struct masks *m, struct str key, tt_value *v,
                       int depth);

static void mask_string(struct way *w, const struct masks *m, tt_value *v)
{
    struct buf text = BUF_MAX(MASKED_MAX);
    if (mask_text(&text, m, str_of(v->as.text, v->n))) {
        (void)buf_put(&text, "", 1);
        char *copy = buf_failed(&text) ? NULL : own(w, text.n--);
        if (copy)
            memcpy(copy, text.p, text.n + 1);
        *v = copy ? tt_value_text(copy, text.n) : tt_value_str("***"); // rather lost than shown
    }
    buf_done(&text);
}

/* Of copies, for what is given belongs to the program. */
static void mask_items(struct way *w, const struct masks *m, struct str key, tt_value *v, int depth)
{
    bool map = v->type == TT_TYPE_MAP;
    size_t each = map ? sizeof(tt_attr) : sizeof(tt_value);
    void *copy = depth > 0 ? own(w, v->n * each) : NULL;
    if (!copy) {
        *v = tt_value_str("***");
        return;
    }
    if (v->n)
        memcpy(copy, map ? (const void *)v->as.fields : v->as.items, v->n * each);
    tt_attr *fields = copy;
    tt_value *items = copy;
    for (size_t i = 0; i < v->n; i++) {
        if (map)
            mask_value(w, m, str_of(fields[i].key, fields[i].key_n), &fields[i].value, depth - 1);
        else
            mask_value(w, m, key, &items[i], depth - 1);
    }
    if (map)
        v->as.fields = fields;
    else
        v->as.items = items;
}

static void mask_value(struct way *w, const struct masks *m, struct str key, tt_value *v, int depth)
{
    if ((key.n && mask_hides_key(m, key)) ||
        (v->type == TT_TYPE_INT && m->kinds & TT_MASK_CARDS && mask_is_card(v->as.integer)))
        *v = tt_value_str("***");
    else if (v->type == TT_TYPE_STRING)
        mask_string(w, m, v);
    else if (v->type == TT_TYPE_ARRAY || v->type == TT_TYPE_MAP)
        mask_items(w, m, key, v, depth);
}

static void mask_name(struct way *w, const struct masks *m, const char **inout)
{
    tt_value v = tt_value_str(*inout);
    if (!*inout)
        return;
    mask_string(w, m, &v);
    *inout = v.as.text;
}

static void mask_record(struct way *w, const struct masks *m)
{
    mask_value(w, m, (struct str){0}, &w->record.body, ATTR_DEPTH_MAX);
    mask_name(w, m, &w->record.severity_text);
    mask_name(w, m, &w->record.event_name);
    for (size_t i = 0; i < w->record.attrs_n; i++) {
        tt_attr *a = &w->attrs[i];
        mask_value(w, m, str_of(a->key, a->key_n), &a->value, ATTR_DEPTH_MAX);
    }
}

/* --- all of it ------------------------------------------------------------------------------- */

static bool ask_processors(struct way *w, const tt_logger_provider *p, const tt_log_origin *origin)
{
    bool goes_on = true;
    for (size_t i = 0; goes_on && i < p->processors_n; i++) {
        const tt_log_processor *s = &p->processors[i];
        goes_on = !s->on_emit || s->on_emit(s->arg, &w->record, origin);
    }
    tt_log_record *r = &w->record;
    if (r->attrs != w->attrs) { // theirs: masks and limits work on ours
        r->attrs_n = r->attrs ? MIN(r->attrs_n, LOG_ATTRS_MAX) : 0;
        if (r->attrs_n)
            memmove(w->attrs, r->attrs, r->attrs_n * sizeof *r->attrs);
        r->attrs = w->attrs;
    }
    return goes_on;
}

static void cut(struct way *w, const tt_logger_provider *p)
{
    tt_log_record *r = &w->record;
    if (r->attrs_n > p->attributes_max) {
        w->dropped += r->attrs_n - p->attributes_max;
        r->attrs_n = p->attributes_max;
    }
    for (size_t i = 0; p->value_bytes_max && i < r->attrs_n; i++) {
        tt_value *v = &w->attrs[i].value;
        size_t max = p->value_bytes_max;
        if (v->type != TT_TYPE_STRING || v->n <= max)
            continue;
        while (max > 0 && ((unsigned char)v->as.text[max] & 0xc0) == 0x80)
            max--;
        v->n = (uint32_t)max;
    }
}

void log_process(struct logger *l, const tt_log_record *given, const tt_span_context *span)
{
    const tt_logger_provider *p = logger_provider(l);
    tt_log_origin origin = {*span, l->source.scope.name, p->batcher.resource};
    struct way w;
    w.record = *given;
    w.owned = NULL;
    w.record.attrs_n = MIN(given->attrs_n, LOG_ATTRS_MAX);
    w.dropped = given->attrs_n - w.record.attrs_n;
    if (w.record.attrs_n)
        memcpy(w.attrs, given->attrs, w.record.attrs_n * sizeof *given->attrs);
    w.record.attrs = w.attrs;
    if (given->exception)
        add_exception(&w);
    enrich(&w, p);
    if (p->masked)
        mask_record(&w, &p->masks);
    bool goes_on = ask_processors(&w, p, &origin);
    if (goes_on && p->masked && p->processors_n)
        mask_record(&w, &p->masks);
    cut(&w, p);
    if (goes_on && p->batcher.options.exporter.send)
        log_encode(l, &w.record, w.dropped, span);
    else
        log_filtered(&l->handle);
    for (struct owned *o = w.owned, *next; o; o = next) {
        next = o->next;
        free(o);
    }
}
