/* Attributes as given at a call against copies of such: inline, for this is the hot path of
 * recording with attributes.
 *
 * What a value is stands in two words: a number, or all of a text of 16 bytes at most, by its first
 * and last eight. They are made once for a call, and serve to hash and to compare; how long texts
 * are is what a processor foresees worst. */
#ifndef TELLTALE_CORE_ATTR_MATCH_H
#define TELLTALE_CORE_ATTR_MATCH_H

#include "base/compiler.h"
#include "core/bytes.h"
#include "telltale/attribute.h"

struct attr_words {
    uint64_t first, last; /* of a longer text a hash, and the last bytes */
};

/* A copy, unaligned: its head, the words, the key, and the text when it is longer than they tell.
 */
enum { ATTR_COPY_HEAD = 16, ATTR_COPY_KEY = ATTR_COPY_HEAD + 16, ATTR_WORDS_BYTES = 16 };

static inline bool attr_is_text(const tt_attr *a)
{
    return a->value.type == TT_TYPE_STRING || a->value.type == TT_TYPE_BYTES;
}

static inline bool attr_is_long(const tt_attr *a)
{
    return UNLIKELY(a->value.n > ATTR_WORDS_BYTES) && attr_is_text(a);
}

/* False of arrays and maps. */
static inline bool attr_words_of(const tt_attr *a, struct attr_words *out)
{
    const char *text = a->value.as.text;
    size_t n = a->value.n;
    uint32_t type = a->value.type;
    if (!attr_is_text(a)) {
        bool truth = type == TT_TYPE_BOOL && a->value.as.truth;
        out->first = type >= TT_TYPE_INT ? (uint64_t)a->value.as.integer : truth;
        out->last = 0;
        return type <= TT_TYPE_DOUBLE;
    }
    out->first = n < 8 ? load_short(text, n) : load64(text);
    out->last = n < 8 ? 0 : load64(text + n - 8);
    if (UNLIKELY(n > ATTR_WORDS_BYTES))
        out->first = bytes_hash(0, text, n);
    return true;
}

/* The words, and a hash of them and of the ends of the keys, in the order given, for all is
 * compared. False when there is an array or a map. The hash's uppermost bits are the best. */
static inline bool attrs_hash(const tt_attr *attrs, size_t n, struct attr_words *words,
                              uint64_t *inout_hash)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = *inout_hash + n;
    for (const tt_attr *a = attrs; n > 0; n--, a++, words++) { // NULL when there are none
        if (!attr_words_of(a, words))
            return false;
        uint64_t key = bytes_last(a->key, a->key_n), last = words->last;
        hash = (hash + (key << 7 | key >> 57) + words->first + (last << 29 | last >> 35)) * odd;
    }
    *inout_hash = hash;
    return true;
}

/* Whether the copy at `p` is of this attribute, whose words are known; its end, or NULL. */
static inline const char *attr_match(const char *p, const tt_attr *a, const struct attr_words *w)
{
    size_t key_n = a->key_n;
    if (load64(p) != key_n || load32(p + 8) != a->value.n || load32(p + 12) != a->value.type ||
        load64(p + 16) != w->first || load64(p + 24) != w->last ||
        !bytes_eq(p + ATTR_COPY_KEY, a->key, key_n))
        return NULL;
    p += ATTR_COPY_KEY + key_n;
    if (!attr_is_long(a))
        return p;
    return bytes_eq(p, a->value.as.text, a->value.n) ? p + a->value.n : NULL;
}

static inline size_t attr_copy_size(const tt_attr *a)
{
    return ATTR_COPY_KEY + a->key_n + (attr_is_long(a) ? a->value.n : 0);
}

/* Returns its end. */
static inline char *attr_copy(char *to, const tt_attr *a, const struct attr_words *w)
{
    uint64_t key_n = a->key_n;
    memcpy(to, &key_n, 8);
    memcpy(to + 8, &a->value.n, 4);
    memcpy(to + 12, &a->value.type, 4);
    memcpy(to + ATTR_COPY_HEAD, w, sizeof *w);
    to += ATTR_COPY_KEY;
    if (key_n)
        memcpy(to, a->key, key_n);
    to += key_n;
    if (!attr_is_long(a))
        return to;
    memcpy(to, a->value.as.text, a->value.n);
    return to + a->value.n;
}

#endif
