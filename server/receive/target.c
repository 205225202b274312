#include "receive/target.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"
#include "receive/relabel.h"
#include "receive/secret_mask.h"

#define ADDRESS STR("__address__")
#define SCHEME STR("__scheme__")
#define METRICS_PATH STR("__metrics_path__")
#define INTERVAL STR("__scrape_interval__")
#define TIMEOUT STR("__scrape_timeout__")
#define PARAM_PREFIX STR("__param_")

enum { URL_MAX = 64 * 1024 };

static struct str duration_text(struct arena *arena, int64_t ms)
{
    struct buf text = BUF_MAX(64);
    duration_format(&text, ms);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

static void set_default(struct labels_builder *b, struct str name, struct str value)
{
    if (labels_builder_get(b, name).n == 0)
        labels_builder_set(b, name, value);
}

static struct str param_label(struct arena *arena, const char *name)
{
    struct buf text = BUF_MAX(URL_MAX);
    buf_put_str(&text, PARAM_PREFIX);
    buf_puts(&text, name);
    struct str label = arena_str(arena, buf_str(&text));
    buf_done(&text);
    return label;
}

/* What is known of the target before relabelling: the group's labels, then the job's settings as
 * labels, so that rules may change them for one target. */
static void discovered_labels(struct labels_builder *b, const struct scrape_config *c,
                              struct str address, const struct config_label *group, size_t n_group)
{
    struct arena *arena = b->arena;
    labels_builder_init(b, arena, NULL);
    for (size_t i = 0; i < n_group; i++)
        labels_builder_set(b, arena_str(arena, group[i].name), arena_str(arena, group[i].value));
    labels_builder_set(b, ADDRESS, arena_str(arena, address));

