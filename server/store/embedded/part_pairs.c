/* Label pairs of a part: their texts, which streams have them, and what names and values there are.
 *
 * A name and its posting are in memory. A value costs a chunk of texts, and which streams have it a
 * chunk of postings; both are kept while the view lives. */
#include <roaring/roaring.h>

#include "base/compiler.h"
#include "store/embedded/part_chunks.h"
#include "store/embedded/part_format.h"
#include "store/embedded/posting.h"

static uint32_t pairs_in(const struct part *p, size_t chunk)
{
    return MIN((uint32_t)PART_TEXTS, p->n_pairs - (uint32_t)(chunk * PART_TEXTS));
}

/* --- texts ------------------------------------------------------------------------------------ */

/* Each value: length shared with the one before, length of the rest, rest. */
static struct str get_value(struct reader *r, struct str last, struct arena *a)
{
    uint64_t shared = get_varint(r);
    struct str rest = get_text(r);
    if (r->bad || shared > last.n) {
        r->bad = true;
        return (struct str){0};
    }
    if (shared == 0)
        return rest;
    char *p = arena_alloc(a, (size_t)shared + rest.n);
    if (!p) {
        r->bad = true;
        return (struct str){0};
    }
    memcpy(p, last.p, (size_t)shared);
    if (rest.n)
        memcpy(p + shared, rest.p, rest.n);
    return str_of(p, (size_t)shared + rest.n);
}

/* `texts`, of which there are n, with their bytes behind each other. */
static int pack_texts(const struct str *texts, size_t n, struct part_chunk **out)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += texts[i].n;
    struct part_chunk *c = part_chunk_new(sizeof *c + n * sizeof *texts + total);
    if (!c)
        return ERR_NOMEM;
    c->texts = (struct str *)(c + 1);
    char *to = (char *)(c->texts + n);
    for (size_t i = 0; i < n; i++) {
        c->texts[i] = str_of(to, texts[i].n);
        if (texts[i].n)
            memcpy(to, texts[i].p, texts[i].n);
        to += texts[i].n;
    }
    *out = c;
    return 0;
}

static int decode_texts(struct part_view *v, size_t i, struct part_chunk **out)
{
    struct reader r;
    struct str values[PART_TEXTS], last = {0};
    int rc = part_view_unpack(v, i, &r);
    if (rc != 0)
        return rc;
    uint32_t n = pairs_in(v->part, i);
    for (uint32_t k = 0; k < n; k++)
        values[k] = last = get_value(&r, last, &v->scratch);
    if (r.bad)
        return arena_failed(&v->scratch) ? ERR_NOMEM : ERR_CORRUPT;
    return pack_texts(values, n, out);
}

static int value_of(struct part_view *v, uint32_t pair, struct str *out)
{
    const struct part_chunk *c = NULL;
    int rc = part_view_hold(v, pair / PART_TEXTS, decode_texts, &c);
    if (rc == 0)
        *out = c->texts[pair % PART_TEXTS];
    return rc;
}

/* The name that the pair belongs to: the last one that begins at or before it. */
static const struct part_name *name_of(const struct part *p, uint32_t pair)
{
    uint32_t low = 0, high = p->n_names;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (p->names[middle].first <= pair)
            low = middle;
        else
            high = middle;
    }
    return &p->names[low];
}

int part_pair(struct part_view *v, uint32_t pair, struct label *out)
{
    if (pair >= v->part->n_pairs)
        return ERR_CORRUPT;
    out->name = name_of(v->part, pair)->text;
    return value_of(v, pair, &out->value);
}

