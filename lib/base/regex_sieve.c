/* The program's states are made into those of a deterministic automaton while bytes ask for them,
 * as in RE2. Where one text ends and the next begins does not count at first: a match within a text
 * is one within all of them, too. So the loop has no other work than to look up the next state,
 * which takes the latency of the cache, and several places of the texts are gone through side by
 * side.
 *
 * When the automaton accepts, the text where it does is let through, and the lane goes on with the
 * next text, from the start. No text between the lane's start and there can match: a match would
 * have ended, and been accepted, in it.
 *
 * A state's number is where its row of the table begins. Rows are written under the lock and read
 * without: an entry is UNKNOWN, or what it stays for ever, and nothing else hangs on it. */
#include "base/regex_sieve.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/ends.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/regex_program.h"

enum {
    LANES = 6,
    STRIDE = 16, /* bytes of each lane between two looks at the states */
    ROW = 256,
    UNKNOWN = 0 * ROW, /* the next state has not been made yet */
    ACCEPTED = 1 * ROW,
    IDLE = 2 * ROW, /* for a lane that has nothing left */
    START = 3 * ROW,
    STATES_MAX = 255,
    SLOTS = 512,
    ITEMS_MAX = 8 << 10, /* of all states together */
};

/* The instructions that a state waits for a byte at. */
struct state {
    uint32_t first, n; /* in `items` */
};

typedef _Atomic(uint16_t) table_entry;

struct sieve {
    struct regex_program program;
    struct lock lock; /* what stands below; and entries of the table are written under it */
    _Atomic(table_entry *) table; /* made by the first run: of many patterns few are run */
    struct state states[STATES_MAX];
    uint32_t n_states;
    uint16_t slots[SLOTS]; /* state by its items; 0: free */
    uint16_t *items;
    uint32_t n_items;
    unsigned char marks[PROGRAM_MAX];
    uint16_t stack[PROGRAM_MAX];
};

/* --- making states ---------------------------------------------------------------------------- */

/* Marks the instructions that are reached from `at` without a byte. */
static void mark(struct sieve *s, uint16_t at)
{
    size_t n = 0;
    s->stack[n++] = at;
    s->marks[at] = 1;
    while (n) {
        const struct instruction *in = &s->program.code[s->stack[--n]];
        if (in->op != PROGRAM_SPLIT)
            continue;
        const uint16_t next[] = {in->next, in->other};
        for (size_t i = 0; i < ARRAY_LEN(next); i++) {
            if (!s->marks[next[i]])
                s->stack[n++] = next[i]; // each once, so there is room
            s->marks[next[i]] = 1;
        }
    }
}

/* Lists the marked instructions behind the items. */
static struct state list_marked(struct sieve *s)
{
    struct state st = {s->n_items, 0};
    for (size_t i = 0; i < s->program.n; i++)
        if (s->marks[i] && s->program.code[i].op == PROGRAM_BYTE)
            s->items[st.first + st.n++] = (uint16_t)i;
    return st;
}

static bool same(const struct sieve *s, struct state a, struct state b)
{
    return a.n == b.n &&
           memcmp(s->items + a.first, s->items + b.first, a.n * sizeof *s->items) == 0;
}

/* The number of the state with the marked instructions; UNKNOWN: no room for it. */
static uint16_t intern(struct sieve *s)
{
    if (s->marks[s->program.n - 1])
        return ACCEPTED; // the last instruction accepts
    struct state st = list_marked(s);
    uint64_t hash = hash_str(str_of((const char *)(s->items + st.first), st.n * sizeof *s->items));
    uint32_t at = (uint32_t)hash & (SLOTS - 1);
    for (; s->slots[at]; at = (at + 1) & (SLOTS - 1))
        if (same(s, s->states[s->slots[at] / ROW], st))
            return s->slots[at];
    if (s->n_states == STATES_MAX || s->n_items + st.n + s->program.n > ITEMS_MAX)
        return UNKNOWN;
    s->n_items += st.n;
    s->states[s->n_states] = st;
    s->slots[at] = (uint16_t)(s->n_states * ROW);
    return (uint16_t)(s->n_states++ * ROW);
}

