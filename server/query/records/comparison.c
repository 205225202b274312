#include "query/records/comparison.h"

#include "base/compiler.h"
#include "base/num.h"
#include "base/regex.h"
#include "query/traces/traces.h"

enum { TRACE_ID_BYTES = 16, SPAN_ID_BYTES = 8 };

/* What the values of a field are. */
enum value_kind {
    VALUE_PLAIN,
    VALUE_ID,
    VALUE_SPAN_KIND,
    VALUE_STATUS,
    VALUE_DURATION,
    VALUE_SEVERITY,
    VALUE_TIME
};

static const struct {
    enum record_table table;
    int field;
    enum value_kind kind;
    size_t id_bytes;
} special_fields[] = {
    {RECORD_SPANS, SPAN_TRACE_ID, VALUE_ID, TRACE_ID_BYTES},
    {RECORD_SPANS, SPAN_SPAN_ID, VALUE_ID, SPAN_ID_BYTES},
    {RECORD_SPANS, SPAN_PARENT_ID, VALUE_ID, SPAN_ID_BYTES},
    {RECORD_SPANS, SPAN_KIND, VALUE_SPAN_KIND, 0},
    {RECORD_SPANS, SPAN_STATUS_CODE, VALUE_STATUS, 0},
    {RECORD_SPANS, SPAN_DURATION_NS, VALUE_DURATION, 0},
    {RECORD_LOGS, LOG_TRACE_ID, VALUE_ID, TRACE_ID_BYTES},
    {RECORD_LOGS, LOG_SPAN_ID, VALUE_ID, SPAN_ID_BYTES},
    {RECORD_LOGS, LOG_SEVERITY, VALUE_SEVERITY, 0},
};

struct making {
    const struct comparison *c;
    struct arena *arena;
    enum predicate_op op; /* of the leaf, without what negates it */
    enum value_kind kind;
    size_t id_bytes;
    struct err *err;
};

static int bad_value(const struct making *m, const char *expected)
{
    return err_set(m->err, ERR_INVALID, "%.*s: \"%.*s\"; expected %s",
                   STR_ARG(str_sub(m->c->field, 0, 100)), STR_ARG(str_sub(m->c->value, 0, 100)),
                   expected);
}

static enum predicate_op leaf_op(enum comparison_op op)
{
    static const enum predicate_op ops[] = {
        [OP_EQ] = PREDICATE_EQ,
        [OP_NE] = PREDICATE_EQ,
        [OP_LT] = PREDICATE_LT,
        [OP_LE] = PREDICATE_LE,
        [OP_GT] = PREDICATE_GT,
        [OP_GE] = PREDICATE_GE,
        [OP_REGEX] = PREDICATE_REGEX,
        [OP_NOT_REGEX] = PREDICATE_REGEX,
        [OP_HAS] = PREDICATE_CONTAINS_NOCASE,
        [OP_NOT_HAS] = PREDICATE_CONTAINS_NOCASE,
        [OP_PHRASE] = PREDICATE_PHRASE,
        [OP_EXISTS] = PREDICATE_EXISTS,
    };
    return ops[op];
}

/* --- values ----------------------------------------------------------------------------------- */

static int word_value(const struct making *m, int (*parse)(struct str word), const char *expected,
                      struct any *out)
{
    int64_t number;
    int word = parse(m->c->value);
    if (word < 0 && num_parse_i64(m->c->value, &number) != 0)
        return bad_value(m, expected);
    *out = any_int(word >= 0 ? word : number);
    return 0;
}

static int special_value(const struct making *m, struct any *out)
{
    int64_t ns;
    struct str id;
    switch (m->kind) {
    case VALUE_ID:
        id = parse_id(m->arena, m->c->value, m->id_bytes);
        *out = any_bytes(id);
        return id.p ? 0 : bad_value(m, "hexadecimal digits");
    case VALUE_SPAN_KIND:
        return word_value(m, span_kind_parse, "internal, server, client, producer or consumer",
                          out);
    case VALUE_STATUS: return word_value(m, span_status_parse, "unset, ok or error", out);
    case VALUE_DURATION:
        if (!parse_duration_ns(m->c->value, 1, &ns))
            return bad_value(m, "a duration like 1.5s or 300ms");
        *out = any_int(ns);
        return 0;
    default:
        if (!parse_time_ns(m->c->value, &ns))
            return bad_value(m, "a time");
        *out = any_int(ns);
        return 0;
    }
}

