#include "api/prometheus/likeness.h"

#include <stddef.h>

#include "base/compiler.h"

enum { LENGTH_MAX = 256, PREFIX_MAX = 4 };

static char letter(struct str s, size_t i, bool fold)
{
    char c = s.p[i];
    return fold && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool stands_at(struct str name, size_t at, struct str term, bool fold)
{
    for (size_t i = 0; i < term.n; i++)
        if (letter(name, at + i, fold) != letter(term, i, fold))
            return false;
    return true;
}

bool likeness_contains(struct str name, struct str term, bool fold)
{
    for (size_t at = 0; at + term.n <= name.n; at++)
        if (stands_at(name, at, term, fold))
            return true;
    return false;
}

bool likeness_begins(struct str name, struct str term, bool fold)
{
    return name.n >= term.n && stands_at(name, 0, term, fold);
}

/* --- letters in order ------------------------------------------------------------------------- */

struct pieces {
    double squares; /* of their lengths */
    size_t letters; /* of the term, in all */
    size_t gaps;    /* letters before the first and between them */
    size_t rest;    /* letters behind the last */
};

/* Each letter where it comes next, from `from` on. */
static struct pieces find_pieces(struct str name, struct str term, size_t from, bool fold)
{
    struct pieces p = {.gaps = from};
    size_t run = 0, gap = 0, i = from;
    for (; i < name.n && p.letters < term.n; i++) {
        if (letter(name, i, fold) == letter(term, p.letters, fold)) {
            p.letters++;
            p.gaps += gap;
            gap = 0;
            run++;
        } else {
            p.squares += (double)run * (double)run;
            run = 0;
            gap++;
        }
    }
    p.squares += (double)run * (double)run;
    p.rest = name.n - i;
    return p;
}

/* The measure of Prometheus: long pieces count, letters that are left over count against, those at
 * the end half. */
double likeness_subsequence(struct str name, struct str term, bool fold)
{
    double best = 0, length = (double)name.n, whole = (double)term.n * (double)term.n;
    if (likeness_begins(name, term, fold))
        return 1;
    for (size_t i = 0; i + term.n <= name.n; i++) {
        if (letter(name, i, fold) != letter(term, 0, fold))
            continue;
        struct pieces p = find_pieces(name, term, i, fold);
        if (p.letters < term.n)
            break; // nor from any later letter
        double score = p.squares - ((double)p.gaps + (double)p.rest / 2) / length;
        best = MAX(best, score / whole);
        if (name.n > LENGTH_MAX)
            break; // one look is enough at what nobody reads
    }
    return best;
}

/* --- Jaro and Winkler ------------------------------------------------------------------------- */

struct matched {
    bool a[LENGTH_MAX], b[LENGTH_MAX];
    size_t n;
};

static void find_matches(struct str a, struct str b, bool fold, struct matched *out)
{
    size_t longer = MAX(a.n, b.n), reach = longer / 2 ? longer / 2 - 1 : 0;
    *out = (struct matched){.n = 0};
    for (size_t i = 0; i < a.n; i++) {
        size_t from = i > reach ? i - reach : 0, to = MIN(i + reach + 1, b.n);
        for (size_t k = from; k < to; k++) {
            if (out->b[k] || letter(a, i, fold) != letter(b, k, fold))
                continue;
            out->a[i] = out->b[k] = true;
            out->n++;
            break;
        }
    }
}

/* Matches that stand in another order, each pair once. */
static double transpositions(struct str a, struct str b, bool fold, const struct matched *m)
{
    size_t different = 0, k = 0;
    for (size_t i = 0; i < a.n; i++) {
        if (!m->a[i])
            continue;
        while (!m->b[k])
            k++;
        different += letter(a, i, fold) != letter(b, k++, fold);
    }
    return (double)different / 2;
}

double likeness_jaro_winkler(struct str name, struct str term, bool fold)
{
    struct matched m;
    if (name.n == 0 || term.n == 0 || name.n > LENGTH_MAX || term.n > LENGTH_MAX)
        return 0;
    find_matches(name, term, fold, &m);
    if (m.n == 0)
        return 0;
    double n = (double)m.n;
    double jaro =
        (n / (double)name.n + n / (double)term.n + (n - transpositions(name, term, fold, &m)) / n) /
        3;
    size_t prefix = 0;
    while (prefix < PREFIX_MAX && prefix < name.n && prefix < term.n &&
           letter(name, prefix, fold) == letter(term, prefix, fold))
        prefix++;
    return jaro + (double)prefix * 0.1 * (1 - jaro);
}
