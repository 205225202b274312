#include "core/resource.h"

#include <stdlib.h>

#include "base/str.h"
#include "core/problem.h"
#include "core/text.h"
#include "core/version.h"

enum { PAIRS_MAX = 64, TEXT_MAX = 8192 };

/* --- making ---------------------------------------------------------------------------------- */

static bool list_attrs(tt_resource *r)
{
    r->attrs = calloc(r->set->n + 1, sizeof *r->attrs);
    if (!r->attrs)
        return false;
    r->n = attr_set_list(r->set, r->attrs);
    return true;
}

tt_resource *tt_resource_new(const tt_attr *attrs, size_t n, const char *schema_url)
{
    tt_resource *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->set = attr_set_new(attrs, n, NULL, NULL);
    bool url = schema_url && *schema_url;
    if (url)
        r->schema_url = text_dup(schema_url);
    if (!r->set || (url && !r->schema_url) || !list_attrs(r)) {
        tt_resource_free(r);
        return NULL;
    }
    return r;
}

void tt_resource_free(tt_resource *r)
{
    if (!r)
        return;
    free(r->set);
    free(r->attrs);
    free(r->schema_url);
    free(r);
}

size_t tt_resource_attributes(const tt_resource *r, const tt_attr **out)
{
    if (out)
        *out = r ? r->attrs : NULL;
    return r ? r->n : 0;
}

const char *tt_resource_schema_url(const tt_resource *r)
{
    return r ? r->schema_url : NULL;
}

/* --- merging --------------------------------------------------------------------------------- */

static const char *merge_url(const char *base, const char *over)
{
    if (!over || !base)
        return over ? over : base;
    return strcmp(base, over) == 0 ? over : NULL;
}

tt_resource *tt_resource_merge(const tt_resource *base, const tt_resource *over)
{
    const tt_attr *a, *b;
    size_t a_n = tt_resource_attributes(base, &a), b_n = tt_resource_attributes(over, &b);
    tt_attr *all = calloc(a_n + b_n + 1, sizeof *all);
    if (!all)
        return NULL;
    if (a_n)
        memcpy(all, a, a_n * sizeof *a);
    if (b_n)
        memcpy(all + a_n, b, b_n * sizeof *b);
    tt_resource *r = tt_resource_new(
        all, a_n + b_n, merge_url(tt_resource_schema_url(base), tt_resource_schema_url(over)));
    free(all);
    return r;
}

/* --- from the environment -------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place; false when there is a % without two digits. */
static bool percent_decode(char *text, size_t *inout_n)
{
    size_t to = 0;
    for (size_t i = 0; i < *inout_n; i++, to++) {
        text[to] = text[i];
        if (text[i] != '%')
            continue;
        int high = i + 2 < *inout_n ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        if (low < 0)
            return false;
        text[to] = (char)(high * 16 + low);
        i += 2;
    }
    *inout_n = to;
    return true;
}

/* "key=value,key=value", changed in place. Returns how many; -1 when it is malformed. */
static int parse_pairs(char *text, tt_attr attrs[PAIRS_MAX])
{
    int n = 0;
    struct str rest = str_c(text);
    while (rest.p) {
        struct str value = str_trim(str_cut(&rest, ','));
        if (value.n == 0)
            continue;
        struct str key = str_trim(str_cut(&value, '='));
        value = str_trim(value);
        char *at = text + (value.p ? value.p - text : 0);
        if (n == PAIRS_MAX || key.n == 0 || !value.p || !percent_decode(at, &value.n))
            return -1;
        attrs[n] = (tt_attr){.key = key.p, .key_n = key.n};
        attrs[n++].value = tt_value_text(value.p, value.n);
    }
    return n;
}

static tt_resource *from_environment(void)
{
    tt_attr attrs[PAIRS_MAX];
    const char *given = text_or_empty(getenv("OTEL_RESOURCE_ATTRIBUTES"));
    char *text = strlen(given) < TEXT_MAX ? text_dup(given) : text_dup("=");
    int n = text ? parse_pairs(text, attrs) : 0;
    if (n < 0)
        problem(TT_PROBLEM_MISUSE, "OTEL_RESOURCE_ATTRIBUTES is not a list of key=value", NULL);
    tt_resource *r = tt_resource_new(attrs, n > 0 ? (size_t)n : 0, NULL);
    free(text);
    const char *name = getenv("OTEL_SERVICE_NAME");
    if (!r || !name || !*name)
        return r;
    tt_attr service = tt_str("service.name", name);
    tt_resource *named = tt_resource_new(&service, 1, NULL);
    tt_resource *merged = named ? tt_resource_merge(r, named) : NULL;
    tt_resource_free(r);
    tt_resource_free(named);
    return merged;
}

tt_resource *tt_resource_default(void)
{
    extern char *program_invocation_short_name;
    char name[256] = "unknown_service:";
    const char *program = text_or_empty(program_invocation_short_name);
    size_t at = strlen(name), n = strnlen(program, sizeof name - at - 1);
    memcpy(name + at, program, n);
    name[at + n] = '\0';
    tt_attr attrs[] = {
        tt_str("service.name", name),
        tt_str("telemetry.sdk.language", "c"),
        tt_str("telemetry.sdk.name", "telltale"),
        tt_str("telemetry.sdk.version", TT_VERSION),
    };
    tt_resource *base = tt_resource_new(attrs, sizeof attrs / sizeof *attrs, NULL);
    tt_resource *environment = base ? from_environment() : NULL;
    tt_resource *r = environment ? tt_resource_merge(base, environment) : NULL;
    tt_resource_free(base);
    tt_resource_free(environment);
    return r;
}
