/* The words of the language, for clients that ask what they may offer. */
#include "base/compiler.h"
#include "query/promql/functions.h"
#include "query/promql/lexer.h"
#include "query/query.h"

struct teller {
    void (*each)(void *self, const char *category, struct str word, bool on);
    void *self;
    unsigned features;
};

static void tell(const struct teller *t, const char *category, struct str word, unsigned needs)
{
    t->each(t->self, category, word, needs == 0 || (t->features & needs));
}

static unsigned keyword_needs(enum token token)
{
    switch (token) {
    case TOKEN_ANCHORED:
    case TOKEN_SMOOTHED: return QUERY_EXTENDED_SELECTORS;
    case TOKEN_FILL:
    case TOKEN_FILL_LEFT:
    case TOKEN_FILL_RIGHT: return QUERY_BINOP_FILL;
    default: return 0;
    }
}

/* Parts of the language that are no word of it. */
static const struct part {
    const char *name;
    unsigned needs;
} parts[] = {
    {"at_modifier", 0},
    {"delayed_name_removal", QUERY_DELAYED_NAME_REMOVAL},
    {"duration_expr", 0},
    {"negative_offset", 0},
    {"per_query_lookback_delta", 0},
    {"subqueries", 0},
    {"type_and_unit_labels", QUERY_TYPE_AND_UNIT},
    {"use_start_timestamps", QUERY_START_TIMESTAMPS},
};

static void tell_language(const struct teller *t)
{
    for (int i = TOKEN_KEYWORDS + 1; i < TOKEN_FUNCTION_WORDS; i++)
        tell(t, "promql", token_text((enum token)i), keyword_needs((enum token)i));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        tell(t, "promql", str_c(parts[i].name), parts[i].needs);
}

static void tell_operators(const struct teller *t)
{
    static const char *const signs[] = {"=~", "!~", "@"};
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        tell(t, "promql_operators", str_c(signs[i]), 0);
    for (int i = TOKEN_OPERATORS + 1; i < TOKEN_KEYWORDS; i++) {
        bool experimental = i == TOKEN_LIMITK || i == TOKEN_LIMIT_RATIO;
        if (i != TOKEN_AGGREGATORS)
            tell(t, "promql_operators", token_text((enum token)i),
                 experimental ? QUERY_EXPERIMENTAL_FUNCTIONS : 0);
    }
}

void query_vocabulary(unsigned features,
                      void (*each)(void *self, const char *category, struct str word, bool on),
                      void *self)
{
    const struct teller t = {each, self, features};
    size_t n;
    const struct function *f = function_table(&n);
    tell_language(&t);
    for (size_t i = 0; i < n; i++)
        tell(&t, "promql_functions", str_c(f[i].name),
             f[i].experimental ? QUERY_EXPERIMENTAL_FUNCTIONS : 0);
    tell_operators(&t);
}
