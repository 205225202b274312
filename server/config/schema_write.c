/* From a struct back to YAML: what is really in force, in the order of the table. Options with
 * dotted keys become nested maps; options without a value are left out. */

#include "base/buf.h"
#include "base/time.h"
#include "config/schema.h"
#include "config/scrape_config.h"

/* `type const`: the field itself is not changed, whatever the type says of what it points to. */
#define FIELD(object, offset, type)                                                                \
    ((type const *)(const void *)((const char *)(object) + (offset)))

static bool needs_quotes(struct str s)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    if (!s.n || s.p[s.n - 1] == ':')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(s, str_c(words[i])))
            return true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/';
        bool later = (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':';
        if (!letter && (i == 0 || !later))
            return true;
    }
    return false;
}

/* The character at `s` (well-formed UTF-8: it came through libyaml) and its length. */
static uint32_t character(struct str s, size_t *out_n)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t v = n == 1 ? c : c & (0x7fu >> n);
    for (size_t i = 1; i < n && i < s.n; i++)
        v = v << 6 | ((unsigned char)s.p[i] & 0x3fu);
    *out_n = MIN(n, s.n);
    return v;
}

/* Characters that YAML does not take, or takes for line breaks, when they stand there raw. */
static bool needs_escape(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
           c == 0xfffe || c == 0xffff;
}

void schema_write_text(struct buf *out, struct str s)
{
    if (!needs_quotes(s)) {
        buf_put_str(out, s);
        return;
    }
    buf_putc(out, '"');
    while (s.n) {
        size_t n;
        uint32_t c = character(s, &n);
        if (c == '"' || c == '\\')
            buf_putc(out, '\\');
        if (needs_escape(c))
            buf_printf(out, "\\u%04x", c);
        else
            buf_put_str(out, str_sub(s, 0, n));
        s = str_sub(s, n, SIZE_MAX);
    }
    buf_putc(out, '"');
}

/* http://user:password@host: the password is nobody's business. */
static void write_url(struct buf *out, struct str s)
{
    size_t scheme = str_find(s, STR("://"));
    struct str rest = str_sub(s, scheme + 3, SIZE_MAX);
    struct str authority = str_sub(rest, 0, str_index(rest, '/'));
    size_t at = str_index(authority, '@');
    size_t colon = str_index(authority, ':');
    if (scheme == s.n || at == authority.n || colon > at) {
        schema_write_text(out, s);
        return;
    }
    struct buf masked = BUF_MAX(64 << 10);
    buf_put_str(&masked, str_sub(s, 0, scheme + 3 + colon));
    buf_puts(&masked, ":<secret>");
    buf_put_str(&masked, str_sub(rest, at, SIZE_MAX));
    schema_write_text(out, buf_str(&masked));
    buf_done(&masked);
}

static void write_shown(struct buf *out, struct str s, const struct hidden *hidden)
{
    for (size_t i = 0; hidden && i < hidden->n; i++) {
        if (hidden->v[i] == s.p) {
            buf_puts(out, "<secret>");
            return;
        }
    }
    write_url(out, s);
}

static void write_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < ARRAY_LEN(units)) {
        bytes /= 1024;
        unit++;
    }
    buf_put_u64(out, bytes);
    buf_puts(out, units[unit]);
}

/* A limit that is 0 by nature is none: left out. */
static void write_number(struct buf *out, const struct option *o, uint64_t v)
{
    if (o->type == OPT_SIZE && (v || o->fallback))
        write_size(out, v);
    else if (v || o->fallback)
        buf_put_u64(out, v);
}

static void write_texts(struct buf *out, const struct option *o, const void *object,
                        const struct hidden *hidden)
{
    size_t n = *FIELD(object, o->at_n, size_t);
    buf_puts(out, n ? "[" : "");
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, i ? ", " : "");
        struct str s = o->type == OPT_FILES ? str_c((*FIELD(object, o->at, const char *const *))[i])
                                            : (*FIELD(object, o->at, const struct str *))[i];
        write_shown(out, s, hidden);
    }
    buf_puts(out, n ? "]" : "");
}

static void write_labels(struct buf *out, const struct option *o, const void *object,
                         const struct hidden *hidden)
{
    size_t n = *FIELD(object, o->at_n, size_t);
    const struct config_label *labels = *FIELD(object, o->at, const struct config_label *);
    buf_puts(out, n ? "{" : "");
    for (size_t i = 0; i < n; i++) {
        buf_puts(out, i ? ", " : "");
        schema_write_text(out, labels[i].name);
        buf_puts(out, ": ");
        write_shown(out, labels[i].value, hidden);
    }
    buf_puts(out, n ? "}" : "");
}

static void write_duration(struct buf *out, int64_t ms)
{
    if (ms == INT64_MAX)
        buf_puts(out, "forever");
    else
        duration_format(out, ms);
}

