/* Writes Prometheus's protobuf format: the one of its formats that has native histograms. */
#ifndef TELLTALE_CODEC_PROM_PROTO_WRITE_H
#define TELLTALE_CODEC_PROM_PROTO_WRITE_H

#include "base/buf.h"
#include "codec/prom_format.h"
#include "model/sample.h"

/* Families are begun and ended as samples come: those of one name shall come one after the other.
 */
struct prom_proto_writer {
    struct buf *out;   /* borrowed */
    struct buf family; /* the one that is being written; empty: none */
    enum prom_escaping escaping;
    struct str name; /* of it, borrowed from the labels of its first sample */
    unsigned type;
};

void prom_proto_writer_init(struct prom_proto_writer *w, struct buf *out,
                            enum prom_escaping escaping);

/* A sample of a series, whose labels live until the writer is done: a number without a type or,
 * where it has one, a native histogram. Custom buckets have no form of their own here: they become
 * those of a classic histogram. A series without a name is left out. */
void prom_proto_write_sample(struct prom_proto_writer *w, const struct labels *labels,
                             const struct sample *s);

/* Ends the last family; `out` has failed when memory did. */
void prom_proto_writer_done(struct prom_proto_writer *w);

#endif
