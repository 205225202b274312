/* The provider of loggers. What the schema has no place for is our own: what is hidden in records
 * and added to them stands under distribution.telltale.logs. */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "declare/create_records.h"

enum { MASK_KEYS_MAX = 64 << 10 };

/* --- severities ------------------------------------------------------------------------------ */

/* "trace" … "fatal4"; 0 when nothing is said. */
static enum tt_severity severity_of(struct create *c, const char *text)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    struct str name = str_c(text);
    int finer = name.n && name.p[name.n - 1] >= '2' && name.p[name.n - 1] <= '4'
                    ? name.p[name.n - 1] - '1'
                    : 0;
    if (finer)
        name = str_sub(name, 0, name.n - 1);
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_c(names[i])))
            return (enum tt_severity)(1 + 4 * i + finer);
    }
    if (text)
        create_complain(c, TT_ERR_INVALID, "a configuration has a severity that is not known",
                        text);
    return (enum tt_severity)0;
}

/* --- masks and enrichment -------------------------------------------------------------------- */

struct flag {
    const char *name;
    unsigned bits;
};

static unsigned flag_of(struct create *c, const tt_value *item, const struct flag *known, size_t n)
{
    struct str name = item->type == TT_TYPE_STRING ? str_of(item->as.text, item->n) : STR("");
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_c(known[i].name)))
            return known[i].bits;
    }
    create_complain(c, TT_ERR_INVALID, "distribution.telltale.logs has a name that is not known",
                    name.p);
    return 0;
}

static unsigned flags_of(struct create *c, const tt_value *list, const struct flag *known, size_t n)
{
    unsigned bits = 0;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++)
        bits |= flag_of(c, &list->as.items[i], known, n);
    return bits;
}

/* The patterns with commas between them, and a NUL; nothing when there are none. */
static void put_keys(struct create *c, const tt_value *list, struct buf *out)
{
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        const tt_value *key = &list->as.items[i];
        if (key->type != TT_TYPE_STRING || !key->n) {
            create_complain(c, TT_ERR_INVALID, "mask_keys are patterns of keys", NULL);
            continue;
        }
        if (out->n)
            buf_putc(out, ',');
        buf_put(out, key->as.text, key->n);
    }
    if (out->n)
        buf_putc(out, '\0');
    if (buf_failed(out))
        create_complain(c, TT_ERR_LIMIT, "mask_keys are more than 65536 characters", NULL);
}

/* `keys` is what the options borrow. */
static void take_own(struct create *c, tt_logger_provider_options *o, struct buf *keys)
{
    static const struct flag masks[] = {{"keys", TT_MASK_KEYS},     {"tokens", TT_MASK_TOKENS},
                                        {"emails", TT_MASK_EMAILS}, {"cards", TT_MASK_CARDS},
                                        {"phones", TT_MASK_PHONES}, {"all", TT_MASK_ALL}};
    static const struct flag added[] = {{"host", TT_ENRICH_HOST},
                                        {"thread", TT_ENRICH_THREAD},
                                        {"environment", TT_ENRICH_ENVIRONMENT},
                                        {"application", TT_ENRICH_APPLICATION},
                                        {"correlation", TT_ENRICH_CORRELATION},
                                        {"all", TT_ENRICH_ALL}};
    const tt_value *own =
        tt_property(tt_property(tt_property(c->model, "distribution"), "telltale"), "logs");
    o->masks = flags_of(c, tt_property(own, "masks"), masks, ARRAY_LEN(masks));
    o->enrich = flags_of(c, tt_property(own, "enrich"), added, ARRAY_LEN(added));
    put_keys(c, tt_property(own, "mask_keys"), keys);
    if (keys->n) // rather all is hidden than what was meant to be is not
        o->mask_keys = buf_failed(keys) ? "*" : keys->p;
}

/* --- loggers --------------------------------------------------------------------------------- */

/* Of several calls the last that fits holds, and of the list the first. */
static void configure_loggers(struct create *c, const tt_value *list)
{
    for (size_t i = list && list->type == TT_TYPE_ARRAY ? list->n : 0; i > 0; i--) {
        const tt_value *item = &list->as.items[i - 1], *config = tt_property(item, "config");
        const char *name = tt_property_text(item, "name");
        tt_logger_config o = {
            .size = sizeof o,
            .level = severity_of(c, tt_property_text(config, "minimum_severity")),
            .trace_based = tt_property_bool(config, "trace_based", false),
        };
        if (!create_is_on(config))
            o.level = TT_SEVERITY_OFF;
        int rc = tt_logger_provider_configure(c->sdk->loggers, name, &o);
        if (rc != TT_OK)
            create_complain(c, rc, "a logger_configurator names loggers", name);
    }
}

void create_loggers(struct create *c, const tt_value *provider)
{
    const tt_value *configurator = tt_property(provider, "logger_configurator/development");
    const tt_value *config = tt_property(configurator, "default_config");
    const tt_value *limits = tt_property(provider, "limits");
    struct processing p = create_processors(c, TT_SIGNAL_LOGS, provider);
    tt_logger_provider_options o = {
        .size = sizeof o,
        .resource = c->resource,
        .exporter = p.exporter,
        .simple = p.simple,
        .queue_records = p.queue_records,
        .batch_records = (size_t)p.batch_items,
        .delay_ms = p.delay_ms,
        .send_timeout_ms = p.timeout_ms,
        .level = severity_of(c, tt_property_text(config, "minimum_severity")),
        .attributes_max = create_limit(c, limits, "attribute_count_limit"),
        .value_bytes_max = create_length_limit(c, limits),
        .trace_based = tt_property_bool(config, "trace_based", false),
    };
    if (!create_is_on(config))
        o.level = TT_SEVERITY_OFF;
    struct buf keys = BUF_MAX(MASK_KEYS_MAX);
    take_own(c, &o, &keys);
    c->sdk->loggers = tt_logger_provider_new(&o);
    buf_done(&keys);
    if (!c->sdk->loggers)
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
    else
        configure_loggers(c, tt_property(configurator, "loggers"));
}
