#include "store/embedded/head_numbers.h"

#include "base/compiler.h"
#include "base/hash.h"
#include "store/embedded/decimal.h"
#include "store/embedded/wal_record.h"

enum flags { TIMES = 1, STARTS = 2, ALONE = 4, NEAR = 8, LOGGED = 16 };
enum { NEAR_MIN = -8, NEAR_MAX = 7 }; /* differences that four bits hold */
enum kind { BITS = 4 };               /* below: m / 10^kind */

/* --- the state -------------------------------------------------------------------------------- */

size_t numbers_state_size(size_t columns)
{
    return columns * (sizeof(int64_t) + sizeof(uint64_t) + sizeof(uint8_t));
}

void numbers_state_init(struct numbers_state *s, size_t columns, void *room)
{
    memset(room, 0, numbers_state_size(columns));
    *s = (struct numbers_state){.start = room};
    s->last = (uint64_t *)(s->start + columns);
    s->kind = (uint8_t *)(s->last + columns);
}

/* --- writing ---------------------------------------------------------------------------------- */

size_t numbers_row_max(size_t columns)
{
    return sizeof(uint16_t) + 1 + VARINT_MAX + columns * (3 * VARINT_MAX + 1);
}

static bool as_kind(double v, unsigned kind, uint64_t *out)
{
    int64_t m = 0;
    if (kind == BITS) {
        *out = double_bits(v);
        return true;
    }
    bool fits = decimal_scale(v, kind, &m);
    *out = (uint64_t)m;
    return fits;
}

static void raise_kinds(struct numbers_state *s, const struct sample *v, size_t n)
{
    uint64_t m;
    for (size_t i = 0; i < n; i++)
        while (!as_kind(v[i].value, s->kind[i], &m))
            s->kind[i]++;
}

static char *write_time(char *p, struct numbers_state *s, uint32_t t, bool alone)
{
    int32_t step = alone ? 0 : (int32_t)(t - s->t);
    p = varint_write(p, alone ? t : zigzag((int64_t)step - s->step));
    s->t = t;
    s->step = step;
    return p;
}

/* Two differences a byte. */
static char *write_near(char *p, const struct sample *v, size_t n)
{
    for (size_t i = 1; i < n; i += 2) {
        int64_t left = v[i].t_unix_ms - v[0].t_unix_ms - NEAR_MIN;
        int64_t right = i + 1 < n ? v[i + 1].t_unix_ms - v[0].t_unix_ms - NEAR_MIN : 0;
        *p++ = (char)(left | right << 4);
    }
    return p;
}

static char *write_times(char *p, unsigned *flags, const struct sample *v, size_t n)
{
    int64_t min = 0, max = 0;
    for (size_t i = 1; i < n; i++) {
        min = MIN(min, v[i].t_unix_ms - v[0].t_unix_ms);
        max = MAX(max, v[i].t_unix_ms - v[0].t_unix_ms);
    }
    if (min == 0 && max == 0)
        return p;
    if (min >= NEAR_MIN && max <= NEAR_MAX) {
        *flags |= NEAR;
        return write_near(p, v, n);
    }
    *flags |= TIMES;
    for (size_t i = 1; i < n; i++)
        p = varint_write(p, zigzag(v[i].t_unix_ms - v[0].t_unix_ms));
    return p;
}

static char *write_starts(char *p, unsigned *flags, struct numbers_state *s, const struct sample *v,
                          size_t n)
{
    int64_t other = 0;
    uint64_t left = 0;
    for (size_t i = 0; i < n; i++)
        other |= v[i].start_unix_ms ^ s->start[i];
    if (other == 0 && !(*flags & ALONE))
        return p;
    *flags |= STARTS;
    for (size_t i = 0; i < n; i++) {
        uint64_t start = (uint64_t)v[i].start_unix_ms;
        p = varint_write(p, zigzag((int64_t)(start - left)));
        s->start[i] = v[i].start_unix_ms;
        left = start;
    }
    return p;
}