static uint16_t make_next(struct sieve *s, uint16_t state, unsigned char byte)
{
    memset(s->marks, 0, s->program.n);
    mark(s, 0); // a match may begin anywhere
    struct state st = s->states[state / ROW];
    for (uint32_t i = 0; i < st.n; i++) {
        const struct instruction *in = &s->program.code[s->items[st.first + i]];
        if (byte_set_has(&in->bytes, byte) && !s->marks[in->next])
            mark(s, in->next);
    }
    return intern(s);
}

/* Finds out where `byte` leads from `state`. UNKNOWN: there is no room. */
static uint16_t learn(struct sieve *s, uint16_t state, unsigned char byte)
{
    lock_take(&s->lock);
    table_entry *entry = &atomic_get_relaxed(&s->table)[state + byte];
    uint16_t next = atomic_get_relaxed(entry);
    if (next == UNKNOWN) {
        next = make_next(s, state, byte);
        atomic_set_relaxed(entry, next);
    }
    lock_give(&s->lock);
    return next;
}

static void fill_row(table_entry *table, uint16_t state)
{
    for (unsigned c = 0; c < ROW; c++)
        atomic_set_relaxed(&table[state + c], state);
}

/* NULL: out of memory. */
static const table_entry *table_of(struct sieve *s)
{
    table_entry *table = atomic_get_acquire(&s->table); // pairs with the release below
    if (table)
        return table;
    lock_take(&s->lock);
    table = atomic_get_relaxed(&s->table);
    if (!table)
        table = calloc((size_t)STATES_MAX * ROW, sizeof *table);
    if (table && !atomic_get_relaxed(&s->table)) {
        fill_row(table, ACCEPTED);
        fill_row(table, IDLE);
        atomic_set_release(&s->table, table);
    }
    lock_give(&s->lock);
    return table;
}

/* False: it accepts without a byte. */
static bool make_start(struct sieve *s)
{
    s->n_states = START / ROW;
    mark(s, 0);
    return intern(s) == START;
}

struct sieve *sieve_new(struct str pattern)
{
    struct sieve *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    lock_init(&s->lock, LOCK_LEAF);
    s->items = calloc(ITEMS_MAX, sizeof *s->items);
    bool ok = s->items && regex_program_make(pattern, &s->program);
    if (ok && make_start(s))
        return s;
    sieve_free(s);
    return NULL;
}

void sieve_free(struct sieve *s)
{
    if (!s)
        return;
    lock_done(&s->lock);
    regex_program_done(&s->program);
    free(s->items);
    free(atomic_get_relaxed(&s->table));
    free(s);
}

/* --- running ---------------------------------------------------------------------------------- */

/* One of the places that are gone through side by side: a run of whole texts. */
struct lane {
    const unsigned char *p, *end;
    uint16_t state;
    uint32_t text; /* the next one that may be let through */
    size_t stride; /* 0: nothing is left */
};

struct run {
    struct sieve *sieve;
    const table_entry *table;
    const unsigned char *text;
    const uint32_t *ends;
    uint32_t n;
    uint64_t *bits;
    struct lane lanes[LANES];
};

static const unsigned char nothing[STRIDE];

static void lane_init(struct run *r, struct lane *l, size_t begin, size_t end, uint32_t text)
{
    bool idle = begin == end;
    *l = (struct lane){.p = idle ? nothing : r->text + begin,
                       .end = idle ? nothing + STRIDE : r->text + end,
                       .state = idle ? IDLE : START,
                       .text = text,
                       .stride = idle ? 0 : STRIDE};
}

/* Cuts the texts from `from` on into runs of about as many bytes. */
static void cut(struct run *r, uint32_t from)
{
    size_t begin = from ? r->ends[from - 1] : 0, all = r->ends[r->n - 1] - begin, at = begin;
    for (size_t i = 0; i < LANES; i++) {
        size_t want = begin + (i + 1) * all / LANES;
        uint32_t to =
            i + 1 < LANES && want < begin + all ? ends_find(r->ends, from, r->n, want) : r->n;
        size_t end = to > from ? r->ends[to - 1] : at;
        lane_init(r, &r->lanes[i], at, end, from);
        at = end;
        from = to;
    }
}

