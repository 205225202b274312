/* Labels, made once for each set of attributes and then kept: as text, or as the LabelPair messages
 * of the protobuf format. */
#include "base/num.h"
#include "core/proto.h"
#include "text/names.h"

enum { EXEMPLAR_LABELS_MAX = 60 };

static void put_escaped(struct buf *out, struct str text)
{
    size_t done = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != '"' && c != '\\' && c != '\n')
            continue;
        buf_put(out, text.p + done, i - done);
        buf_putc(out, '\\');
        buf_putc(out, c == '\n' ? 'n' : c);
        done = i + 1;
    }
    if (done < text.n)
        buf_put(out, text.p + done, text.n - done);
}

void prometheus_quote(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    put_escaped(out, text);
    buf_putc(out, '"');
}

static void put_base64(struct buf *out, struct str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.n; i += 3) {
        uint32_t group = 0;
        for (size_t k = i; k < i + 3; k++)
            group = group << 8 | (k < bytes.n ? (unsigned char)bytes.p[k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_putc(out, i + k <= bytes.n ? digits[group >> (18 - 6 * k) & 63] : '=');
    }
}

static void put_value(struct buf *out, const struct attr_view *v, bool nested);

/* As JSON. */
static void put_items(struct buf *out, const struct attr_view *v)
{
    bool map = v->type == TT_TYPE_MAP;
    const char *p = v->value, *end = p + v->value_n;
    struct attr_view item;
    buf_putc(out, map ? '{' : '[');
    for (bool first = true; attr_next(&p, end, &item); first = false) {
        if (!first)
            buf_putc(out, ',');
        if (map) {
            prometheus_quote(out, str_of(item.key, item.key_n));
            buf_putc(out, ':');
        }
        put_value(out, &item, true);
    }
    buf_putc(out, map ? '}' : ']');
}

static void put_value(struct buf *out, const struct attr_view *v, bool nested)
{
    struct str text = str_of(v->value, v->value_n);
    switch (v->type) {
    case TT_TYPE_STRING:
        if (nested)
            prometheus_quote(out, text);
        else
            buf_put_str(out, text);
        break;
    case TT_TYPE_BYTES:
        buf_puts(out, nested ? "\"" : "");
        put_base64(out, text);
        buf_puts(out, nested ? "\"" : "");
        break;
    case TT_TYPE_BOOL: buf_puts(out, *v->value ? "true" : "false"); break;
    case TT_TYPE_INT: buf_put_i64(out, attr_view_int(v)); break;
    case TT_TYPE_DOUBLE: buf_put_double(out, attr_view_double(v)); break;
    case TT_TYPE_ARRAY:
    case TT_TYPE_MAP: put_items(out, v); break;
    default: break;
    }
}

#define SCOPE "otel_scope_"

static void put_key(struct buf *out, struct str key, enum prometheus_labels_of of,
                    struct prometheus_form form)
{
    struct buf whole = BUF_MAX(2 * ATTR_SET_BYTES_MAX);
    buf_puts(&whole, of == LABELS_OF_SCOPE ? SCOPE : "");
    if (prometheus_has_utf8(form.names))
        prometheus_put_utf8(&whole, key);
    else
        prometheus_sanitise(&whole, key, false);
    prometheus_escape(out, buf_str(&whole), false, form.escaping);
    out->failed |= buf_failed(&whole);
    buf_done(&whole);
}

/* The place of each label's name in a scratch buffer, to find those that became the same. */
struct label {
    size_t at, n;
    struct attr_view attr;
    bool joined; /* written with an earlier one, or not at all */
};

static bool is_one_of(struct str key, const char *names)
{
    for (struct str rest = str_c(names); rest.p;) {
        if (str_eq(str_cut(&rest, ' '), key))
            return true;
    }
    return false;
}

static bool is_others(struct str key, enum prometheus_labels_of of, struct prometheus_form form)
{
    if (!key.n || str_eq(key, STR("__name__")))
        return true;
    if (of == LABELS_OF_SCOPE)
        return is_one_of(key, SCOPE "name " SCOPE "version " SCOPE "schema_url");
    if (of == LABELS_OF_HISTOGRAM && str_eq(key, STR("le")))
        return true;
    return of != LABELS_OF_OTHERS && !form.without_scope && str_starts(key, STR(SCOPE));
}

static struct str key_of(const struct buf *keys, const struct label *l)
{
    return l->n && !buf_failed(keys) ? str_of(keys->p + l->at, l->n) : (struct str){0};
}

/* Behind the `n` that are there; how many there are then. */
static size_t read_labels(struct label *labels, size_t n, struct buf *keys,
                          const struct attr_set *attrs, enum prometheus_labels_of of,
                          struct prometheus_form form)
{
    size_t max = n + ATTRS_MAX;
    const char *p = attrs->packed, *end = p + attrs->bytes;
    for (; n < max && attr_next(&p, end, &labels[n].attr); n++) {
        labels[n].at = keys->n;
        put_key(keys, str_of(labels[n].attr.key, labels[n].attr.key_n), of, form);
        labels[n].n = keys->n - labels[n].at;
        labels[n].joined = is_others(key_of(keys, &labels[n]), of, form);
    }
    return n;
}

/* By their names, so that the same labels are the same text; of one name by that of the attribute,
 * as they were. Nearly always they are in order already. */
static void sort_labels(struct label *labels, size_t n, const struct buf *keys)
{
    for (size_t i = 1; i < n; i++) {
        struct label l = labels[i];
        size_t at = i;
        for (; at && str_cmp(key_of(keys, &labels[at - 1]), key_of(keys, &l)) > 0; at--)
            labels[at] = labels[at - 1];
        labels[at] = l;
    }
}

/* A message within a message, both short of nothing but their heads. */
static void put_pair_message(struct buf *out, struct str name, struct str value)
{
    enum { METRIC_LABEL = 1, PAIR_NAME = 1, PAIR_VALUE = 2 };
    size_t n = bytes_field_size(name.n) + bytes_field_size(value.n);
    char *start = buf_reserve(out, n + PROTO_HEAD_MAX);
    if (!start)
        return;
    char *to = put_bytes_head(start, METRIC_LABEL, n);
    to = put_text_field(to, PAIR_NAME, name.p, name.n);
    to = put_text_field(to, PAIR_VALUE, value.p, value.n);
    buf_advance(out, (size_t)(to - start));
}

static void put_pair(struct buf *out, struct prometheus_form form, struct str name,
                     struct str value)
{
    if (form.proto) {
        put_pair_message(out, name, value);
        return;
    }
    if (out->n && out->p[out->n - 1] != '{')
        buf_putc(out, ',');
    if (prometheus_is_plain(name, false))
        buf_put_str(out, name);
    else
        prometheus_quote(out, name);
    buf_putc(out, '=');
    prometheus_quote(out, value);
}

void prometheus_pair(struct buf *out, struct prometheus_form form, struct str name,
                     struct str value)
{
    struct buf text = BUF_MAX(3 * ATTR_SET_BYTES_MAX);
    prometheus_put_utf8(&text, value);
    put_pair(out, form, name, buf_str(&text));
    out->failed |= buf_failed(&text);
    buf_done(&text);
}

static void put_label(struct buf *out, struct label *labels, size_t i, size_t n,
                      const struct buf *keys, struct prometheus_form form)
{
    struct str key = key_of(keys, &labels[i]);
    struct buf value = BUF_MAX(2 * ATTR_SET_BYTES_MAX);
    put_value(&value, &labels[i].attr, false);
    for (size_t k = i + 1; k < n; k++) {
        if (!str_eq(key, key_of(keys, &labels[k])))
            continue;
        labels[k].joined = true;
        buf_putc(&value, ';');
        put_value(&value, &labels[k].attr, false);
    }
    if (value.n || buf_failed(&value)) // an empty one is as one that is not there
        prometheus_pair(out, form, key, buf_str(&value));
    out->failed |= buf_failed(&value);
    buf_done(&value);
}

/* What the series has a label of its own for is left out. */
static size_t read_constants(struct label *labels, size_t n, struct buf *keys,
                             enum prometheus_labels_of of, struct prometheus_form form)
{
    size_t all = read_labels(labels, n, keys, form.constants, of, form), kept = n;
    for (size_t i = n; i < all; i++) {
        struct str key = key_of(keys, &labels[i]);
        size_t k = 0;
        while (k < n && !str_eq(key, key_of(keys, &labels[k])))
            k++;
        if (k == n)
            labels[kept++] = labels[i];
    }
    return kept;
}

void prometheus_labels(struct buf *out, const struct attr_set *attrs, enum prometheus_labels_of of,
                       struct prometheus_form form)
{
    struct label labels[2 * ATTRS_MAX];
    struct buf keys = BUF_MAX(4 * ATTR_SET_BYTES_MAX);
    size_t n = read_labels(labels, 0, &keys, attrs, of, form);
    if (form.constants && (of == LABELS_OF_SERIES || of == LABELS_OF_HISTOGRAM))
        n = read_constants(labels, n, &keys, of, form);
    sort_labels(labels, n, &keys);
    for (size_t i = 0; i < n && !buf_failed(&keys); i++) {
        if (!labels[i].joined)
            put_label(out, labels, i, n, &keys, form);
    }
    out->failed |= buf_failed(&keys);
    buf_done(&keys);
}

/* --- of exemplars ---------------------------------------------------------------------------- */

static void put_id(struct buf *out, struct str name, const uint8_t *bytes, size_t n,
                   struct prometheus_form form)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * sizeof(((struct exemplar *)0)->trace_id)];
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    prometheus_pair(out, form, name, str_of(hex, 2 * n));
}

/* OpenMetrics allows 128 characters of names and values, of which the ids take 63. */
void prometheus_exemplar_labels(struct buf *out, const struct exemplar *e,
                                struct prometheus_form form)
{
    if (e->traced) {
        put_id(out, STR("trace_id"), e->trace_id, sizeof e->trace_id, form);
        put_id(out, STR("span_id"), e->span_id, sizeof e->span_id, form);
    }
    if (!e->dropped)
        return;
    struct buf labels = BUF_MAX(ATTR_SET_BYTES_MAX);
    prometheus_labels(&labels, e->dropped, LABELS_OF_OTHERS, form);
    if (labels.n && labels.n <= EXEMPLAR_LABELS_MAX) {
        if (e->traced && !form.proto)
            buf_putc(out, ',');
        buf_put_str(out, buf_str(&labels));
    }
    buf_done(&labels);
}
