/* The formats of Prometheus, read row by row from a body that is wholly in memory: text 0.0.4 and
 * OpenMetrics 1.0, both with quoted UTF-8 names ({"my.metric", "label"="x"}); and protobuf, which
 * gives the same rows, and native histograms.
 *
 * As tolerant as Prometheus's own scrape parser, no more: blanks between the tokens of text 0.0.4,
 * unknown comments, a missing last newline; OpenMetrics takes single spaces only and must end with
 * "# EOF". The rules of a well-behaved exposition (families in one piece, suffixes, duplicates) are
 * prom_check.h's business.
 *
 * Reading a scrape is a hot path, and the same series come back in the same order for ever. So a
 * row gives the text of name and labels uncut, to be looked up in a cache; labels are parsed on
 * demand; and a caller that guesses the next row's series (`expect`) saves the search for its end.
 */
#ifndef TELLTALE_CODEC_PROM_TEXT_H
#define TELLTALE_CODEC_PROM_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/prom_format.h"
#include "model/sample.h"

enum prom_row_kind {
    PROM_ROW_SERIES,  /* one sample */
    PROM_ROW_TYPE,    /* family, type */
    PROM_ROW_HELP,    /* family, text */
    PROM_ROW_UNIT,    /* family, text; OpenMetrics only */
    PROM_ROW_COMMENT, /* any other comment; text 0.0.4 only */
};

/* Text is borrowed from the body, or from the parser's arena when it had escapes. */
struct prom_row {
    enum prom_row_kind kind;
    struct str family, text;
    enum metric_type type;

    /* Name and labels as they stand in the body. Of protobuf: a key made of them, which is valid
     * until the next row. */
    struct str series;
    bool expected; /* `series` is the guess */
    double value;  /* any NaN is the quiet one: stale markers are not for targets to give */
    const struct histogram *histogram; /* NULL: `value` holds */
    bool has_time;
    int64_t t_unix_ms, start_unix_ms; /* start_unix_ms 0: not told */
    const struct exemplar *exemplar;  /* an array; NULL: none; t_unix_ms 0: none given */
    size_t n_exemplars;               /* native histograms may have several */
};

struct prom_proto;

struct prom_parser {
    struct str body;
    struct arena *arena;
    enum prom_format format;
    const char *at;      /* the next row */
    const char *started; /* the current row */
    bool ended;          /* "# EOF" was read */

    struct prom_proto *proto; /* PROM_PROTOBUF: its state, of the arena */
    /* Set by the caller, after _init: whether native histograms are wanted (else their classic
     * form, where it is given beside them), and whether that is wanted, too. */
    bool native, classic;
    /* The most bytes that names and labels of all rows may have together, each time they are given:
     * what a text would repeat for each bucket stands in a message once. 0: any. */
    size_t max_bytes;
};

/* Borrows both for as long as the rows are used. `arena` takes unescaped text and exemplars. */
void prom_parser_init(struct prom_parser *p, struct str body, enum prom_format format,
                      struct arena *arena);

/* The next row: 1; 0 at the end; ERR_INVALID with its place and a reason (the parser of text stays
 * at the bad row); ERR_TOO_BIG: over max_bytes; ERR_NOMEM. `expect`: a guess of the series's text,
 * or the empty str. The text must have been a row's `series` before, in the same format. */
int prom_parser_next(struct prom_parser *p, struct str expect, struct prom_row *row,
                     struct err *err);

/* The labels of a PROM_ROW_SERIES, __name__ among them, canonical. The array is the arena's, text
 * is borrowed from the body or the arena. ERR_INVALID with line number and reason. */
int prom_parser_labels(const struct prom_parser *p, const struct prom_row *row, struct labels *out,
                       struct err *err);

/* The line (from 1) of the current row; of text. */
size_t prom_parser_line(const struct prom_parser *p);

/* Puts where the current row stands before the message: its line, or family and metric. Returns
 * `rc`. */
int prom_parser_prefix(const struct prom_parser *p, int rc, struct err *err);

#endif
