#include "base/budget.h"

#include "base/atomic.h"
#include "base/compiler.h"

void budget_init(struct budget *b, size_t max_bytes, struct budget *parent)
{
    *b = (struct budget){.parent = parent, .code = ERR_NOMEM, .who = "", .advice = ""};
    atomic_init(&b->used, 0);
    atomic_init(&b->max, max_bytes);
    atomic_init(&b->failed, false);
}

/* Adding first and looking then needs no loop: two that meet at the limit may both be refused. */
static bool take_one(struct budget *b, size_t n)
{
    size_t max = atomic_get_relaxed(&b->max);
    size_t before = atomic_add_relaxed(&b->used, n);
    if (before <= max && n <= max - before)
        return true;
    (void)atomic_sub_relaxed(&b->used, n);
    return false;
}

static void give_up_to(struct budget *b, const struct budget *end, size_t n)
{
    for (; b != end; b = b->parent)
        (void)atomic_sub_relaxed(&b->used, n);
}

bool budget_take(struct budget *b, size_t n)
{
    for (struct budget *at = b; at; at = at->parent) {
        if (take_one(at, n))
            continue;
        give_up_to(b, at, n);
        if (b->parent)
            b->refused_by = at;
        return false;
    }
    if (b->parent)
        b->peak = MAX(b->peak, budget_used(b));
    return true;
}

void budget_give(struct budget *b, size_t n)
{
    give_up_to(b, NULL, n);
}

size_t budget_used(const struct budget *b)
{
    return atomic_get_relaxed(&b->used);
}

bool budget_has_room(const struct budget *b, size_t n)
{
    for (; b; b = b->parent) {
        size_t max = atomic_get_relaxed(&b->max), most = max - max / 4, used = budget_used(b);
        if (used > most || n > most - used)
            return false;
    }
    return true;
}

void budget_resize(struct budget *b, size_t max_bytes)
{
    atomic_set_relaxed(&b->max, max_bytes);
}

int budget_error(const struct budget *b, struct err *err)
{
    const struct budget *by = b->refused_by ? b->refused_by : b;
    return err_set(err, by->code, "%s more than %zu MiB of memory; %s", by->who,
                   atomic_get_relaxed(&by->max) >> 20, by->advice);
}
