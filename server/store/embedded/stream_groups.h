/* Streams that are appended to together: the series of one histogram's point, or of a run of
 * numbers that comes in the same order each time.
 *
 *   hash of the point, or of the run, as sent ─► recall ─► group ─► its streams
 *
 * A group is laid out like a stream that has other streams in place of labels, so that it lies in
 * the same memory and is found by the same table (streams_recall). It has no id, is in no index and
 * nobody selects it: what is appended by it are rows of its streams (head_group.h). A stream may be
 * in several groups.
 *
 * A group is gone before the first of its streams is, and while its streams have rows in a head
 * neither goes. It belongs to a shard, whose lock guards it. */
#ifndef TELLTALE_STORE_EMBEDDED_STREAM_GROUPS_H
#define TELLTALE_STORE_EMBEDDED_STREAM_GROUPS_H

#include "base/str.h"
#include "store/embedded/streams.h"

/* In place of a stream's id. */
#define STREAM_GROUP UINT32_MAX

enum { STREAM_GROUP_MAX = 512 }; /* streams of a group */

static inline bool stream_is_group(const struct stream *st)
{
    return st->id == STREAM_GROUP;
}

static inline struct stream_shard *stream_group_shard(struct streams *s, const struct stream *group)
{
    return streams_shard(s, group->of_group.reference >> STREAM_PLACE_BITS);
}

static inline size_t stream_group_shard_number(const struct stream *group)
{
    return group->of_group.reference >> STREAM_PLACE_BITS & (STREAM_SHARDS - 1);
}

/* Its i-th stream, in the order it was made with. */
static inline struct stream *stream_group_member(const struct streams *s,
                                                 const struct stream *group, size_t i)
{
    return stream_at(&s->memory, group->pairs[i]);
}

/* The ids of its streams as the log has them (wal_record.h). */
struct str stream_group_ids(const struct stream *group);

/* Lets streams_recall find these streams by `sent` as a group from now on, {0}: does not, and
 * returns it. NULL: there is one, they are too many, or there is no memory. The group is of that
 * shard: those that come together are best of one, for they then lie together. The gate must be
 * held. */
struct stream *stream_groups_make(struct streams *s, size_t shard, struct hash128 sent,
                                  struct stream *const *members, size_t n, uint32_t now_s);

/* Tells the streams of a shard's groups when they were last appended to, and removes the groups
 * that have no rows in a head and were not since `before_s`. For streams_evict of all shards, which
 * must come after it with the same time. Locks as for that. */
void stream_groups_evict(struct streams *s, size_t shard, uint32_t before_s);

/* Removes a shard's groups with one of these streams, if they have no rows in a head. */
void stream_groups_evict_set(struct streams *s, size_t shard, const struct roaring_bitmap_s *ids);

void stream_groups_done(struct streams *s);

#endif