static void write_choice(struct buf *out, const struct option *o, int choice)
{
    if (choice >= 0)
        buf_puts(out, o->choices[choice]);
}

void option_write(struct buf *out, const struct option *o, const void *object,
                  const struct hidden *hidden)
{
    const char *text = NULL;
    switch (o->type) {
    case OPT_BOOL: buf_puts(out, *FIELD(object, o->at, bool) ? "true" : "false"); break;
    case OPT_COUNT:
    case OPT_SIZE: write_number(out, o, *FIELD(object, o->at, uint64_t)); break;
    case OPT_DURATION: write_duration(out, *FIELD(object, o->at, int64_t)); break;
    case OPT_CHOICE: write_choice(out, o, *FIELD(object, o->at, int)); break;
    case OPT_STR: schema_write_text(out, *FIELD(object, o->at, struct str)); break;
    case OPT_TEXT:
    case OPT_FILE:
        text = *FIELD(object, o->at, const char *);
        if (text)
            write_shown(out, str_c(text), hidden);
        break;
    case OPT_ADDRESS:
        text = *FIELD(object, o->at, const char *);
        if (text)
            schema_write_text(out, str_c(text));
        else
            buf_puts(out, "off");
        break;
    case OPT_SECRET: buf_puts(out, *FIELD(object, o->at, const char *) ? "<secret>" : ""); break;
    case OPT_TEXTS:
    case OPT_FILES: write_texts(out, o, object, hidden); break;
    case OPT_LABELS: write_labels(out, o, object, hidden); break;
    case OPT_CUSTOM:
        if (o->custom->write)
            o->custom->write(out, object);
        break;
    case OPT_LIST:
    case OPT_SHARE:
    case OPT_UNUSED: break;
    }
}

/* ---- Block style ---- */

static void put_indent(struct buf *out, unsigned indent)
{
    for (unsigned i = 0; i < indent; i++)
        buf_puts(out, "  ");
}

/* The maps around a key that are not open yet: "http:" and "  tls:" before "    cert: …". Returns
 * the indent of the key itself. */
static unsigned open_groups(struct buf *out, struct str key, struct str *open, unsigned indent)
{
    size_t common = 0; /* length of the groups that both keys share, their dots included */
    for (size_t i = 0; i < key.n && i < open->n && key.p[i] == open->p[i]; i++)
        if (key.p[i] == '.')
            common = i + 1;
    size_t start = 0;
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] != '.')
            continue;
        if (i + 1 > common) {
            put_indent(out, indent);
            buf_put_str(out, str_sub(key, start, i - start));
            buf_puts(out, ":\n");
        }
        indent++;
        start = i + 1;
    }
    *open = key;
    return indent;
}

static void write_items(struct buf *out, const struct option *o, const void *object,
                        unsigned indent, const struct hidden *hidden)
{
    const char *items = *FIELD(object, o->at, char *);
    size_t n = *FIELD(object, o->at_n, size_t);
    for (size_t i = 0; i < n; i++) {
        size_t start = out->n;
        schema_write(out, o->part, items + i * o->part->size, indent + 1, hidden);
        if (buf_failed(out))
            return;
        if (out->n == start) {
            put_indent(out, indent);
            buf_puts(out, "- {}\n");
        } else {
            out->p[start + (size_t)indent * 2] = '-'; // over the blanks of the item's first line
        }
    }
}

static void write_options(struct buf *out, const struct schema *s, const void *object,
                          unsigned indent, const struct hidden *hidden, struct str *open)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type == OPT_SHARE) {
            write_options(out, o->part, (const char *)object + o->at, indent, hidden, open);
            continue;
        }
        if (o->flags & OPTION_ALIAS)
            continue;
        struct str key = str_c(o->key);
        if (o->type == OPT_LIST && *FIELD(object, o->at_n, size_t)) {
            unsigned in = open_groups(out, key, open, indent);
            put_indent(out, in);
            buf_printf(out, "%s:\n", strrchr(o->key, '.') ? strrchr(o->key, '.') + 1 : o->key);
            write_items(out, o, object, in, hidden);
            continue;
        }
        struct buf value = BUF_MAX(1 << 20);
        option_write(&value, o, object, hidden);
        if (value.n) {
            unsigned in = open_groups(out, key, open, indent);
            put_indent(out, in);
            buf_printf(out, "%s: ", strrchr(o->key, '.') ? strrchr(o->key, '.') + 1 : o->key);
            buf_put_str(out, buf_str(&value));
            buf_putc(out, '\n');
        }
        buf_done(&value);
    }
}

void schema_write(struct buf *out, const struct schema *s, const void *object, unsigned indent,
                  const struct hidden *hidden)
{
    struct str open = {0};
    write_options(out, s, object, indent, hidden, &open);
}