/* NULL, and nothing has changed: one is not of its column's kind. */
static char *write_values(char *p, struct numbers_state *s, const struct sample *v, size_t n,
                          bool alone)
{
    uint64_t now[BATCH_RUN_MAX];
    for (size_t i = 0; i < n; i++) {
        if (UNLIKELY(!as_kind(v[i].value, s->kind[i], &now[i])))
            return NULL;
        p = varint_write(p, zigzag((int64_t)(now[i] - (alone ? 0 : s->last[i]))));
    }
    memcpy(s->last, now, n * sizeof now[0]);
    return p;
}

static char *write_kinds(char *p, const struct numbers_state *s, size_t n)
{
    memcpy(p, s->kind, n);
    return p + n;
}

size_t numbers_write(char *out, struct numbers_state *s, const struct sample *v, size_t n,
                     int64_t base_ms, bool alone)
{
    const struct numbers_state before = *s;
    alone |= s->gap;
    s->gap = false;
    unsigned flags = alone ? ALONE : 0;
    char *p = out + sizeof(uint16_t) + 1;
    p = write_time(p, s, (uint32_t)(v[0].t_unix_ms - base_ms), alone);
    p = write_times(p, &flags, v, n);
    p = write_starts(p, &flags, s, v, n);
    p = alone ? write_kinds(p, s, n) : p;
    p = write_values(p, s, v, n, alone);
    if (UNLIKELY(!p)) {
        *s = before;
        raise_kinds(s, v, n);
        return numbers_write(out, s, v, n, base_ms, true);
    }
    uint16_t size = (uint16_t)(p - out);
    memcpy(out, &size, sizeof size);
    out[sizeof size] = (char)flags;
    return size;
}

size_t numbers_write_logged(char out[LOGGED_ROW_BYTES], struct numbers_state *s,
                            const struct logged_row *row)
{
    const uint16_t size = LOGGED_ROW_BYTES;
    char *p = out + sizeof size;
    memcpy(out, &size, sizeof size);
    *p++ = LOGGED;
    write_u32(p, row->t);
    write_u32(p + 4, row->check);
    write_u32(p + 8, row->n_bytes);
    memcpy(p + 12, &row->p, sizeof row->p);
    s->gap = true;
    return size;
}

/* --- reading ---------------------------------------------------------------------------------- */

static const uint64_t tops = UINT64_C(0x8080808080808080), ones = UINT64_C(0x0101010101010101);

/* Passes over `n` varints: over as many bytes without the highest bit. */
static void skip_varints(struct reader *r, size_t n)
{
    while (n > 0 && reader_left(r) >= sizeof(uint64_t)) {
        uint64_t ends = ~read_u64(r->p) & tops;
        size_t count = (size_t)((ends >> 7) * ones >> 56);
        if (count < n) {
            r->p += sizeof(uint64_t);
            n -= count;
            continue;
        }
        for (; n > 1; n--)
            ends &= ends - 1;
        r->p += __builtin_ctzll(ends) / 8 + 1;
        return;
    }
    for (; n > 0 && !r->bad; n--)
        (void)get_varint(r);
}

static void read_time(struct reader *r, struct numbers_reading *s, bool alone)
{
    if (alone) {
        s->step = 0;
        s->t = (uint32_t)get_varint(r);
        return;
    }
    s->step = (int32_t)(s->step + get_zigzag(r));
    s->t += (uint32_t)s->step;
}

/* Of columns 1 and on, the column's difference to the first. */
static int64_t read_difference(struct reader *r, const struct numbers_reading *s)
{
    if (s->column == 0) {
        skip_varints(r, s->columns - 1);
        return 0;
    }
    skip_varints(r, s->column - 1);
    int64_t difference = get_zigzag(r);
    skip_varints(r, s->columns - 1 - s->column);
    return difference;
}

static int64_t read_near(struct reader *r, const struct numbers_reading *s)
{
    const unsigned char *pairs = get_bytes(r, s->columns / 2);
    if (!pairs || s->column == 0)
        return 0;
    unsigned pair = pairs[(s->column - 1) / 2];
    return (int64_t)(s->column % 2 ? pair & 15 : pair >> 4) + NEAR_MIN;
}

