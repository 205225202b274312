#include "store/embedded/stream_groups.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "store/embedded/bytes.h"
#include "store/embedded/wal_record.h"

/* --- making ----------------------------------------------------------------------------------- */

static size_t words_of(size_t bytes)
{
    return (bytes + sizeof(uint32_t) - 1) / sizeof(uint32_t);
}

struct str stream_group_ids(const struct stream *group)
{
    const uint32_t *at = group->pairs + group->of_group.members;
    return str_of((const char *)(at + 1), *at);
}

static size_t write_ids(struct stream *const *members, size_t n, char *out)
{
    char *p = out;
    uint32_t before = 0;
    for (size_t i = 0; i < n; i++) {
        p = wal_write_id(p, members[i]->id, before);
        before = members[i]->id;
    }
    return (size_t)(p - out);
}

static uint32_t reference_of(struct streams *s, const struct stream *st)
{
    return stream_directory_get(&s->directory, st->id);
}

static bool make_room(struct stream_groups *groups)
{
    if (groups->n < groups->cap)
        return true;
    uint32_t cap = groups->cap ? groups->cap * 2 : 16;
    uint32_t *v = realloc(groups->v, cap * sizeof *v);
    if (!v)
        return false;
    groups->v = v;
    groups->cap = cap;
    return true;
}

/* The shard's lock must be held; NULL: no memory. */
static struct stream *group_new(struct streams *s, uint32_t shard, struct stream *const *members,
                                size_t n, uint32_t now_s)
{
    char ids[STREAM_GROUP_MAX * VARINT_MAX];
    size_t n_ids = write_ids(members, n, ids), words = n + 1 + words_of(n_ids);
    if (!make_room(&s->groups[shard]) || words > STREAM_LABELS_MAX)
        return NULL;
    uint32_t reference = stream_memory_take(&s->memory, shard, words);
    if (!reference)
        return NULL;
    struct stream *group = stream_at(&s->memory, reference);
    memset(group, 0, sizeof *group);
    group->of_group = (struct stream_group_place){reference, (uint32_t)n};
    group->id = STREAM_GROUP;
    group->n = (uint32_t)words;
    group->last_append_s = now_s; // those of its streams have the locks of their shards
    for (size_t i = 0; i < n; i++)
        group->pairs[i] = reference_of(s, members[i]);
    group->pairs[n] = (uint32_t)n_ids;
    memcpy(&group->pairs[n + 1], ids, n_ids);
    s->groups[shard].v[s->groups[shard].n++] = reference;
    return group;
}

static void drop(struct streams *s, struct stream_groups *groups, uint32_t i)
{
    streams_forget(s, stream_at(&s->memory, groups->v[i]));
    stream_memory_give(&s->memory, groups->v[i]);
    groups->v[i] = groups->v[--groups->n];
}

struct stream *stream_groups_make(struct streams *s, size_t shard, struct hash128 sent,
                                  struct stream *const *members, size_t n, uint32_t now_s)
{
    if (n > STREAM_GROUP_MAX)
        return NULL;
    lock_take(&s->shards[shard].lock);
    struct stream *group = group_new(s, (uint32_t)shard, members, n, now_s);
    bool found = !hash128_is_none(sent);
    if (group && found)
        streams_remember(s, &(struct stream_sent){group, sent}, 1);
    if (group && found && hash128_is_none(group->sent)) { // another request's, or no memory
        drop(s, &s->groups[shard], s->groups[shard].n - 1);
        group = NULL;
    }
    lock_give(&s->shards[shard].lock);
    return group;
}

/* --- removing --------------------------------------------------------------------------------- */

/* Removes the groups for which `which` says so. */
static void drop_each(struct streams *s, size_t number,
                      bool (*which)(struct streams *s, const struct stream *group, const void *arg),
                      const void *arg)
{
    struct stream_shard *shard = &s->shards[number];
    struct stream_groups *groups = &s->groups[number];
    lock_take(&shard->lock);
    uint32_t before = groups->n;
    for (uint32_t i = groups->n; i-- > 0;)
        if (which(s, stream_at(&s->memory, groups->v[i]), arg))
            drop(s, groups, i);
    atomic_add_relaxed(&s->evictions, before - groups->n);
    if (groups->n != before)
        stream_memory_sweep(&s->memory, (uint32_t)number);
    lock_give(&shard->lock);
}

/* The streams of a group that stays are to stay, too. With the gate held for writing nobody
 * appends: that they are of other shards does no harm. */
static bool is_idle(struct streams *s, const struct stream *group, const void *arg)
{
    uint32_t before_s = *(const uint32_t *)arg;
    if (group->last_append_s < before_s && !group->points)
        return true;
    for (size_t i = 0; i < group->of_group.members; i++) {
        struct stream *st = stream_group_member(s, group, i);
        st->last_append_s = MAX(st->last_append_s, MAX(before_s, group->last_append_s));
    }
    return false;
}

void stream_groups_evict(struct streams *s, size_t shard, uint32_t before_s)
{
    drop_each(s, shard, is_idle, &before_s);
}

static bool is_in_set(struct streams *s, const struct stream *group, const void *ids)
{
    for (size_t i = 0; !group->points && i < group->of_group.members; i++)
        if (roaring_bitmap_contains(ids, stream_group_member(s, group, i)->id))
            return true;
    return false;
}

void stream_groups_evict_set(struct streams *s, size_t shard, const roaring_bitmap_t *ids)
{
    drop_each(s, shard, is_in_set, ids);
}

void stream_groups_done(struct streams *s)
{
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        free(s->groups[i].v);
}
