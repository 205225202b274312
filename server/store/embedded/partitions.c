#include <stdlib.h>

#include "store/embedded/selection.h"

int partitions_open(struct store *s, struct err *err)
{
    (void)s;
    (void)err;
    return 0;
}
void partitions_close(struct store *s)
{
    free(s->partitions);
}
int parts_snapshot(struct store *s, int64_t min_ms, int64_t max_ms, struct arena *arena,
                   struct part ***out, size_t *out_n)
{
    (void)s, (void)min_ms, (void)max_ms, (void)arena, (void)out;
    *out_n = 0;
    return 0;
}
void part_note_damage(struct store *s, struct part *p)
{
    (void)s, (void)p;
}
int gather_parts(struct gather *g)
{
    (void)g;
    return 0;
}
int part_view_init(struct part_view *v, struct part *p, struct arena *arena)
{
    (void)v, (void)p, (void)arena;
    return ERR_CORRUPT;
}
struct posting_source part_postings(struct part_view *v)
{
    (void)v;
    return (struct posting_source){0};
}
int part_each_name(struct part_view *v, const struct roaring_bitmap_s *within,
                   int (*each)(void *arg, struct str text), void *arg)
{
    (void)v, (void)within, (void)each, (void)arg;
    return 0;
}
int part_each_value(struct part_view *v, struct str name, const struct roaring_bitmap_s *within,
                    int (*each)(void *arg, struct str text), void *arg)
{
    (void)name, (void)v, (void)within, (void)each, (void)arg;
    return 0;
}
int part_read_block(const struct part *p, const struct part_block *b, struct columns *out)
{
    (void)p, (void)b, (void)out;
    return ERR_CORRUPT;
}
void part_unref(struct part *p)
{
    (void)p;
}
void background_want_flush(struct store *s)
{
    (void)s;
}
int background_start(struct store *s, struct err *err)
{
    (void)s, (void)err;
    return 0;
}
void background_stop(struct store *s)
{
    (void)s;
}
int store_flush(struct store *s, struct err *err)
{
    (void)s, (void)err;
    return 0;
}
int store_maintain(struct store *s, bool all, struct err *err)
{
    (void)s, (void)err, (void)all;
    return 0;
}
