/* Names of fields as searches use them. */
#include "base/compiler.h"
#include "query/records/filter.h"

static const char *const session_keys[] = {"gen_ai.conversation.id", "session.id",
                                           "mcp.session.id"};

static const struct {
    const char *name;
    int table; /* RECORD_TABLES: both */
    const char *column;
} short_names[] = {
    {"service", RECORD_TABLES, "resource.service.name"},
    {"scope", RECORD_TABLES, "scope.name"},
    {"status", RECORD_SPANS, "status_code"},
    {"duration", RECORD_SPANS, "duration_ns"},
    {"parent_id", RECORD_SPANS, "parent_span_id"},
    {"level", RECORD_LOGS, "severity"},
};

static size_t session_columns(struct column_ref out[FIELD_COLUMNS_MAX])
{
    for (size_t i = 0; i < ARRAY_LEN(session_keys); i++)
        out[i] = attribute_column(str_c(session_keys[i]));
    return ARRAY_LEN(session_keys);
}

size_t record_field_columns(enum record_table table, struct str field,
                            struct column_ref out[FIELD_COLUMNS_MAX])
{
    if (str_eq(field, STR("session")))
        return session_columns(out);
    for (size_t i = 0; i < ARRAY_LEN(short_names); i++) {
        if (str_eq(field, str_c(short_names[i].name)) &&
            (short_names[i].table == RECORD_TABLES || short_names[i].table == (int)table))
            field = str_c(short_names[i].column);
    }
    if (field.n == 0)
        return 0;
    if (column_parse(table, field, &out[0]))
        return 1;
    out[0] = attribute_column(field);
    out[1] = resource_column(field);
    return 2;
}

bool record_field_is_text(struct str field, struct str *out_none)
{
    bool service = str_eq(field, STR("service"));
    *out_none = service ? UNKNOWN_SERVICE : (struct str){0};
    return service || str_eq(field, STR("session"));
}

/* --- severities ------------------------------------------------------------------------------- */

enum { LEVELS = 6, NUMBERS_PER_LEVEL = 4 };

static const char *const levels[LEVELS] = {"trace", "debug", "info", "warn", "error", "fatal"};

const char *severity_name(int64_t severity)
{
    if (severity < 1)
        return "none";
    return levels[(MIN(severity, LEVELS * NUMBERS_PER_LEVEL) - 1) / NUMBERS_PER_LEVEL];
}

int severity_parse(struct str word)
{
    for (int i = 0; i < LEVELS; i++)
        if (str_eq_nocase(word, str_c(levels[i])))
            return i * NUMBERS_PER_LEVEL + 1;
    if (str_eq_nocase(word, STR("none")))
        return 0;
    return str_eq_nocase(word, STR("warning")) ? 13 : -1;
}