    set_default(b, STR("job"), arena_str(arena, str_c(c->job_name)));
    set_default(b, INTERVAL, duration_text(arena, c->scrape_interval_ms));
    set_default(b, TIMEOUT, duration_text(arena, c->scrape_timeout_ms));
    set_default(b, METRICS_PATH, arena_str(arena, str_c(c->metrics_path)));
    set_default(b, SCHEME, arena_str(arena, str_c(c->scheme)));
    for (size_t i = 0; i < c->n_params; i++)
        if (c->params[i].n_values > 0)
            labels_builder_set(b, param_label(arena, c->params[i].name),
                               arena_str(arena, str_c(c->params[i].values[0])));
}

/* ---- The URL ---- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

/* Percent-encodes what is not unreserved nor in `also_plain`. */
static void put_encoded(struct buf *out, struct str text, const char *also_plain)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (is_unreserved(c) || (c && strchr(also_plain, c)))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* A URL on the way: the true one, or with `shown` the one to log and show. */
struct url {
    struct buf text;
    const struct scrape_config *config;
    struct arena *arena;
    bool shown;
    char separator; /* before the next parameter */
};

static void put_part(struct url *u, struct str part, const char *also_plain)
{
    struct str masked = u->shown ? secret_mask(u->config, part, u->arena) : part;
    put_encoded(&u->text, masked, masked.p == part.p ? also_plain : "/<>");
}

static void put_param(struct url *u, struct str name, struct str value)
{
    buf_putc(&u->text, u->separator);
    put_encoded(&u->text, name, "");
    buf_putc(&u->text, '=');
    put_part(u, value, "");
    u->separator = '&';
}

/* The job's parameters and the __param_ labels, which stand for the first value of each name. */
static void put_params(struct url *u, const struct labels *labels)
{
    const struct scrape_config *c = u->config;
    for (size_t i = 0; i < labels->n; i++) {
        struct str name = labels->v[i].name;
        if (!str_starts(name, PARAM_PREFIX))
            continue;
        name = str_sub(name, PARAM_PREFIX.n, name.n);
        put_param(u, name, labels->v[i].value);
        for (size_t p = 0; p < c->n_params; p++)
            if (str_eq(str_c(c->params[p].name), name))
                for (size_t v = 1; v < c->params[p].n_values; v++)
                    put_param(u, name, str_c(c->params[p].values[v]));
    }
}

static struct str make_url(struct arena *arena, const struct scrape_config *c,
                           const struct labels *labels, bool shown)
{
    struct url u = {
        .text = BUF_MAX(URL_MAX), .config = c, .arena = arena, .shown = shown, .separator = '?'};
    struct str path = labels_get(labels, METRICS_PATH);
    struct str first = shown ? secret_mask(c, path, arena) : path;
    buf_put_str(&u.text, labels_get(labels, SCHEME));
    buf_puts(&u.text, "://");
    buf_put_str(&u.text, labels_get(labels, ADDRESS));
    if (first.n && first.p[0] != '/')
        buf_putc(&u.text, '/');
    put_part(&u, path, "/$&+,:;=@!'()*");
    put_params(&u, labels);
    struct str copy = buf_failed(&u.text) ? (struct str){0} : arena_str(arena, buf_str(&u.text));
    buf_done(&u.text);
    return copy;
}

/* A copy to show. */
static struct labels shown_labels(struct arena *arena, const struct scrape_config *c,
                                  const struct labels *labels)
{
    struct labels copy = labels_copy(arena, labels);
    struct label *v = c->n_secrets ? arena_array(arena, copy.n, sizeof *v) : NULL;
    for (size_t i = 0; v && i < copy.n; i++)
        v[i] = (struct label){copy.v[i].name, secret_mask(c, copy.v[i].value, arena)};
    return v ? (struct labels){v, copy.n} : copy;
}

/* ---- Checks ---- */

static int read_duration(const struct labels *labels, struct str name, int64_t *out,
                         struct err *err)
{
    int rc = duration_parse(labels_get(labels, name), out, err);
    if (rc != 0)
        return err_prefix(err, rc, "%.*s", STR_ARG(name));
    return *out > 0 ? 0 : err_set(err, ERR_INVALID, "%.*s: must not be 0", STR_ARG(name));
}

/* Behind the host's last colon, which is not within brackets. */
static bool is_port_good(struct str address)
{
    size_t colon = address.n;
    while (colon > 0 && address.p[colon - 1] != ':' && address.p[colon - 1] != ']')
        colon--;
    uint64_t port;
    return colon == 0 || address.p[colon - 1] == ']' ||
           (num_parse_u64(str_sub(address, colon, SIZE_MAX), &port) == 0 && port <= UINT16_MAX);
}

/* "host:port", "host" or "[v6]:port": no path, no blanks, nothing that would end the host part. */
static int check_address(struct str address, struct err *err)
{
    if (address.n == 0)
        return err_set(err, ERR_INVALID, "no address");
    for (size_t i = 0; i < address.n; i++) {
        char c = address.p[i];
        if (c <= ' ' || c == '/' || c == '?' || c == '#' || c == '@' || c == 0x7f)
            return err_set(err, ERR_INVALID, "\"%.*s\" is not a host and port",
                           STR_ARG(str_sub(address, 0, 200)));
    }
    if (!is_port_good(address))
        return err_set(err, ERR_INVALID, "\"%.*s\": the port is no number up to 65535",
                       STR_ARG(str_sub(address, 0, 200)));
    return 0;
}

static int check(const struct labels *labels, struct target *t, struct err *err)
{
    int rc = check_address(labels_get(labels, ADDRESS), err);
    if (rc == 0)
        rc = read_duration(labels, INTERVAL, &t->interval_ms, err);
    if (rc == 0)
        rc = read_duration(labels, TIMEOUT, &t->timeout_ms, err);
    if (rc != 0)
        return rc;
    if (t->timeout_ms > t->interval_ms)
        return err_set(err, ERR_INVALID,
                       "scrape timeout cannot be greater than scrape interval (%lld ms > %lld ms)",
                       (long long)t->timeout_ms, (long long)t->interval_ms);
    struct str scheme = labels_get(labels, SCHEME);
    if (!str_eq(scheme, STR("http")) && !str_eq(scheme, STR("https")))
        return err_set(err, ERR_INVALID, "invalid scheme: \"%.*s\"; expected http or https",
                       STR_ARG(str_sub(scheme, 0, 50)));
    for (size_t i = 0; i < labels->n; i++)
        if (!str_is_utf8(labels->v[i].value))
            return err_set(err, ERR_INVALID, "label %.*s: its value is not valid UTF-8",
                           STR_ARG(str_sub(labels->v[i].name, 0, 100)));
    return 0;
}

/* The labels that series get: all that do not begin with "__", and the instance. */
static struct labels public_labels(struct labels_builder *b)
{
    set_default(b, STR("instance"), labels_builder_get(b, ADDRESS));
    struct labels all = labels_builder_labels(b);
    struct label *v = arena_array(b->arena, all.n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < all.n; i++)
        if (!str_starts(all.v[i].name, STR("__")))
            v[n++] = all.v[i];
    return (struct labels){v, n};
}

int target_make(const struct scrape_config *config, const struct relabel *relabel,
                struct str address, const struct config_label *group_labels, size_t n_group_labels,
                struct arena *arena, struct target *out, struct err *err)
{
    struct labels_builder b = {.arena = arena};
    struct target t = {0};
    discovered_labels(&b, config, address, group_labels, n_group_labels);
    struct labels discovered = labels_builder_labels(&b);
    t.discovered = shown_labels(arena, config, &discovered);

    int rc = relabel_apply(relabel, &b);
    if (rc == ERR_TOO_BIG)
        return err_set(err, ERR_INVALID, "relabel_configs: a pattern took too many steps");
    if (rc < 0 || arena_failed(arena))
        return err_set(err, ERR_NOMEM, "out of memory for targets");
    t.dropped = rc == 0;
    if (!t.dropped) {
        struct labels labels = labels_builder_labels(&b);
        rc = check(&labels, &t, err);
        if (rc != 0)
            return rc;
        t.url = make_url(arena, config, &labels, false);
        t.shown_url = config->n_secrets ? make_url(arena, config, &labels, true) : t.url;
        t.labels = public_labels(&b);
        t.hash = hash_combine(labels_hash(&t.labels), hash_str(t.url));
    }
    if (arena_failed(arena) || (!t.dropped && t.url.n == 0))
        return err_set(err, ERR_NOMEM, "out of memory for targets, or the URL is too long");
    *out = t;
    return 0;
}

void target_copy(struct arena *arena, const struct target *from, struct target *out)
{
    *out = *from;
    out->discovered = labels_copy(arena, &from->discovered);
    out->labels = labels_copy(arena, &from->labels);
    out->url = arena_str(arena, from->url);
    out->shown_url = arena_str(arena, from->shown_url);
}