static struct any folded(struct arena *a, struct str text)
{
    char *out = arena_alloc(a, text.n);
    for (size_t i = 0; out && i < text.n; i++)
        out[i] = (char)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] | 0x20 : text.p[i]);
    return any_string(str_of(out, out ? text.n : 0));
}

/* What a word without quotes may mean besides itself; ANY_NONE: nothing. */
static struct any meant(const struct comparison *c)
{
    int64_t whole;
    double number;
    if (c->quoted)
        return (struct any){0};
    if (num_parse_i64(c->value, &whole) == 0)
        return any_int(whole);
    if (num_parse_double(c->value, &number) == 0)
        return any_double(number);
    if (str_eq(c->value, STR("true")) || str_eq(c->value, STR("false")))
        return any_bool(c->value.n == 4);
    return (struct any){0};
}

/* --- leaves ----------------------------------------------------------------------------------- */

static struct predicate plain_leaf(const struct making *m, struct column_ref column)
{
    const struct comparison *c = m->c;
    struct any text = any_string(c->value), other = meant(c);
    if (m->op == PREDICATE_REGEX)
        return (struct predicate){.op = m->op, .column = column, .regex = c->regex};
    if (m->op == PREDICATE_CONTAINS_NOCASE || m->op == PREDICATE_PHRASE)
        return where_leaf(m->op, column, folded(m->arena, c->value));
    if (m->op == PREDICATE_EXISTS)
        return where_leaf(m->op, column, (struct any){0});
    if (other.type == ANY_NONE)
        return where_leaf(m->op, column, text);
    struct predicate p = where_leaf(m->op, column, other);
    return m->op == PREDICATE_EQ ? where_either(m->arena, p, where_leaf(PREDICATE_EQ, column, text))
                                 : p;
}

static bool zero_satisfies(enum predicate_op op, int64_t number)
{
    switch (op) {
    case PREDICATE_LT: return 0 < number;
    case PREDICATE_LE: return 0 <= number;
    case PREDICATE_GT: return 0 > number;
    case PREDICATE_GE: return 0 >= number;
    default: return number == 0;
    }
}

/* A severity that was not sent is 0. No leaf is true of an absent value, but what negates one is:
 * "below 5" is "not 5 or above". */
static struct predicate severity_number(const struct making *m, struct column_ref column,
                                        enum predicate_op op, int64_t number)
{
    static const enum predicate_op opposites[] = {[PREDICATE_LT] = PREDICATE_GE,
                                                  [PREDICATE_LE] = PREDICATE_GT,
                                                  [PREDICATE_GT] = PREDICATE_LE,
                                                  [PREDICATE_GE] = PREDICATE_LT};
    struct predicate is = where_leaf(op, column, any_int(number));
    if (!zero_satisfies(op, number))
        return is;
    if (op == PREDICATE_EQ)
        return where_either(
            m->arena, is,
            where_not(m->arena, where_leaf(PREDICATE_EXISTS, column, (struct any){0})));
    return where_not(m->arena, where_leaf(opposites[op], column, any_int(number)));
}

/* "none" is 0 and what is below: nothing is lower. */
static struct predicate lowest_severity(const struct making *m, struct column_ref column)
{
    struct predicate others = where_leaf(PREDICATE_GT, column, any_int(0));
    switch (m->op) {
    case PREDICATE_GT: return others;
    case PREDICATE_GE: return (struct predicate){.op = PREDICATE_AND};
    case PREDICATE_LT: return (struct predicate){.op = PREDICATE_OR};
    default: return where_not(m->arena, others);
    }
}

