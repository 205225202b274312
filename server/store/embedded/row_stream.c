#include "store/embedded/row_stream.h"

#include "store/embedded/decimal.h"

enum value_kind { SAME, DECIMAL, XOR = DECIMAL + 4, HISTOGRAM };
enum { DECIMALS = 4 }; /* kinds DECIMAL … DECIMAL + 3 */
enum start_kind { NO_START, SAME_START, NEW_START };
enum { START_SHIFT = 3, STEP_SHIFT = 5, STEP_NEAR = 3, STEP_FAR = 7 };

_Static_assert(HISTOGRAM < 1 << START_SHIFT, "three bits for the kind of value");

/* --- times ------------------------------------------------------------------------------------ */

/* The first row of a stream is no step: the second must not be written as a change to it. */
static void take_step(struct row_state *s, int32_t step)
{
    bool first = s->t == 0 && s->step == 0;
    s->t += (uint32_t)step;
    s->step = first ? 0 : step;
}

/* --- writing ---------------------------------------------------------------------------------- */

static char *write_step(char *p, unsigned *control, struct row_state *s, uint32_t t)
{
    int32_t step = (int32_t)(t - s->t);
    int64_t change = (int64_t)step - s->step;
    take_step(s, step);
    if (change >= -STEP_NEAR && change <= STEP_NEAR) {
        *control |= (unsigned)(change + STEP_NEAR) << STEP_SHIFT;
        return p;
    }
    *control |= STEP_FAR << STEP_SHIFT;
    return varint_write(p, zigzag(change));
}

static char *write_start(char *p, unsigned *control, struct row_state *s, int64_t start,
                         int64_t base)
{
    if (start == 0)
        return p;
    bool same = start == s->start;
    *control |= (unsigned)(same ? SAME_START : NEW_START) << START_SHIFT;
    s->start = start;
    return same ? p : varint_write(p, zigzag((int64_t)((uint64_t)start - (uint64_t)base)));
}

static bool write_decimal(char **p, unsigned *control, struct row_state *s, double v)
{
    double last = bits_double(s->bits);
    for (unsigned i = 0; i < DECIMALS; i++) {
        unsigned k = (s->decimals + i) % DECIMALS; // the last one, then the others
        int64_t m, before;
        if (!decimal_scale(v, k, &m) || !decimal_scale(last, k, &before))
            continue;
        s->decimals = (uint8_t)k;
        *control |= DECIMAL + k;
        *p = varint_write(*p, zigzag(m - before));
        return true;
    }
    return false;
}

static char *write_value(char *p, unsigned *control, struct row_state *s, double v)
{
    uint64_t bits = double_bits(v);
    if (bits == s->bits) {
        *control |= SAME;
    } else if (!write_decimal(&p, control, s, v)) {
        uint64_t x = bits ^ s->bits;
        unsigned skip = (unsigned)__builtin_ctzll(x) / 8;
        unsigned size = 8 - skip - (unsigned)__builtin_clzll(x) / 8;
        *control |= XOR;
        *p++ = (char)(skip << 4 | size);
        write_u64(p, x >> (8 * skip));
        p += size;
    }
    s->bits = bits;
    return p;
}

size_t row_write(char out[ROW_BYTES_MAX], struct row_state *state, const struct raw_row *row,
                 int64_t base_ms)
{
    unsigned control = 0;
    char *p = write_step(out + 1, &control, state, row->t);
    p = write_start(p, &control, state, row->start_unix_ms, base_ms);
    if (row->histogram.p) {
        control |= HISTOGRAM;
        p = varint_write(p, row->histogram.n);
    } else {
        p = write_value(p, &control, state, row->value);
    }
    out[0] = (char)control;
    return (size_t)(p - out);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void read_step(struct reader *r, struct row_state *s, unsigned control)
{
    unsigned near = control >> STEP_SHIFT;
    int64_t change = near == STEP_FAR ? get_zigzag(r) : (int64_t)near - STEP_NEAR;
    take_step(s, (int32_t)((uint32_t)s->step + (uint32_t)(uint64_t)change));
}

static int64_t read_start(struct reader *r, struct row_state *s, unsigned control, int64_t base)
{
    unsigned kind = control >> START_SHIFT & 3;
    if (kind == NO_START)
        return 0;
    if (kind == NEW_START)
        s->start = (int64_t)((uint64_t)get_zigzag(r) + (uint64_t)base);
    return s->start;
}

static void read_decimal(struct reader *r, struct row_state *s, unsigned k)
{
    int64_t before = 0;
    (void)decimal_scale(bits_double(s->bits), k, &before); // exact, or the writer had not chosen it
    int64_t m = (int64_t)((uint64_t)before + (uint64_t)get_zigzag(r));
    s->bits = double_bits(decimal_value(m, k));
    s->decimals = (uint8_t)k;
}

static void read_xor(struct reader *r, struct row_state *s)
{
    unsigned code = get_byte(r), skip = code >> 4, size = code & 15;
    if (skip + size > 8) {
        r->bad = true;
        return;
    }
    const unsigned char *p = get_bytes(r, size);
    uint64_t x = 0;
    for (unsigned i = 0; p && i < size; i++)
        x |= (uint64_t)p[i] << (8 * i);
    if (size)
        s->bits ^= x << (8 * skip);
}

void row_read(struct reader *r, struct row_state *state, struct raw_row *out, int64_t base_ms)
{
    unsigned control = get_byte(r), kind = control & 7;
    read_step(r, state, control);
    *out = (struct raw_row){.t = state->t};
    out->start_unix_ms = read_start(r, state, control, base_ms);
    if (kind == HISTOGRAM) {
        out->histogram = get_text(r);
        return;
    }
    if (kind == XOR)
        read_xor(r, state);
    else if (kind != SAME)
        read_decimal(r, state, kind - DECIMAL);
    out->value = bits_double(state->bits);
}
