/* Cells: the memory that recording writes to.
 *
 * A cell is one or more words of 64 bits (a counter has one, a histogram one for each bucket and a
 * few more) and has a position, the same in every shard. Each thread that records has a shard of
 * its own, made of chunks of 4 KiB that come when first written, so a word is written by one thread
 * only and a cache line is never shared:
 *
 *     position 515 = chunk 1, word 3        thread A   [chunk 0][       ][chunk 2]
 *                                           thread B   [       ][chunk 1]
 *
 * The value of a sum is the sum over all shards. Invariants:
 *   1. A word of a thread's shard is stored by that thread alone (relaxed), and loaded by whoever
 *      collects. That needs no order between words: a collection that sees a histogram's bucket but
 *      not yet its sum shows the rest the next time.
 *   2. A cell never straddles two chunks.
 *   3. Shards are never freed. A thread that ends leaves its shard, with what it counted, to the
 *      next one that starts; there are as many as there were threads at once.
 *   4. In a child after fork() every word is 0.
 *
 * All words begin at 0; users choose an encoding in which that means "nothing yet". */
#ifndef TELLTALE_METRICS_CELL_H
#define TELLTALE_METRICS_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/word.h"
#include "core/cell_view.h"

enum { CHUNK_WORDS = 512, CELL_WORDS_MAX = CHUNK_WORDS, CHUNKS_MAX = 1 << 17 };

/* Makes the chunk (and the thread's shard). NULL when out of memory. */
cell_word *cell_here_slow(uint32_t at);

/* This thread's cell at the position. NULL when out of memory: the caller drops the value and
 * counts it. */
static inline cell_word *cell_here(uint32_t at)
{
    size_t chunk = at / CHUNK_WORDS;
    if (LIKELY(chunk < cell_view.n && cell_view.chunks[chunk]))
        return cell_view.chunks[chunk] + at % CHUNK_WORDS;
    return cell_here_slow(at);
}

static inline cell_word *cell_shown_in(cell_word *words, uint32_t at)
{
    return LIKELY(words) ? words + at % CHUNK_WORDS : NULL;
}

/* The same on the short way: NULL also when the long one is to be taken. */
static inline cell_word *cell_shown(uint32_t at)
{
    size_t chunk = at / CHUNK_WORDS;
    return LIKELY(chunk < cell_view.shown) ? cell_shown_in(cell_view.chunks[chunk], at) : NULL;
}

/* A position for a cell of so many words (1 to CELL_WORDS_MAX), all 0 in every shard.
 * TT_ERR_LIMIT when positions ran out. */
int cell_alloc(uint32_t words, uint32_t *out_at);

/* Gives it back, emptied. Nobody may write to it any more. `at` 0 does nothing. */
void cell_free(uint32_t at, uint32_t words);

/* Sets it to 0 in every shard. */
void cell_clear(uint32_t at, uint32_t words);

/* Makes what all shards need, once. False when the system refuses. */
bool cell_start(void);

/* Between these, cells may be read. Threads that record go on; one that needs its first memory, or
 * ends, waits: so no longer than a few hundred reads. */
void cell_read_begin(void);
void cell_read_end(void);

/* Calls `visit` with the cell of each shard that has one. */
void cell_each(uint32_t at, void (*visit)(const cell_word *cell, void *arg), void *arg);

/* Sums over all shards. */
uint64_t cell_sum(uint32_t at);
double cell_sum_double(uint32_t at);

/* Around a change to several words of this thread's cell that readers must see whole. */
void cell_change_begin(void);
void cell_change_end(void);

/* Memory that cells take, in bytes. */
size_t cell_memory(void);

/* --- single-writer updates of a word of this thread --- */

static inline void word_add(cell_word *w, uint64_t v)
{
    counter_add_own_n(w, v);
}

static inline void word_add_double(cell_word *w, double v)
{
    atomic_set_relaxed(w, double_bits(bits_double(atomic_get_relaxed(w)) + v));
}

#endif
