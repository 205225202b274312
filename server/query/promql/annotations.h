/* Warnings and infos about a query, each with the place in its text that they are about. The same
 * message is kept once. One thread at a time. */
#ifndef TELLTALE_QUERY_PROMQL_ANNOTATIONS_H
#define TELLTALE_QUERY_PROMQL_ANNOTATIONS_H

#include "base/arena.h"
#include "base/compiler.h"
#include "query/promql/ast.h"

enum {
    ANNOTATIONS_MAX = 1000, /* different messages kept */
    ANNOTATIONS_SHOWN = 10, /* warnings, and as many infos, that are told; the rest is counted */
    ANNOTATION_QUOTED_MAX = 1024 /* bytes of a name in quotes */
};

struct annotation {
    struct str text; /* in the arena, "PromQL warning: …" */
    uint64_t hash;
    struct span span;
    bool info;
    /* Of repaired classic histograms, merged over steps: */
    struct annotation_repair *repair;
};

struct annotations {
    struct arena *arena;  /* borrowed */
    struct annotation *v; /* in the arena */
    size_t n, cap;
    bool damaged; /* stored data is left out, wherever it was asked for */
};

/* What was repaired in the buckets of a classic histogram. */
struct annotation_repair {
    double min_bucket, max_bucket, max_diff;
    int64_t first_ms, last_ms;
    size_t count;
};

void annotate_warning(struct annotations *a, struct span at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void annotate_info(struct annotations *a, struct span at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Forced monotonicity of a classic histogram of metric `name` (may be empty). */
void annotate_repair(struct annotations *a, struct span at, struct str name,
                     const struct annotation_repair *repair);

/* Forgets all, before the arena is reset. */
void annotations_clear(struct annotations *a);

/* Adds what another evaluation of the same query noted, but for repairs. */
void annotations_merge(struct annotations *a, const struct annotations *other);

/* The full texts, with positions, into `arena`: those to be shown, and how many there are more. */
void annotations_render(const struct annotations *a, struct str query, struct arena *arena,
                        bool info, struct str **out, size_t *out_n);

/* The beginning of a name in quotes, as Go's %q writes it, in `to`, with a NUL. */
const char *annotation_quote(char to[ANNOTATION_QUOTED_MAX], struct str name);

/* --- messages that several operators give ----------------------------------------------------- */

void warn_mixed_floats_histograms(struct annotations *a, struct span at, struct str metric);
void warn_mixed_floats_histograms_aggregation(struct annotations *a, struct span at);
void warn_mixed_schemas(struct annotations *a, struct span at, struct str metric);
void warn_not_counter(struct annotations *a, struct span at, struct str metric);
void warn_not_gauge(struct annotations *a, struct span at, struct str metric);
void warn_ratio(struct annotations *a, struct span at, double ratio, int capped);
void warn_quantile(struct annotations *a, struct span at, double q);
void warn_reset_collision(struct annotations *a, struct span at, const char *operation);
void info_bounds_reconciled(struct annotations *a, struct span at, const char *operation);
void info_histograms_ignored(struct annotations *a, struct span at, struct str metric);

#endif