static void read_start(struct reader *r, struct numbers_reading *s)
{
    uint64_t start = 0;
    for (uint32_t i = 0; i <= s->column; i++)
        start += (uint64_t)get_zigzag(r);
    skip_varints(r, s->columns - 1 - s->column);
    s->start = (int64_t)start;
}

static double value_of(const struct numbers_reading *s)
{
    return s->kind == BITS ? bits_double(s->last) : decimal_value((int64_t)s->last, s->kind);
}

bool logged_row_is_sound(const struct logged_row *row)
{
    return (uint32_t)hash_bytes(row->p, row->n_bytes) == row->check;
}

/* What stands behind LOGGED; false: nothing. */
static bool get_logged(struct reader *r, struct logged_row *out)
{
    *out = (struct logged_row){.t = get_u32(r)};
    out->check = get_u32(r);
    out->n_bytes = get_u32(r);
    const unsigned char *at = get_bytes(r, sizeof out->p);
    if (!at)
        return false;
    memcpy(&out->p, at, sizeof out->p);
    return true;
}

static bool read_logged(struct reader *r, uint32_t column, struct raw_row *out)
{
    struct logged_row row;
    struct sample s;
    if (!get_logged(r, &row) || !wal_read_plain(str_of(row.p, row.n_bytes), column, row.t, &s) ||
        !logged_row_is_sound(&row))
        return false;
    *out = (struct raw_row){.t = (uint32_t)s.t_unix_ms, .value = s.value};
    return true;
}

static bool read_logged_all(struct reader *r, uint32_t columns, struct raw_row *out)
{
    struct logged_row row;
    struct sample s[BATCH_RUN_MAX];
    if (!get_logged(r, &row) ||
        !wal_read_plain_all(str_of(row.p, row.n_bytes), columns, row.t, s) ||
        !logged_row_is_sound(&row))
        return false;
    for (uint32_t i = 0; i < columns; i++)
        out[i] = (struct raw_row){.t = (uint32_t)s[i].t_unix_ms, .value = s[i].value};
    return true;
}

bool numbers_read(struct reader *r, struct numbers_reading *s, struct raw_row *out)
{
    uint16_t size = 0;
    const unsigned char *from = get_bytes(r, sizeof size);
    if (from)
        memcpy(&size, from, sizeof size);
    unsigned flags = get_byte(r);
    if (flags & LOGGED)
        return read_logged(r, s->column, out);
    bool alone = flags & ALONE;
    read_time(r, s, alone);
    int64_t difference = flags & TIMES ? read_difference(r, s) : flags & NEAR ? read_near(r, s) : 0;
    if (flags & STARTS)
        read_start(r, s);
    const unsigned char *kinds = alone ? get_bytes(r, s->columns) : NULL;
    if (kinds) {
        s->kind = kinds[s->column];
        s->last = 0;
    }
    skip_varints(r, s->column);
    s->last += (uint64_t)get_zigzag(r);
    r->bad |= s->kind > BITS;
    if (r->bad || !from)
        return false;
    r->p = from + size;
    *out = (struct raw_row){
        .t = (uint32_t)(s->t + difference), .value = value_of(s), .start_unix_ms = s->start};
    return true;
}

bool numbers_read_all(struct reader *r, struct numbers_reading *s, struct raw_row *out)
{
    enum { FLAGS_AT = sizeof(uint16_t) };
    const uint32_t columns = s->columns;
    if (reader_left(r) > FLAGS_AT && r->p[FLAGS_AT] & LOGGED) {
        (void)get_bytes(r, FLAGS_AT + 1);
        return read_logged_all(r, columns, out);
    }
    const struct reader from = *r;
    bool there = true;
    for (uint32_t i = 0; there && i < columns; i++) {
        *r = from;
        there = numbers_read(r, &s[i], &out[i]);
    }
    return there;
}