static inline uint16_t look_up(const table_entry *table, uint16_t state, unsigned char byte)
{
    return atomic_get_relaxed(&table[state + byte]);
}

/* Byte by byte to `to` or, when a text is let through, to the next one. False: no room. */
static bool walk(struct run *r, struct lane *l, const unsigned char *to)
{
    while (l->p < to) {
        uint16_t next = look_up(r->table, l->state, *l->p);
        if (next == UNKNOWN)
            next = learn(r->sieve, l->state, *l->p);
        if (next == UNKNOWN)
            return false;
        l->state = next;
        if (next == ACCEPTED) {
            l->text = ends_find(r->ends, l->text, r->n, (size_t)(l->p - r->text));
            r->bits[l->text / 64] |= UINT64_C(1) << l->text % 64;
            l->p = r->text + r->ends[l->text++];
            l->state = START;
            return true;
        }
        l->p++;
    }
    return true;
}

/* With the lanes' places and states in variables of their own compilers keep them in registers. */
#define EACH_LANE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5)
#define LOAD(k)                                                                                    \
    const unsigned char *p##k = lanes[k].p;                                                        \
    unsigned state##k = lanes[k].state, next##k;
#define BEGIN(k) next##k = state##k;
#define STEP(k) next##k = atomic_get_relaxed(&table[next##k + p##k[i]]);
#define LOOK(k) stopped |= (unsigned)(next##k <= ACCEPTED) << k;
#define MOVE(k) state##k = next##k, p##k += lanes[k].stride;
#define STORE(k)                                                                                   \
    lanes[k].p = p##k + (stopped >> k & 1 ? 0 : lanes[k].stride);                                  \
    lanes[k].state = (uint16_t)(stopped >> k & 1 ? state##k : next##k);

/* All lanes, `n` strides of theirs (at least one) or until one must be walked: the lanes that did
 * not make the last stride, as bits. No branch depends on a byte. */
static unsigned advance(const table_entry *table, struct lane *lanes, size_t n)
{
    unsigned stopped = 0;
    EACH_LANE(LOAD)
    for (;;) {
        EACH_LANE(BEGIN)
        for (size_t i = 0; i < STRIDE; i++) {
            EACH_LANE(STEP)
        }
        EACH_LANE(LOOK)
        if (stopped || --n == 0)
            break;
        EACH_LANE(MOVE)
    }
    EACH_LANE(STORE)
    return stopped;
}

/* How many strides all lanes can make. Those with less than one left are walked to their end. */
static bool strides_left(struct run *r, size_t *out)
{
    *out = SIZE_MAX;
    for (size_t k = 0; k < LANES; k++) {
        struct lane *l = &r->lanes[k];
        if (!l->stride)
            continue;
        while (l->p < l->end && l->end - l->p < STRIDE)
            if (!walk(r, l, l->end))
                return false;
        if (l->p == l->end)
            lane_init(r, l, 0, 0, 0);
        else
            *out = MIN(*out, (size_t)(l->end - l->p) / STRIDE);
    }
    return true;
}

bool sieve_run(struct sieve *s, const char *text, const uint32_t *ends, uint32_t from, uint32_t n,
               uint64_t *bits)
{
    struct run r = {.sieve = s, .text = (const unsigned char *)text, .ends = ends, .n = n};
    r.table = table_of(s);
    r.bits = bits;
    if (from >= n || !r.table)
        return from >= n;
    cut(&r, from);
    for (size_t strides;;) {
        if (!strides_left(&r, &strides))
            return false;
        if (strides == SIZE_MAX)
            return true;
        unsigned stopped = advance(r.table, r.lanes, strides);
        for (size_t k = 0; k < LANES; k++)
            if (stopped >> k & 1 && !walk(&r, &r.lanes[k], r.lanes[k].p + STRIDE))
                return false;
    }
}
