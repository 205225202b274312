/* The table of options as a person reads it: `telltale help config` and docs/configuration.md. */
#include "base/buf.h"
#include "config/config.h"
#include "config/options.h"

static const char *type_name(const struct option *o)
{
    static const char *const names[] = {
        [OPT_BOOL] = "true or false",
        [OPT_COUNT] = "number",
        [OPT_SIZE] = "size",
        [OPT_DURATION] = "duration",
        [OPT_CHOICE] = "choice",
        [OPT_TEXT] = "text",
        [OPT_STR] = "text",
        [OPT_FILE] = "file",
        [OPT_SECRET] = "secret",
        [OPT_ADDRESS] = "address or off",
        [OPT_TEXTS] = "list of texts",
        [OPT_FILES] = "list of files",
        [OPT_LABELS] = "map of labels",
        [OPT_LIST] = "list",
        [OPT_SHARE] = "",
        [OPT_CUSTOM] = "see text",
        [OPT_UNUSED] = "",
    };
    return o->flags & OPTION_FOREVER ? "duration or forever" : names[o->type];
}

static void put_choices(struct buf *out, const struct option *o)
{
    if (!o->choices)
        return;
    buf_puts(out, o->type == OPT_TEXTS ? " Of: " : " One of: ");
    for (size_t i = 0; o->choices[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "", o->choices[i]);
    buf_putc(out, '.');
}

/* What calls for each option: a page in Markdown or text for a terminal. */
struct style {
    void (*section)(struct buf *out, const char *title, const char *text);
    void (*option)(struct buf *out, const char *prefix, const struct option *o);
    void (*unused)(struct buf *out, const char *prefix, const struct option *o);
};

static void text_section(struct buf *out, const char *title, const char *text)
{
    buf_printf(out, "%s\n  %s\n\n", title, text);
}

static void text_option(struct buf *out, const char *prefix, const struct option *o)
{
    buf_printf(out, "  %s%s  (%s", prefix, o->key, type_name(o));
    if (o->fallback)
        buf_printf(out, ", default %s", o->fallback);
    buf_puts(out, o->flags & OPTION_RESTART ? ", needs a restart)\n" : ")\n");
    buf_printf(out, "      %s", o->help);
    put_choices(out, o);
    if (o->like)
        buf_printf(out, " Prometheus: %s.", o->like);
    buf_puts(out, "\n");
}

static void text_unused(struct buf *out, const char *prefix, const struct option *o)
{
    buf_printf(out, "  %s%s: %s\n", prefix, o->key, o->help);
}

static void markdown_section(struct buf *out, const char *title, const char *text)
{
    buf_printf(out, "\n## %s\n\n%s\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n",
               title, text);
}

static void markdown_option(struct buf *out, const char *prefix, const struct option *o)
{
    buf_printf(out, "| `%s%s` | %s | ", prefix, o->key, type_name(o));
    if (o->fallback)
        buf_printf(out, "`%s`", o->fallback);
    buf_printf(out, " | %s", o->help);
    put_choices(out, o);
    if (o->like)
        buf_printf(out, " Prometheus: `%s`.", o->like);
    buf_puts(out, o->flags & OPTION_RESTART ? " Needs a restart. |\n" : " |\n");
}

static void markdown_unused(struct buf *out, const char *prefix, const struct option *o)
{
    buf_printf(out, "| `%s%s` | | | %s |\n", prefix, o->key, o->help);
}

static const struct style text_style = {text_section, text_option, text_unused};
static const struct style markdown_style = {markdown_section, markdown_option, markdown_unused};

/* ---- Walking ---- */

struct walk {
    struct buf *out;
    const struct style *style;
    const char *only;
    bool unused;      /* list the keys without effect, or those with one */
    const char *last; /* first part of the key before, to see where a section begins */
    size_t shown;
};

static const struct {
    const char *first, *text;
} sections[] = {
    {"http",
     "The listener of the API, the page and the receivers over HTTP; TLS of all listeners."},
    {"otlp", "OpenTelemetry: listeners, and how its names and types become series."},
    {"auth", "Credentials. A request has `Authorization: Bearer TOKEN` or basic authentication."},
    {"storage", "Where data is kept, for how long and how safely."},
    {"query", "Limits of PromQL queries."},
    {"limits", "Limits of requests. What is refused is answered with the reason and counted in "
               "`telltale_receive_rejected_total`."},
    {"log", "The server's log, on stderr."},
    {"global", "What scrape jobs begin with, as in prometheus.yml."},
};

static void maybe_section(struct walk *w, const char *key)
{
    struct str first = str_sub(str_c(key), 0, str_index(str_c(key), '.'));
    if (w->unused || (w->last && str_eq(first, str_c(w->last))))
        return;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (str_eq(first, str_c(sections[i].first))) {
            w->style->section(w->out, sections[i].first, sections[i].text);
            w->last = sections[i].first;
        }
    }
}

