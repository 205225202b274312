#include "metrics/cell.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/mutex.h"
#include "core/problem.h"
#include "telltale/api.h"

enum { CHUNK_BYTES = CHUNK_WORDS * sizeof(cell_word), BLOCK_CHUNKS = 16 };

struct shard {
    struct shard *next;
    cell_word **chunks; /* replaced by the owner under cells.lock */
    size_t n;
    bool owned; /* by a living thread */
};

struct free_cell {
    struct free_cell *next;
    uint32_t at;
};

static struct {
    struct mutex lock; /* guards all below, and every shard's directory against its owner */
    struct shard *shards;
    uint32_t next;               /* first position never given away; 0 means "none" */
    uint32_t single, single_end; /* left over at a chunk's end: single words come from there */
    size_t memory;               /* bytes of chunks */
    cell_word *spare;            /* chunks that nobody has yet */
    size_t spare_n;
} cells = {.lock = MUTEX_INIT, .next = 1};

static struct free_cell *free_cells[CELL_WORDS_MAX + 1]; /* given back, by words; cells.lock */

static _Thread_local struct shard *own;

static pthread_key_t thread_end; /* its destructor runs in each thread that has a shard */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

/* --- threads and processes that come and go -------------------------------------------------- */

static void leave_shard(void *arg)
{
    struct shard *s = arg;
    cell_view = (struct cell_view){.watched = cell_view.watched};
    own = NULL;
    mutex_lock(&cells.lock);
    s->owned = false;
    mutex_unlock(&cells.lock);
}

static void before_fork(void)
{
    mutex_lock(&cells.lock);
}

static void after_fork_in_parent(void)
{
    mutex_unlock(&cells.lock);
}

static void clear(struct shard *s)
{
    for (size_t c = 0; c < s->n; c++) {
        for (size_t i = 0; s->chunks[c] && i < CHUNK_WORDS; i++)
            atomic_set_relaxed(&s->chunks[c][i], 0);
    }
}

/* Only the thread that forked lives on; the parent reports what was counted so far. */
static void after_fork_in_child(void)
{
    for (struct shard *s = cells.shards; s; s = s->next) {
        clear(s);
        s->owned = s == own;
    }
    mutex_unlock(&cells.lock);
}

static void prepare(void)
{
    usable = pthread_key_create(&thread_end, leave_shard) == 0 &&
             pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

/* --- shards ---------------------------------------------------------------------------------- */

/* One that a thread left, or a new one. */
static struct shard *take_shard(void)
{
    mutex_lock(&cells.lock);
    struct shard *s = cells.shards;
    while (s && s->owned)
        s = s->next;
    if (!s && (s = calloc(1, sizeof *s))) {
        s->next = cells.shards;
        cells.shards = s;
    }
    if (s)
        s->owned = true;
    mutex_unlock(&cells.lock);
    return s;
}

bool cell_start(void)
{
    (void)pthread_once(&once, prepare);
    return usable;
}

static struct shard *own_shard(void)
{
    if (own || !cell_start())
        return own;
    struct shard *s = take_shard();
    if (s && pthread_setspecific(thread_end, s) != 0) {
        leave_shard(s);
        return NULL;
    }
    own = s;
    return s;
}

/* Under cells.lock, by the owner. */
static bool grow_directory(struct shard *s, size_t n)
{
    if (n <= s->n)
        return true;
    size_t wanted = MAX(n, MAX(2 * s->n, 16));
    cell_word **chunks = realloc(s->chunks, wanted * sizeof *chunks);
    if (!chunks)
        return false;
    for (size_t i = s->n; i < wanted; i++)
        chunks[i] = NULL;
    s->chunks = chunks;
    s->n = wanted;
    return true;
}

/* Chunks come from blocks of memory, for each on its own would cost the allocator as much again to
 * align. What no thread takes of a block is never touched. Two lines, for processors fetch them in
 * pairs. */
static cell_word *take_chunk(void)
{
    if (!cells.spare_n) {
        cells.spare = aligned_alloc(2 * CACHE_LINE, (size_t)BLOCK_CHUNKS * CHUNK_BYTES);
        if (!cells.spare)
            return NULL;
        cells.spare_n = BLOCK_CHUNKS;
    }
    cells.spare_n--;
    cell_word *words = cells.spare + cells.spare_n * CHUNK_WORDS;
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        atomic_init(&words[i], 0);
    cells.memory += CHUNK_BYTES;
    return words;
}

static bool add_chunk(struct shard *s, size_t chunk)
{
    if (!grow_directory(s, chunk + 1))
        return false;
    if (!s->chunks[chunk])
        s->chunks[chunk] = take_chunk();
    return s->chunks[chunk] != NULL;
}

cell_word *cell_here_slow(uint32_t at)
{
    struct shard *s = own_shard();
    bool ok = false;
    if (s) {
        mutex_lock(&cells.lock);
        ok = add_chunk(s, at / CHUNK_WORDS);
        cell_view.chunks = s->chunks;
        cell_view.n = s->n;
        cell_watch(cell_view.watched);
        mutex_unlock(&cells.lock);
    }
    if (!ok) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        return NULL;
    }
    return s->chunks[at / CHUNK_WORDS] + at % CHUNK_WORDS;
}

