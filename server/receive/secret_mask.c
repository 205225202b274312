#include "receive/secret_mask.h"

#include "base/arena.h"
#include "base/buf.h"

#define MASK STR("<secret>")

/* Shorter secrets are found as whole values only: "1" inside of an address says nothing. */
enum { PIECE_MIN = 4, TEXT_MAX = 1 << 20 };

/* The secret that begins at the front of `text`, the longest one; else the empty str. */
static struct str secret_at(const struct scrape_config *c, struct str text)
{
    struct str best = {0};
    for (size_t i = 0; i < c->n_secrets; i++) {
        struct str s = c->secrets[i];
        if (s.n >= PIECE_MIN && s.n > best.n && str_starts(text, s))
            best = s;
    }
    return best;
}

static bool mentions(const struct scrape_config *c, struct str text)
{
    for (size_t i = 0; i < c->n_secrets; i++)
        if (str_eq(text, c->secrets[i]) ||
            (c->secrets[i].n >= PIECE_MIN && str_find(text, c->secrets[i]) < text.n))
            return true;
    return false;
}

struct str secret_mask(const struct scrape_config *c, struct str text, struct arena *arena)
{
    if (!mentions(c, text))
        return text;
    struct buf out = BUF_MAX(TEXT_MAX);
    for (size_t i = 0; i < text.n;) {
        struct str rest = str_sub(text, i, text.n);
        struct str s = secret_at(c, rest);
        if (s.n)
            buf_put_str(&out, MASK);
        else
            buf_putc(&out, text.p[i]);
        i += s.n ? s.n : 1;
    }
    bool whole = str_eq(buf_str(&out), text) || buf_failed(&out); // a short secret, or endless
    struct str masked = arena_str(arena, whole ? MASK : buf_str(&out));
    buf_done(&out);
    return masked;
}
