/* What requests to models cost.
 *
 * Of the entries that fit (model, date, size of the request) the best one holds: one of the
 * program's own before a built-in one, an exact name before the beginning of one, a longer
 * beginning before a shorter one, a later date before an earlier one, a higher tier before a lower
 * one. */
#include "base/compiler.h"
#include "base/time.h"
#include "catalog/runtime.h"

/* How well the model's name fits: 0 not at all, the more the better. */
static size_t fit(const char *pattern, const char *model)
{
    size_t n = strlen(pattern);
    if (n > 0 && pattern[n - 1] == '*')
        return strncmp(pattern, model, n - 1) == 0 ? n : 0;
    return strcmp(pattern, model) == 0 ? SIZE_MAX : 0;
}

static bool is_better(const tt_price *p, size_t fits, const tt_price *best, size_t best_fits)
{
    if (!best || fits != best_fits)
        return !best || fits > best_fits;
    if (p->since_unix_s != best->since_unix_s)
        return p->since_unix_s > best->since_unix_s;
    return p->above_input_tokens > best->above_input_tokens;
}

static const tt_price *find(const tt_price *prices, size_t n, const char *provider,
                            const char *model, const tt_tokens *tokens, int64_t time_unix_s)
{
    const tt_price *best = NULL;
    size_t best_fits = 0;
    for (size_t i = 0; i < n; i++) {
        const tt_price *p = &prices[i];
        bool other = provider && p->provider && strcmp(provider, p->provider) != 0;
        bool above = p->above_input_tokens == 0 || tokens->input > p->above_input_tokens;
        size_t fits = other || !p->model ? 0 : fit(p->model, model);
        if (fits == 0 || !above || p->since_unix_s > time_unix_s)
            continue;
        if (is_better(p, fits, best, best_fits)) {
            best = p;
            best_fits = fits;
        }
    }
    return best;
}

/* Parts that are more than their whole are cut to it, and what is below 0 counts as 0. */
static double part(int64_t *rest, int64_t n, double price)
{
    n = MAX(0, MIN(n, *rest));
    *rest -= n;
    return (double)n * price;
}

static double cost_of(const tt_price *p, const tt_tokens *t)
{
    int64_t input = MAX(0, t->input), output = MAX(0, t->output);
    double usd = part(&input, t->cached_input, p->cached_input);
    usd += part(&input, t->cache_write, p->cache_write);
    usd += part(&output, t->reasoning, p->reasoning);
    usd += (double)input * p->input + (double)output * p->output;
    return usd / 1e6;
}

bool tt_catalog_cost(const tt_catalog *c, const char *provider, const char *model,
                     const tt_tokens *tokens, int64_t time_unix_s, double *out_usd)
{
    if (!model || !tokens)
        return false;
    const tt_price *p =
        c ? find(c->prices, c->prices_n, provider, model, tokens, time_unix_s) : NULL;
    if (!p)
        p = find(catalog_prices, catalog_prices_n, provider, model, tokens, time_unix_s);
    if (p)
        *out_usd = cost_of(p, tokens);
    return p != NULL;
}

double catalog_cost(tt_catalog *c, const char *provider, const char *model,
                    const char *response_model, const tt_tokens *tokens)
{
    double usd = 0;
    int64_t now = time_now_unix_ns() / 1000000000;
    if (tokens->input <= 0 && tokens->output <= 0)
        return 0; // no answer, no cost
    if (tt_catalog_cost(c, provider, response_model, tokens, now, &usd) ||
        tt_catalog_cost(c, provider, model, tokens, now, &usd))
        return usd;
    catalog_unpriced(c, provider, response_model ? response_model : model);
    return 0;
}
