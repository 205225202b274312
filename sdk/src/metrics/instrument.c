#include "metrics/instrument.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/options.h"
#include "core/problem.h"
#include "core/text.h"
#include "metrics/provider.h"
#include "metrics/series_table.h"
#include "metrics/stream.h"

enum { NAME_MAX_BYTES = 255, UNIT_MAX_BYTES = 63 };

static atomic_uint_least64_t next_id = 1;

uint64_t instrument_next_id(void)
{
    return atomic_add_relaxed(&next_id, 1);
}

/* --- instruments ----------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool instrument_name_is_valid(const char *name)
{
    if (!name || !is_letter(name[0]))
        return false;
    size_t n = 0;
    for (; name[n]; n++) {
        char c = name[n];
        if (n >= NAME_MAX_BYTES || !(is_letter(c) || (c >= '0' && c <= '9') || c == '_' ||
                                     c == '.' || c == '-' || c == '/'))
            return false;
    }
    return true;
}

static bool unit_is_valid(const char *unit)
{
    size_t n = strlen(unit);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)unit[i] < 0x20 || (unsigned char)unit[i] > 0x7e)
            return false;
    }
    return n <= UNIT_MAX_BYTES;
}

/* The same instrument, or NULL and `*out_namesake` is the first of the name in other letters or of
 * another kind, if there is one. */
static struct instrument *find_twin(struct instrument *list, const struct instrument *like,
                                    struct instrument **out_namesake)
{
    *out_namesake = NULL;
    for (struct instrument *i = list; i; i = i->next) {
        if (strcasecmp(i->name, like->name) != 0)
            continue;
        if (i->kind == like->kind && i->is_double == like->is_double &&
            strcmp(i->unit, like->unit) == 0 && strcmp(i->description, like->description) == 0)
            return i;
        *out_namesake = i; // the list begins with the last
    }
    return NULL;
}

/* Told, and exported under the name as the first of them writes it. */
static void resolve(struct instrument *i, const struct instrument *namesake)
{
    problem(TT_PROBLEM_CONFLICT, "an instrument of this name exists and differs", i->name);
    if (strcmp(i->name, namesake->name) != 0)
        i->stream_name = text_dup(namesake->name);
}

/* `readers`: the bits of those that do not see it; `reader`: the only one that does, or 0. */
static bool add_stream(struct instrument *i, const tt_instrument_options *o, const tt_view *v,
                       unsigned reader, uint32_t readers)
{
    if (v->aggregation == TT_AGGREGATION_DROP)
        return true;
    struct stream **end = &i->streams, *made = stream_new(i, o, v);
    while (*end) {
        if (made && (*end)->reader == reader && strcasecmp((*end)->name, made->name) == 0)
            problem(TT_PROBLEM_CONFLICT, "two views make streams of one name", made->name);
        end = &(*end)->sibling;
    }
    *end = made;
    if (!made)
        return false;
    made->reader = (uint8_t)reader;
    made->readers = readers;
    return true;
}

/* The stream that all readers see, and before it those of readers that make something else of it.
 */
static bool add_for_readers(struct instrument *i, const tt_instrument_options *o, const tt_view *v)
{
    const struct tt_meter_provider *p = i->meter->provider;
    tt_view of_all = *v;
    uint32_t readers = 0;
    view_apply_defaults(&of_all, &p->defaults, i);
    for (const struct reader_defaults *r = p->readers; r; r = r->next) {
        tt_view own = *v;
        view_apply_defaults(&own, &r->is, i);
        view_apply_defaults(&own, &p->defaults, i);
        if (own.aggregation == of_all.aggregation &&
            own.cardinality_limit == of_all.cardinality_limit)
            continue;
        readers |= UINT32_C(1) << r->reader;
        if (!add_stream(i, o, &own, r->reader, 0))
            return false;
    }
    return add_stream(i, o, &of_all, 0, readers);
}

static bool add_composed(struct instrument *i, const tt_instrument_options *o, const char *name)
{
    tt_view v;
    const char **lists;
    bool ok = view_compose(i, name, &v, &lists) && add_for_readers(i, o, &v);
    free(lists);
    return ok;
}

static bool has_stream(const struct instrument *i, const char *name)
{
    const struct stream *s = i->streams;
    while (s && strcasecmp(s->name, name) != 0)
        s = s->sibling;
    return s != NULL;
}