/* "warn" is four numbers: equal is a range, behind is behind the last of them. */
static int severity_leaf(const struct making *m, struct column_ref column, struct predicate *out)
{
    enum { PER_LEVEL = 4, FATAL = 21 };
    int64_t number;
    int first = severity_parse(m->c->value);
    if (first < 0) {
        if (num_parse_i64(m->c->value, &number) != 0)
            return bad_value(m, "none, trace, debug, info, warn, error, fatal or a number");
        *out = severity_number(m, column, m->op, number);
        return 0;
    }
    if (first == 0) {
        *out = lowest_severity(m, column);
        return 0;
    }
    int64_t last = first < FATAL ? first + PER_LEVEL - 1 : INT64_MAX;
    bool by_last = m->op == PREDICATE_GT || m->op == PREDICATE_LE;
    if (m->op == PREDICATE_EQ)
        *out = where_both(m->arena, where_leaf(PREDICATE_GE, column, any_int(first)),
                          where_leaf(PREDICATE_LE, column, any_int(last)));
    else
        *out = severity_number(m, column, m->op, by_last ? last : first);
    return 0;
}

static bool compares(enum predicate_op op)
{
    return op >= PREDICATE_EQ && op <= PREDICATE_GE;
}

/* The first word of kinds and statuses stands for all numbers without a word of their own. */
static bool is_first_word(const struct making *m)
{
    return m->op == PREDICATE_EQ &&
           ((m->kind == VALUE_SPAN_KIND && span_kind_parse(m->c->value) == 0) ||
            (m->kind == VALUE_STATUS && span_status_parse(m->c->value) == 0));
}

static struct predicate without_word(const struct making *m, struct column_ref column)
{
    enum { LAST_KIND = 5, LAST_STATUS = 2 };
    int last = m->kind == VALUE_STATUS ? LAST_STATUS : LAST_KIND;
    struct predicate known = where_both(m->arena, where_leaf(PREDICATE_GT, column, any_int(0)),
                                        where_leaf(PREDICATE_LE, column, any_int(last)));
    return where_not(m->arena, known);
}

static int value_leaf(const struct making *m, struct column_ref column, struct predicate *out)
{
    struct any value;
    if (m->kind == VALUE_SEVERITY)
        return severity_leaf(m, column, out);
    if (is_first_word(m)) {
        *out = without_word(m, column);
        return 0;
    }
    int rc = special_value(m, &value);
    if (rc == 0)
        *out = where_leaf(m->op, column, value);
    return rc;
}

/* The i-th word that values of this kind are shown as; NULL: no more, or they are no words. */
static const char *word_of(enum value_kind kind, int i)
{
    enum { KINDS = 6, STATUSES = 3, LEVELS = 7, PER_LEVEL = 4 };
    switch (kind) {
    case VALUE_SPAN_KIND: return i < KINDS ? span_kind_name(i) : NULL;
    case VALUE_STATUS: return i < STATUSES ? span_status_name(i) : NULL;
    case VALUE_SEVERITY: return i < LEVELS ? severity_name(i * PER_LEVEL) : NULL;
    default: return NULL;
    }
}

static bool is_in_word(const struct making *m, struct str word)
{
    if (m->op == PREDICATE_REGEX)
        return regex_match(m->c->regex, word) == 1;
    const struct any part = folded(m->arena, m->c->value);
    return part.n == 0 || str_find(word, any_text(&part)) < word.n;
}

/* Numbers that are shown as words are searched by these. */
static int words_leaf(const struct making *m, struct column_ref column, struct predicate *out)
{
    struct predicate any = {.op = PREDICATE_OR}, one;
    bool first = true;
    const char *word;
    for (int i = 0; (word = word_of(m->kind, i)); i++) {
        if (!is_in_word(m, str_c(word)))
            continue;
        const struct comparison is = {.field = m->c->field, .op = OP_EQ, .value = str_c(word)};
        const struct making equal = {
            .c = &is, .arena = m->arena, .op = PREDICATE_EQ, .kind = m->kind, .err = m->err};
        int rc = value_leaf(&equal, column, &one);
        if (rc != 0)
            return rc;
        any = first ? one : where_either(m->arena, any, one);
        first = false;
    }
    *out = any;
    return 0;
}

