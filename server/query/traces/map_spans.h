/* The spans that the service map joins with their parents, gathered by one scan: what of a span
 * counts there, 24 bytes of it, put into one of many partitions by its trace, so that a partition
 * with the table over it stays in the cache while it is joined. */
#ifndef TELLTALE_QUERY_TRACES_MAP_SPANS_H
#define TELLTALE_QUERY_TRACES_MAP_SPANS_H

#include "query/traces/map_nodes.h"

enum { MAP_PARTITION_BITS = 9, MAP_PARTITIONS = 1 << MAP_PARTITION_BITS };

/* Durations are counted in buckets of 8 a power of two. */
enum {
    MAP_BUCKET_BITS = 3,
    MAP_BUCKETS = (64 - MAP_BUCKET_BITS) << MAP_BUCKET_BITS,
    MAP_NO_DURATION = UINT16_MAX
};

struct map_span {
    uint64_t id, parent; /* hashes; parent 0: a root */
    uint16_t service;    /* node */
    uint16_t node;       /* node + 1; 0: that of its caller */
    uint16_t bucket;     /* of its duration, or MAP_NO_DURATION */
    bool error;
};

struct map_piece;

struct map_spans {
    struct map_partition {
        struct map_piece *pieces; /* the last one first */
        uint32_t n;
    } * partitions;
    size_t n;
};

/* Reads the spans that match; nodes are added to `nodes`. All memory is the query's arena. As
 * record_query_scan. */
int map_spans_gather(struct map_spans *m, struct record_query *q, struct map_nodes *nodes,
                     const struct predicate *where, int64_t min_unix_ns, int64_t max_unix_ns,
                     bool services_only, struct err *err);

/* Copies those of a partition to out[0..n), n of them. */
void map_spans_of(const struct map_partition *p, struct map_span *out);

#endif
