/* Relabelling: lines of action, source, regex, target, replacement, then labels. Whatever the
 * rules, the labels stay canonical, and the same rules give the same labels again. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "receive/relabel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 4, LABELS_MAX = 8, SOURCES_MAX = 3 };

struct input {
    struct relabel_rule rules[RULES_MAX];
    struct str sources[RULES_MAX][SOURCES_MAX];
    size_t n_rules;
    struct label labels[LABELS_MAX];
    size_t n_labels;
};

/* One rule a line, its fields parted by tabs: action's digit, sources (by commas), separator,
 * regex, target, replacement. A line "=name<TAB>value" is a label. */
static void read_line(struct input *in, struct str line)
{
    struct str action = str_cut(&line, '\t');
    if (action.n && action.p[0] == '=') {
        if (in->n_labels < LABELS_MAX)
            in->labels[in->n_labels++] =
                (struct label){str_sub(action, 1, action.n), str_cut(&line, '\t')};
        return;
    }
    if (in->n_rules == RULES_MAX || action.n == 0)
        return;
    struct relabel_rule *r = &in->rules[in->n_rules];
    struct str sources = str_cut(&line, '\t');
    *r = RELABEL_RULE_DEFAULTS;
    r->action = (enum relabel_action)((unsigned char)action.p[0] - '0');
    r->source_labels = in->sources[in->n_rules++];
    while (sources.n && r->n_source_labels < SOURCES_MAX)
        in->sources[in->n_rules - 1][r->n_source_labels++] = str_cut(&sources, ',');
    struct str *const fields[] = {&r->separator, &r->regex, &r->target_label, &r->replacement};
    for (size_t i = 0; i < 4; i++) {
        struct str field = str_cut(&line, '\t');
        if (field.n)
            *fields[i] = field;
    }
    r->modulus = action.n > 1 ? (unsigned char)action.p[1] : 0;
}

static int run(const struct relabel *relabel, const struct input *in, struct arena *arena,
               struct labels *out)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, NULL);
    for (size_t i = 0; i < in->n_labels; i++)
        if (in->labels[i].name.n)
            labels_builder_set(&b, in->labels[i].name, in->labels[i].value);
    int rc = relabel_apply(relabel, &b);
    *out = labels_builder_labels(&b);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {0};
    struct str text = {(const char *)data, size};
    while (text.p && text.n)
        read_line(&in, str_cut(&text, '\n'));

    const struct relabel_config config = {in.rules, in.n_rules};
    struct relabel *relabel;
    struct err err = {0};
    if (relabel_new(&config, "relabel_configs", &relabel, &err) != 0)
        return 0;
    struct arena arena;
    struct labels once, twice;
    arena_init(&arena, 16 << 20);
    int rc = run(relabel, &in, &arena, &once);
    if (rc == 1 && !labels_are_canonical(&once))
        abort();
    if (run(relabel, &in, &arena, &twice) != rc || (rc == 1 && !labels_eq(&once, &twice)))
        abort();
    arena_done(&arena);
    relabel_free(relabel);
    return 0;
}