/* --- positions ------------------------------------------------------------------------------- */

/* Skips to the next chunk when the cell does not fit into this one. */
static bool find_room(uint32_t words)
{
    uint32_t left = CHUNK_WORDS - cells.next % CHUNK_WORDS;
    if (words > left) {
        cells.single = cells.next;
        cells.single_end = cells.next + left;
        cells.next += left;
    }
    return cells.next / CHUNK_WORDS < CHUNKS_MAX;
}

/* Under cells.lock. */
static bool reuse(uint32_t words, uint32_t *out_at)
{
    struct free_cell *f = free_cells[words];
    if (!f)
        return false;
    free_cells[words] = f->next;
    *out_at = f->at;
    free(f);
    return true;
}

int cell_alloc(uint32_t words, uint32_t *out_at)
{
    int rc = TT_OK;
    mutex_lock(&cells.lock);
    if (reuse(words, out_at)) {
        rc = TT_OK;
    } else if (words == 1 && cells.single < cells.single_end) {
        *out_at = cells.single++;
    } else if (find_room(words)) {
        *out_at = cells.next;
        cells.next += words;
    } else {
        rc = TT_ERR_LIMIT;
    }
    mutex_unlock(&cells.lock);
    return rc;
}

static void zero(struct shard *s, uint32_t at, uint32_t words)
{
    size_t chunk = at / CHUNK_WORDS;
    for (uint32_t i = 0; chunk < s->n && s->chunks[chunk] && i < words; i++)
        atomic_set_relaxed(&s->chunks[chunk][at % CHUNK_WORDS + i], 0);
}

void cell_clear(uint32_t at, uint32_t words)
{
    mutex_lock(&cells.lock);
    for (struct shard *s = cells.shards; s; s = s->next)
        zero(s, at, words);
    mutex_unlock(&cells.lock);
}

void cell_free(uint32_t at, uint32_t words)
{
    struct free_cell *f = at ? malloc(sizeof *f) : NULL;
    if (!f)
        return; // the position is lost, which harms nobody
    mutex_lock(&cells.lock);
    for (struct shard *s = cells.shards; s; s = s->next)
        zero(s, at, words);
    *f = (struct free_cell){free_cells[words], at};
    free_cells[words] = f;
    mutex_unlock(&cells.lock);
}

/* --- collecting ------------------------------------------------------------------------------ */

void cell_read_begin(void)
{
    mutex_lock(&cells.lock);
}

void cell_read_end(void)
{
    mutex_unlock(&cells.lock);
}

void cell_each(uint32_t at, void (*visit)(const cell_word *cell, void *arg), void *arg)
{
    size_t chunk = at / CHUNK_WORDS;
    for (const struct shard *s = cells.shards; s; s = s->next) {
        if (chunk < s->n && s->chunks[chunk])
            visit(s->chunks[chunk] + at % CHUNK_WORDS, arg);
    }
}

static void add_word(const cell_word *cell, void *arg)
{
    *(uint64_t *)arg += atomic_get_relaxed(cell);
}

uint64_t cell_sum(uint32_t at)
{
    uint64_t sum = 0;
    cell_each(at, add_word, &sum);
    return sum;
}

static void add_double(const cell_word *cell, void *arg)
{
    *(double *)arg += bits_double(atomic_get_relaxed(cell));
}

double cell_sum_double(uint32_t at)
{
    double sum = 0;
    cell_each(at, add_double, &sum);
    return sum;
}

void cell_change_begin(void)
{
    mutex_lock(&cells.lock);
}

void cell_change_end(void)
{
    mutex_unlock(&cells.lock);
}

size_t cell_memory(void)
{
    mutex_lock(&cells.lock);
    size_t bytes = cells.memory;
    mutex_unlock(&cells.lock);
    return bytes;
}
