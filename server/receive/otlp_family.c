#include "receive/otlp_family.h"

#include "base/hash.h"
#include "receive/otlp_name.h"

enum { SLOTS_MAX = 1024 };

void otlp_families_init(struct otlp_families *f, const struct otlp_rules *rules,
                        struct batch *batch, size_t n_metrics)
{
    size_t n = 8;
    while (n < n_metrics && n < SLOTS_MAX)
        n *= 2;
    *f = (struct otlp_families){.rules = rules, .batch = batch, .n_slots = n};
}

static enum otlp_name_kind name_kind(const struct otlp_metric *m)
{
    if (m->kind == OTLP_SUM && m->data.monotonic)
        return OTLP_NAME_COUNTER;
    return m->kind == OTLP_GAUGE ? OTLP_NAME_GAUGE : OTLP_NAME_OTHER;
}

static enum metric_type metric_type(const struct otlp_metric *m)
{
    switch (m->kind) {
    case OTLP_GAUGE: return METRIC_GAUGE;
    case OTLP_SUM: return m->data.monotonic ? METRIC_COUNTER : METRIC_GAUGE;
    case OTLP_HISTOGRAM:
    case OTLP_EXPONENTIAL_HISTOGRAM: return METRIC_HISTOGRAM;
    case OTLP_SUMMARY: return METRIC_SUMMARY;
    case OTLP_METRIC_NONE: break;
    }
    return METRIC_UNKNOWN;
}

static struct str with_suffix(struct arena *arena, struct str name, struct str suffix)
{
    char *p = arena_alloc(arena, name.n + suffix.n);
    if (!p)
        return (struct str){0};
    memcpy(p, name.p, name.n);
    memcpy(p + name.n, suffix.p, suffix.n);
    return str_of(p, name.n + suffix.n);
}

static struct str utf8_or_nothing(struct str s)
{
    return str_is_utf8(s) ? s : (struct str){0};
}

static int make(struct otlp_families *f, const struct otlp_metric *m, struct otlp_family *out)
{
    struct arena *arena = &f->batch->arena;
    struct str family = utf8_or_nothing(
        otlp_metric_name(f->rules->translation, m->name, m->unit, name_kind(m), arena));
    *out = (struct otlp_family){
        .name = m->name,
        .unit = m->unit,
        .kind = m->kind,
        .monotonic = m->data.monotonic,
    };
    if (family.n == 0 || family.n > f->rules->limits.max_label_value_bytes)
        return 0;
    out->family = family;
    if (m->kind == OTLP_HISTOGRAM || m->kind == OTLP_SUMMARY) {
        out->bucket = with_suffix(arena, family, STR("_bucket"));
        out->sum = with_suffix(arena, family, STR("_sum"));
        out->count = with_suffix(arena, family, STR("_count"));
    }
    const struct metric_metadata metadata = {
        .family = family,
        .unit = utf8_or_nothing(otlp_unit_name(f->rules->translation, m->unit, arena)),
        .help = utf8_or_nothing(m->description),
        .type = metric_type(m),
    };
    if (m->data.n_points == 0)
        return 0;
    otlp_told_put(f->rules->told, otlp_told_key(m, otlp_metric_hash(m)));
    return batch_add_metadata(f->batch, &metadata);
}

const struct otlp_family *otlp_families_get(struct otlp_families *f, const struct otlp_metric *m)
{
    uint64_t hash = hash_combine(hash_str(m->name), (uint64_t)m->kind);
    if (!f->slots)
        f->slots = arena_array(&f->batch->arena, f->n_slots, sizeof *f->slots);
    if (!f->slots)
        return NULL;
    struct otlp_family *slot = &f->slots[hash & (f->n_slots - 1)];
    bool known = slot->name.p && slot->kind == m->kind && slot->monotonic == m->data.monotonic &&
                 str_eq(slot->name, m->name) && str_eq(slot->unit, m->unit);
    if (!known && make(f, m, slot) != 0)
        return NULL;
    return arena_failed(&f->batch->arena) ? NULL : slot;
}