static const struct part_name *find_name(const struct part *p, struct str text)
{
    uint32_t low = 0, high = p->n_names;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = str_cmp(p->names[middle].text, text);
        if (c == 0)
            return &p->names[middle];
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The first pair of the name whose value is not below `value`. */
static int lower_bound(struct part_view *v, const struct part_name *name, struct str value,
                       uint32_t *out)
{
    uint32_t low = name->first, high = name->first + name->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct str at;
        int rc = value_of(v, middle, &at);
        if (rc != 0)
            return rc;
        if (str_cmp(at, value) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low;
    return 0;
}

/* --- postings --------------------------------------------------------------------------------- */

/* A chunk: the length of each posting, then the postings. */
static int decode_postings(struct part_view *v, size_t i, struct part_chunk **out)
{
    struct reader r;
    struct str postings[PART_TEXTS];
    int rc = part_view_unpack(v, i, &r);
    if (rc != 0)
        return rc;
    uint32_t n = pairs_in(v->part, i - part_text_chunks(v->part->n_pairs));
    for (uint32_t k = 0; k < n; k++)
        postings[k].n = (size_t)get_varint(&r);
    for (uint32_t k = 0; k < n; k++)
        postings[k].p = (const char *)get_bytes(&r, postings[k].n);
    return r.bad ? ERR_CORRUPT : pack_texts(postings, n, out);
}

static int posting_of(struct part_view *v, uint32_t pair, struct str *out)
{
    const struct part_chunk *c = NULL;
    size_t i = part_text_chunks(v->part->n_pairs) + pair / PART_TEXTS;
    int rc = part_view_hold(v, i, decode_postings, &c);
    if (rc == 0)
        *out = c->texts[pair % PART_TEXTS];
    return rc;
}

static int decode_posting(const struct part *p, struct str bytes, roaring_bitmap_t *out)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    posting_decode(&r, p->n_streams, out);
    return r.bad ? ERR_CORRUPT : 0;
}

int part_posting(struct part_view *v, uint32_t pair, roaring_bitmap_t *out)
{
    struct str bytes;
    int rc = posting_of(v, pair, &bytes);
    return rc == 0 ? decode_posting(v->part, bytes, out) : rc;
}

static int source_all(void *self, roaring_bitmap_t *out)
{
    const struct part_view *v = self;
    roaring_bitmap_add_range(out, 0, v->part->n_streams);
    return 0;
}

static int source_with_name(void *self, struct str text, roaring_bitmap_t *out)
{
    const struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    return name ? decode_posting(v->part, name->posting, out) : 0;
}

static int source_with_value(void *self, struct str text, struct str value, roaring_bitmap_t *out)
{
    struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    uint32_t pair;
    struct str at;
    if (!name)
        return 0;
    int rc = lower_bound(v, name, value, &pair);
    if (rc != 0 || pair == name->first + name->count)
        return rc;
    rc = value_of(v, pair, &at);
    return rc == 0 && str_eq(at, value) ? part_posting(v, pair, out) : rc;
}

static int source_with_values(void *self, struct str text, struct str prefix, value_filter *filter,
                              void *arg, roaring_bitmap_t *out)
{
    struct part_view *v = self;
    const struct part_name *name = find_name(v->part, text);
    uint32_t pair = 0;
    int rc = name ? lower_bound(v, name, prefix, &pair) : 0;
    uint32_t end = name ? name->first + name->count : 0;
    for (; rc == 0 && pair < end; pair++) {
        struct str value;
        rc = value_of(v, pair, &value);
        if (rc != 0 || !str_starts(value, prefix))
            break;
        int take = filter(arg, value);
        rc = take > 0 ? part_posting(v, pair, out) : take;
    }
    return rc;
}

struct posting_source part_postings(struct part_view *v)
{
    return (struct posting_source){
        .self = v,
        .all = source_all,
        .with_name = source_with_name,
        .with_value = source_with_value,
        .with_values = source_with_values,
    };
}

/* --- names and values ------------------------------------------------------------------------- */

/* 1 when a posting has a stream of `within`. `scratch`: an empty bitmap, empty again after. */
static int meets(const struct part *p, struct str posting, const roaring_bitmap_t *within,
                 roaring_bitmap_t *scratch)
{
    int rc = decode_posting(p, posting, scratch);
    bool meet = rc == 0 && roaring_bitmap_intersect(scratch, within);
    roaring_bitmap_clear(scratch);
    return rc != 0 ? rc : meet;
}

static int visit_names(struct part_view *v, const roaring_bitmap_t *within,
                       roaring_bitmap_t *scratch, int (*each)(void *arg, struct str text),
                       void *arg)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < v->part->n_names; i++) {
        const struct part_name *name = &v->part->names[i];
        int wanted = within ? meets(v->part, name->posting, within, scratch) : 1;
        if (wanted < 0)
            return wanted;
        if (wanted)
            rc = each(arg, name->text);
    }
    return rc;
}

static int visit_values(struct part_view *v, const struct part_name *name,
                        const roaring_bitmap_t *within, roaring_bitmap_t *scratch,
                        int (*each)(void *arg, struct str text), void *arg)
{
    int rc = 0;
    for (uint32_t pair = name->first; rc == 0 && pair < name->first + name->count; pair++) {
        int wanted = 1;
        struct str posting;
        if (within) {
            wanted = posting_of(v, pair, &posting);
            if (wanted == 0)
                wanted = meets(v->part, posting, within, scratch);
        }
        struct str value;
        rc = wanted > 0 ? value_of(v, pair, &value) : wanted;
        if (rc == 0 && wanted > 0)
            rc = each(arg, value);
    }
    return rc;
}

int part_each_name(struct part_view *v, const roaring_bitmap_t *within,
                   int (*each)(void *arg, struct str text), void *arg)
{
    roaring_bitmap_t *scratch = roaring_bitmap_create();
    if (!scratch)
        return ERR_NOMEM;
    int rc = visit_names(v, within, scratch, each, arg);
    roaring_bitmap_free(scratch);
    return rc;
}

int part_each_value(struct part_view *v, struct str text, const roaring_bitmap_t *within,
                    int (*each)(void *arg, struct str text), void *arg)
{
    const struct part_name *name = find_name(v->part, text);
    if (!name)
        return 0;
    roaring_bitmap_t *scratch = roaring_bitmap_create();
    if (!scratch)
        return ERR_NOMEM;
    int rc = visit_values(v, name, within, scratch, each, arg);
    roaring_bitmap_free(scratch);
    return rc;
}
