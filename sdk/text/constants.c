/* Attributes of the resource as labels of each series. The text of a series' labels is kept under
 * the number of its form; forms with constants have numbers above all others, one for each choice
 * of attributes, which the provider keeps. */
#include <stdlib.h>

#include "base/glob.h"

#include "text/writer.h"

enum { FIRST_ID = 129, LAST_ID = UINT8_MAX };

static bool fits_one(const char *patterns, struct str key)
{
    for (struct str rest = str_c(patterns); rest.p && rest.n;) {
        struct str pattern = str_trim(str_cut(&rest, ','));
        if (pattern.n && glob_fits_nocase(pattern, key))
            return true;
    }
    return false;
}

/* Those of the resource that the options name; a part of a set is a set. NULL when out of memory.
 */
static struct attr_set *choose(const struct attr_set *all, const tt_prometheus_options *o)
{
    struct attr_set *chosen = calloc(1, sizeof *chosen + all->bytes);
    const char *p = all->packed, *end = p + all->bytes, *at = p;
    struct attr_view attr;
    size_t bytes = 0, attrs = 0;
    while (chosen && attr_next(&p, end, &attr)) {
        struct str key = str_of(attr.key, attr.key_n);
        size_t n = (size_t)(p - at);
        if (fits_one(o->resource_labels, key) && !fits_one(o->without_resource_labels, key)) {
            memcpy(chosen->packed + bytes, at, n);
            bytes += n;
            attrs++;
        }
        at = p;
    }
    if (chosen)
        attr_set_is_of(chosen, attrs, bytes);
    return chosen;
}

static bool is_of(const struct text_form *f, uint8_t plain, const struct attr_set *constants)
{
    return f->plain == plain && f->constants->bytes == constants->bytes &&
           memcmp(f->constants->packed, constants->packed, constants->bytes) == 0;
}

/* Takes `constants`. */
static int find_form(struct writer *w, struct attr_set *constants)
{
    tt_meter_provider *p = w->provider;
    struct text_form *f = p->text_forms;
    while (f && !is_of(f, w->form_id, constants))
        f = f->next;
    bool full = !f && p->text_forms && p->text_forms->id == LAST_ID;
    struct text_form *made = f || full ? NULL : malloc(sizeof *made);
    if (made) {
        uint8_t id = p->text_forms ? (uint8_t)(p->text_forms->id + 1) : FIRST_ID;
        *made = (struct text_form){p->text_forms, constants, w->form_id, id};
        p->text_forms = f = made;
    } else {
        free(constants);
    }
    if (!f)
        return full ? TT_ERR_LIMIT : TT_ERR_NOMEM;
    w->form.constants = f->constants;
    w->form_id = f->id;
    return TT_OK;
}

int constants_prepare(struct writer *w)
{
    if (!w->options.resource_labels)
        return TT_OK;
    struct attr_set *chosen = choose(w->provider->resource->set, &w->options);
    if (!chosen)
        return TT_ERR_NOMEM;
    if (chosen->n)
        return find_form(w, chosen);
    free(chosen);
    return TT_OK;
}