static int leaf(const struct making *m, struct column_ref column, struct predicate *out)
{
    if (m->kind != VALUE_PLAIN && compares(m->op))
        return value_leaf(m, column, out);
    if (m->kind == VALUE_PLAIN || m->op == PREDICATE_EXISTS) {
        *out = plain_leaf(m, column);
        out->scalars = column.origin != COLUMN_FIELD; // bodies of logs have an index of words
        return 0;
    }
    if (word_of(m->kind, 0))
        return words_leaf(m, column, out);
    return err_set(m->err, ERR_INVALID,
                   "%.*s is not text: expected =, !=, <, <=, > or >= behind it",
                   STR_ARG(str_sub(m->c->field, 0, 100)));
}

/* --- fields of texts -------------------------------------------------------------------------- */

static struct predicate text_leaf(const struct making *m, struct column_ref column)
{
    const struct comparison *c = m->c;
    struct predicate named = where_named(column), p = named;
    if (m->op == PREDICATE_REGEX)
        p = (struct predicate){.op = m->op, .column = column, .regex = c->regex};
    else if (m->op == PREDICATE_CONTAINS_NOCASE)
        p = where_leaf(m->op, column, folded(m->arena, c->value));
    else if (m->op != PREDICATE_EXISTS)
        p = where_leaf(m->op, column, any_string(c->value));
    return m->op == PREDICATE_EQ && c->value.n ? p : where_both(m->arena, p, named);
}

static bool holds_of(const struct making *m, struct str text)
{
    int order = str_cmp(text, m->c->value);
    switch (m->op) {
    case PREDICATE_EQ: return order == 0;
    case PREDICATE_LT: return order < 0;
    case PREDICATE_LE: return order <= 0;
    case PREDICATE_GT: return order > 0;
    case PREDICATE_GE: return order >= 0;
    case PREDICATE_EXISTS: return true;
    default: return is_in_word(m, text);
    }
}

/* The first column that is named counts; of rows without any, what stands for them. */
static struct predicate text_field(const struct making *m, const struct column_ref *columns,
                                   size_t n, struct str none)
{
    struct arena *a = m->arena;
    struct predicate p = text_leaf(m, columns[0]);
    struct predicate unnamed = where_not(a, where_named(columns[0]));
    for (size_t i = 1; i < n; i++) {
        p = where_either(a, p, where_both(a, text_leaf(m, columns[i]), unnamed));
        unnamed = where_both(a, unnamed, where_not(a, where_named(columns[i])));
    }
    return none.n && holds_of(m, none) ? where_either(a, p, unnamed) : p;
}

static void find_kind(struct making *m, enum record_table table, const struct column_ref *column)
{
    if (column->origin == COLUMN_TIME)
        m->kind = VALUE_TIME;
    for (size_t i = 0; i < ARRAY_LEN(special_fields) && column->origin == COLUMN_FIELD; i++) {
        if (special_fields[i].table != table || special_fields[i].field != column->field)
            continue;
        m->kind = special_fields[i].kind;
        m->id_bytes = special_fields[i].id_bytes;
    }
}

/* Any of the columns will do. */
static int any_column(struct making *m, enum record_table table, const struct column_ref *columns,
                      size_t n, struct predicate *out)
{
    struct predicate one;
    for (size_t i = 0; i < n; i++) {
        m->kind = VALUE_PLAIN;
        find_kind(m, table, &columns[i]);
        int rc = leaf(m, columns[i], &one);
        if (rc != 0)
            return rc;
        *out = i == 0 ? one : where_either(m->arena, *out, one);
    }
    return 0;
}

int comparison_predicate(enum record_table table, const struct comparison *c, struct arena *a,
                         struct predicate *out, struct err *err)
{
    struct making m = {.c = c, .arena = a, .op = leaf_op(c->op), .err = err};
    struct column_ref columns[FIELD_COLUMNS_MAX];
    struct predicate p = {.op = PREDICATE_OR};
    struct str none;
    size_t n = record_field_columns(table, c->field, columns);
    if (n == 0)
        return err_set(err, ERR_INVALID, "expected a field before an operator");
    if (record_field_is_text(c->field, &none)) {
        p = text_field(&m, columns, n, none);
    } else {
        int rc = any_column(&m, table, columns, n, &p);
        if (rc != 0)
            return rc;
    }
    bool negated = c->op == OP_NE || c->op == OP_NOT_REGEX || c->op == OP_NOT_HAS;
    *out = negated ? where_not(a, p) : p;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}