static void walk(struct walk *w, const struct schema *s, const char *prefix)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->options[i];
        if (o->type == OPT_SHARE) {
            walk(w, o->part, prefix);
            continue;
        }
        char key[256];
        struct buf whole = BUF_MAX(sizeof key);
        buf_printf(&whole, "%s%s", prefix, o->key);
        bool wanted = (o->type == OPT_UNUSED) == w->unused &&
                      (!w->only || str_starts(buf_str(&whole), str_c(w->only)));
        if (wanted) {
            if (!*prefix)
                maybe_section(w, o->key);
            (w->unused ? w->style->unused : w->style->option)(w->out, prefix, o);
            w->shown++;
        }
        if (o->type == OPT_LIST && !w->unused) {
            buf_puts(&whole, "[].");
            size_t n = MIN(whole.n, sizeof key - 1);
            memcpy(key, whole.p, n);
            key[n] = '\0';
            walk(w, o->part, key);
        }
        buf_done(&whole);
    }
}

static void walk_jobs(struct walk *w)
{
    static const char text[] = "The list of jobs, as in prometheus.yml. Each has these keys.";
    size_t before = w->out->n;
    if (!w->unused)
        w->style->section(w->out, "scrape_configs", text);
    size_t shown = w->shown;
    walk(w, &scrape_schema, "scrape_configs[].");
    if (w->shown == shown && !buf_failed(w->out))
        w->out->n = before;
}

static const char introduction[] =
    "# Configuration\n\n"
    "Generated by `telltale help config --markdown`; the table behind it is\n"
    "`server/config/options.c` and `server/config/scrape_options.c`.\n\n"
    "`telltale serve --config FILE` reads one YAML file (`./telltale.yml` when it exists and no\n"
    "other is named). Every key has a default, so no file is needed. `--set key.path=value` sets\n"
    "any key and wins over the file; values of lists are YAML: `--set 'query.features=[…]'`.\n\n"
    "- An existing `prometheus.yml` can be given as it is. Keys of Prometheus that have no effect\n"
    "  here give a warning that names them; unknown keys are errors with line and column.\n"
    "- `${NAME}` in any value is replaced by the environment variable, `${file:PATH}` by a file's\n"
    "  text without its last line end. What came from there is never shown. `$${` is a literal `${`.\n"
    "  Relabelling rules are exempt: `${1}` is theirs.\n"
    "- Durations are `500ms`, `30s`, `1h30m`, `30d`; sizes are `512`, `64KiB`, `1GiB`.\n"
    "- `SIGHUP` or `POST /-/reload` reads the file again. When it is wrong, the old configuration\n"
    "  stays and the answer says why. Keys that need a restart are named in a warning.\n"
    "- `telltale check config FILE` checks without starting.\n";

static void unused_heading(struct walk *w, bool markdown)
{
    static const char text[] = "They are accepted with a warning.";
    if (markdown)
        w->style->section(w->out, "Keys of Prometheus without effect", text);
    else
        buf_puts(w->out, "\nKeys of Prometheus without effect\n");
}

int config_help(struct buf *out, const char *only, bool markdown)
{
    struct walk w = {.out = out, .style = markdown ? &markdown_style : &text_style, .only = only};
    if (markdown)
        buf_puts(out, introduction);
    walk(&w, &config_schema, "");
    walk_jobs(&w);
    size_t shown = w.shown, before = out->n;
    w.unused = true;
    unused_heading(&w, markdown);
    walk(&w, &config_schema, "");
    walk_jobs(&w);
    if (w.shown == shown && !buf_failed(out))
        out->n = before;
    return w.shown ? 0 : ERR_NOT_FOUND;
}