/* A stream for each name that views give. */
static bool add_all_composed(struct instrument *i, const tt_instrument_options *o)
{
    bool named = false, ok = true;
    for (const struct view *v = i->meter->provider->views; v && ok; v = v->next) {
        const char *name = view_new_name(v, i);
        named |= name != NULL;
        if (name && !has_stream(i, name))
            ok = add_composed(i, o, name);
    }
    return named ? ok : add_composed(i, o, NULL);
}

static bool add_streams(struct instrument *i, const tt_instrument_options *o)
{
    const tt_view as_it_is = {0};
    const struct view *v = i->meter->provider->views;
    bool chosen = false, ok = true;
    if (i->meter->provider->composable)
        return add_all_composed(i, o);
    for (; v && ok; v = v->next) {
        if (!view_matches(v, i))
            continue;
        chosen = true;
        ok = add_for_readers(i, o, &v->is);
    }
    return chosen ? ok : add_for_readers(i, o, &as_it_is);
}

enum series_kind instrument_values(const struct instrument *i)
{
    switch (i->kind) {
    case KIND_COUNTER:
    case KIND_UPDOWNCOUNTER: return i->is_double ? SERIES_SUM_DOUBLE : SERIES_SUM;
    case KIND_HISTOGRAM: return SERIES_HISTOGRAM;
    default: return i->is_double ? SERIES_LAST_DOUBLE : SERIES_LAST;
    }
}

/* Whether the one stream is what the short way of recording takes for granted. */
static bool is_plain(const struct instrument *i)
{
    const struct stream *s = i->streams;
    if (!s || s->sibling || stream_filters(s))
        return false;
    return series_tag(s->kind) == series_tag(instrument_values(i));
}

/* Under the provider's lock. */
static bool attach(struct instrument *i, const tt_instrument_options *o)
{
    struct tt_meter_provider *p = i->meter->provider;
    if (!add_streams(i, o))
        return false;
    i->aside = !is_plain(i);
    for (struct stream *s = i->streams; s; s = s->sibling) {
        *p->streams_end = s;
        p->streams_end = &s->next;
    }
    if (!i->aside)
        atomic_set_relaxed(&i->id, atomic_get_relaxed(&i->streams->id));
    i->next = i->meter->instruments;
    i->meter->instruments = i;
    return true;
}

static struct instrument *make(tt_meter *m, enum instrument_kind kind, bool is_double,
                               const char *name, const tt_instrument_options *o)
{
    struct instrument *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->meter = m;
    i->kind = kind;
    i->is_double = is_double;
    i->name = text_dup(name);
    i->unit = text_dup(o->unit ? o->unit : "");
    i->description = text_dup(o->description ? o->description : "");
    if (!i->name || !i->unit || !i->description) {
        instrument_free(i);
        return NULL;
    }
    return i;
}

/* Options may come from a program built against an older header, where they were shorter. */
static tt_instrument_options options_of(const tt_instrument_options *given)
{
    tt_instrument_options o = {0};
    (void)options_read(&o, sizeof o, given);
    return o;
}

struct instrument *instrument_new(tt_meter *m, enum instrument_kind kind, bool is_double,
                                  const char *name, const tt_instrument_options *options)
{
    if (!m)
        return NULL;
    tt_instrument_options o = options_of(options);
    if (!instrument_name_is_valid(name)) {
        problem(TT_PROBLEM_MISUSE, "not a name for an instrument", name);
        return NULL;
    }
    if (o.unit && !unit_is_valid(o.unit)) {
        problem(TT_PROBLEM_MISUSE, "a unit is up to 63 characters of ASCII", name);
        o.unit = NULL;
    }
    struct instrument *made = make(m, kind, is_double, name, &o);
    if (!made) {
        problem(TT_PROBLEM_MEMORY, "no memory for an instrument", name);
        return NULL;
    }
    mutex_lock(&m->provider->lock);
    struct instrument *namesake, *twin = find_twin(m->instruments, made, &namesake);
    if (!twin && namesake)
        resolve(made, namesake);
    bool ok = !twin && attach(made, &o);
    mutex_unlock(&m->provider->lock);
    if (ok)
        return made;
    for (struct stream *s = made->streams, *next; s; s = next) {
        next = s->sibling;
        stream_free(s);
    }
    instrument_free(made);
    return twin;
}

void instrument_free(struct instrument *i)
{
    if (!i)
        return;
    free(i->name);
    free(i->unit);
    free(i->description);
    free(i->stream_name);
    series_table_done(&i->fans);
    free(i);
}
