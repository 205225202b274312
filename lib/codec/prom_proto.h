/* Private to prom_text: Prometheus's protobuf format, a stream of MetricFamily messages with their
 * lengths before them, as the same rows that the text formats give:
 *
 *     family ─▶ TYPE, HELP, UNIT ─▶ metric ─▶ its one sample
 *                                          or  its native histogram
 *                                          or  each bucket or quantile, then +Inf, sum, count
 *                                   metric ─▶ …
 *
 * A series' text is a key that is made for the purpose, of the family's name and the bytes of the
 * labels, so that a series which is known costs no look at its labels:
 *
 *     name 0 (0x0a length LabelPair)… part [bound or quantile, 8 bytes]
 *
 * It is equal for equal series only; a target that gives its labels in another order is another
 * text of the same series, which its readers cope with. */
#ifndef TELLTALE_CODEC_PROM_PROTO_H
#define TELLTALE_CODEC_PROM_PROTO_H

#include "codec/prom_text.h"
#include "codec/protobuf.h"
#include "model/histogram.h"

/* One Metric. */
struct proto_metric {
    struct pb_reader message; /* all of it, to read its labels from when they are asked for */
    struct pb_reader items;   /* the histogram or summary: where buckets or quantiles are left */
    double value, sum, count;
    const struct histogram *native; /* NULL: it has none */
    const struct exemplar *exemplars;
    size_t n_exemplars;
    int64_t t_unix_ms, start_unix_ms; /* 0: not given */
    bool has_items, has_inf;          /* of those that were given */
};

/* A bucket or quantile: the value of its label, and its own. */
struct proto_item {
    double label, value;
    const struct exemplar *exemplar; /* NULL: none */
};

/* Reads the message. Damage is in `m->message`; out of memory: arena_failed(). */
void proto_metric_read(struct proto_metric *m, struct pb_reader message, enum metric_type type,
                       struct arena *arena);

/* The next one: 1, 0 at the end; damage is in `m->items`. */
int proto_item_next(struct proto_metric *m, enum metric_type type, struct arena *arena,
                    struct proto_item *out);

/* Reads a LabelPair of `outer`; what is not UTF-8 is damage of it. */
struct label proto_label(struct pb_reader *outer);

/* The part of a metric that a row is of; 0x0a is the tag of a label. */
enum proto_part {
    PROTO_WHOLE = 1, /* a number, or a native histogram */
    PROTO_BUCKET,
    PROTO_QUANTILE,
    PROTO_SUM,
    PROTO_COUNT,
    PROTO_DONE,
};

struct prom_proto {
    struct pb_reader families, metrics; /* what is left of the body, and of the family */
    struct str name, help, unit;
    enum metric_type type;
    bool type_due, help_due, unit_due; /* rows that are still to come */
    size_t n_families, n_metrics;      /* so far, for messages */
    struct proto_metric metric;
    enum proto_part part, next; /* of the row that was given, and of the next */
    double label;               /* of a bucket or quantile */
    char *key;                  /* of the arena, with room for key_cap */
    size_t key_n, key_cap;      /* key_n: what all parts of a metric begin with */
    size_t bytes;               /* of keys that were given, as parser.max_bytes counts them */
};

/* Borrows the body, lives in the arena. NULL: out of memory. */
struct prom_proto *prom_proto_new(struct str body, struct arena *arena);

/* As prom_parser_next, _labels; `native` and `classic` are the parser's. */
int prom_proto_next(struct prom_parser *p, struct str expect, struct prom_row *row,
                    struct err *err);
int prom_proto_labels(const struct prom_parser *p, struct labels *out, struct err *err);

/* Puts "family 3 "name", metric 2" before a message. */
int prom_proto_prefix(const struct prom_proto *s, int rc, struct err *err);

#endif
