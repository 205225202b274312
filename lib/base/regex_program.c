/* One pass over the pattern, descending into groups. Instructions come in the pattern's order; what
 * may turn out to be repeated or one of several is preceded by a split that goes nowhere else until
 * that is known. An atom with a count is read as often as it is repeated. */
#include "base/regex_program.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

enum { DEPTH_MAX = 50, COPIES_MAX = 64, NOWHERE = UINT16_MAX };

struct parse {
    struct str text;
    size_t at;
    struct instruction *code;
    size_t n, cap;
    int depth;
    bool fold; /* letters mean either case */
    bool bad;
};

/* Bytes while they are collected; `wide`: characters outside ASCII, too. */
struct members {
    struct byte_set set;
    bool wide, unsure;
};

static bool at_end(const struct parse *p)
{
    return p->bad || p->at >= p->text.n;
}

/* '\0' at the end: no pattern has an operator that is it. */
static char peek(const struct parse *p, size_t ahead)
{
    return p->at + ahead < p->text.n ? p->text.p[p->at + ahead] : '\0';
}

/* --- instructions ----------------------------------------------------------------------------- */

static uint16_t emit(struct parse *p, enum program_op op)
{
    if (p->n == p->cap && !p->bad) {
        size_t cap = p->cap ? 2 * p->cap : 32;
        struct instruction *grown = NULL;
        if (cap <= PROGRAM_MAX)
            grown = realloc(p->code, cap * sizeof *grown);
        p->bad = !grown;
        p->code = grown ? grown : p->code;
        p->cap = grown ? cap : p->cap;
    }
    if (p->bad)
        return 0;
    uint16_t here = (uint16_t)p->n++;
    uint16_t next = (uint16_t)p->n;
    p->code[here] = (struct instruction){.op = (uint16_t)op, .next = next, .other = next};
    return here;
}

static void go_to(struct parse *p, uint16_t from, uint16_t next, uint16_t other)
{
    if (p->bad)
        return;
    p->code[from].next = next;
    p->code[from].other = other;
}

static uint16_t here(const struct parse *p)
{
    return (uint16_t)p->n;
}

static void emit_bytes(struct parse *p, const struct byte_set *set)
{
    uint16_t at = emit(p, PROGRAM_BYTE);
    if (!p->bad)
        p->code[at].bytes = *set;
}

static const struct byte_set outside_ascii = {{0, 0, UINT64_MAX, UINT64_MAX}};

/* One of the members; a character outside ASCII may have more bytes. */
static void emit_members(struct parse *p, struct members *m)
{
    if (m->wide)
        m->set.bits[2] = m->set.bits[3] = UINT64_MAX;
    emit_bytes(p, &m->set);
    if (!m->wide)
        return;
    uint16_t loop = emit(p, PROGRAM_SPLIT);
    emit_bytes(p, &outside_ascii);
    uint16_t back = emit(p, PROGRAM_SPLIT);
    go_to(p, back, loop, loop);
    go_to(p, loop, (uint16_t)(loop + 1), here(p));
}

/* --- sets of characters ----------------------------------------------------------------------- */

static void add_byte(struct members *m, unsigned c)
{
    m->set.bits[c / 64] |= UINT64_C(1) << c % 64;
}

static void add_range(struct members *m, unsigned from, unsigned to)
{
    for (unsigned c = from; c <= to && c < 0x80; c++)
        add_byte(m, c);
    m->wide |= to >= 0x80;
}

static void invert(struct members *m)
{
    m->set.bits[0] = ~m->set.bits[0];
    m->set.bits[1] = ~m->set.bits[1];
    m->wide = true; // what is outside ASCII is in, whatever of it was named
}

static const struct members anything = {.set = {{UINT64_MAX, UINT64_MAX, 0, 0}}, .wide = true};

/* Both cases. The Kelvin sign and the long s are, without regard to case, the letters k and s. */
static void fold_members(struct members *m)
{
    uint64_t letters = m->set.bits[1] & UINT64_C(0x07fffffe07fffffe);
    uint64_t upper = letters & 0xffffffff, lower = letters >> 32;
    m->set.bits[1] |= upper << 32 | lower;
    bool k_or_s = byte_set_has(&m->set, 'k') || byte_set_has(&m->set, 's');
    if (m->wide)
        for (const char *c = "kKsS"; *c; c++)
            add_byte(m, (unsigned char)*c);
    m->wide |= k_or_s;
}

/* The characters of \d, \w, \s and of those letters large; false: another escape. */
static bool class_of(char c, struct members *out)
{
    struct members m = {0};
    switch (c | 0x20) {
    case 'd': add_range(&m, '0', '9'); break;
    case 'w':
        add_range(&m, '0', '9');
        add_range(&m, 'a', 'z');
        add_range(&m, 'A', 'Z');
        add_byte(&m, '_');
        break;
    case 's':
        add_range(&m, '\t', '\r');
        add_byte(&m, ' ');
        break;
    default: return false;
    }
    if (c < 'a')
        invert(&m);
    *out = m;
    return true;
}

/* The one character that the escaped `c` is; -1: it is none, or this does not know. */
static int escaped(char c)
{
    switch (c) {
    case 'a': return '\a';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: break;
    }
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alnum || (unsigned char)c >= 0x80 || c == '\0' ? -1 : (unsigned char)c;
}

static void merge(struct members *into, const struct members *m)
{
    into->set.bits[0] |= m->set.bits[0];
    into->set.bits[1] |= m->set.bits[1];
    into->wide |= m->wide;
}

/* A character of a class: its code (0x80 for all outside ASCII), or -1 when it was several. */
static int class_character(struct parse *p, struct members *m)
{
    unsigned char c = (unsigned char)peek(p, 0);
    p->at++;
    if (c >= 0x80) {
        while (((unsigned char)peek(p, 0) & 0xC0) == 0x80)
            p->at++;
        return 0x80;
    }
    if (c == '[' && (peek(p, 0) == ':' || peek(p, 0) == '.' || peek(p, 0) == '=')) {
        p->bad = true; // a class of POSIX
        return -1;
    }
    if (c != '\\')
        return c;
    struct members named;
    char letter = peek(p, 0);
    p->at++;
    if (class_of(letter, &named)) {
        merge(m, &named);
        return -1;
    }
    int code = escaped(letter);
    p->bad |= letter == 'Q' || letter == 'E' || letter == '\0';
    m->unsure |= code < 0; // a property, a number
    return code;
}

static void class_member(struct parse *p, struct members *m)
{
    int from = class_character(p, m), to = from;
    if (peek(p, 0) == '-' && peek(p, 1) != ']' && from >= 0) {
        p->at++;
        to = class_character(p, m);
        m->unsure |= to < from;
    }
    if (from >= 0 && to >= 0)
        add_range(m, (unsigned)from, (unsigned)to);
}

static void parse_class(struct parse *p)
{
    struct members m = {0};
    p->at++;
    bool inverted = peek(p, 0) == '^';
    p->at += inverted;
    do
        class_member(p, &m); // a ] that stands first is a member
    while (!at_end(p) && peek(p, 0) != ']');
    p->bad |= p->at >= p->text.n;
    p->at++;
    bool foreign = m.wide;
    if (p->fold) {
        m.wide = foreign && !inverted; // [^ſ] leaves s out, but is taken to leave it in
        fold_members(&m);
    }
    if (inverted)
        invert(&m);
    if (m.unsure)
        m = anything;
    emit_members(p, &m);
}

/* --- atoms ------------------------------------------------------------------------------------ */

static void parse_literal(struct parse *p, unsigned char c)
{
    struct members m = {0};
    if (c < 0x80) {
        add_byte(&m, c);
        if (p->fold)
            fold_members(&m);
        emit_members(p, &m);
        return;
    }
    m.wide = p->fold;
    if (p->fold) {
        fold_members(&m);
        emit_members(p, &m);
    }
    for (bool first = true; first || ((unsigned char)peek(p, 0) & 0xC0) == 0x80; first = false) {
        if (!first)
            c = (unsigned char)p->text.p[p->at++];
        struct byte_set one = {{0}};
        one.bits[c / 64] = UINT64_C(1) << c % 64;
        if (!p->fold)
            emit_bytes(p, &one);
    }
}

/* Behind \p or \P: a letter, or a name in braces. */
static void skip_property(struct parse *p)
{
    bool name = peek(p, 0) == '{';
    p->at++;
    while (name && !at_end(p) && p->text.p[p->at - 1] != '}')
        p->at++;
}

static void parse_escape(struct parse *p)
{
    char c = peek(p, 1);
    struct members m = {0};
    p->at += 2;
    if (c != '\0' && strchr("AzbB", c))
        return;
    int code = escaped(c);
    if (code >= 0) {
        parse_literal(p, (unsigned char)code);
        return;
    }
    if (c == 'p' || c == 'P') {
        skip_property(p);
        m = anything;
    } else if (c == 'v') {
        add_range(&m, '\n', '\r'); // all that moves down
        m.wide = true;
    } else {
        p->bad |= !class_of(c, &m);
    }
    emit_members(p, &m);
}

static void parse_alternatives(struct parse *p);

/* Behind "(?": what the group is; true when it has a body. */
static bool parse_flags(struct parse *p)
{
    if (peek(p, 0) == 'P' || peek(p, 0) == '<') {
        while (!at_end(p) && peek(p, 0) != '>')
            p->at++;
        p->at++;
        return true;
    }
    bool on = true;
    for (; !at_end(p) && peek(p, 0) != ':' && peek(p, 0) != ')'; p->at++) {
        char c = peek(p, 0);
        if (c == '-')
            on = false;
        else if (c == 'i')
            p->fold = on;
        else
            p->bad |= c != 'm' && c != 's' && c != 'U';
    }
    bool body = peek(p, 0) == ':';
    p->at++;
    return body;
}

static void parse_group(struct parse *p)
{
    bool fold = p->fold, body = true;
    p->at++;
    if (peek(p, 0) == '?') {
        p->at++;
        body = parse_flags(p);
    }
    if (!body)
        return; // flags for what follows
    p->bad |= ++p->depth > DEPTH_MAX;
    parse_alternatives(p);
    p->depth--;
    p->bad |= peek(p, 0) != ')';
    p->at++;
    p->fold = fold;
}

static void parse_atom(struct parse *p)
{
    struct members any = anything;
    char c = peek(p, 0);
    switch (c) {
    case '(': parse_group(p); break;
    case '[': parse_class(p); break;
    case '\\': parse_escape(p); break;
    case '^':
    case '$': p->at++; break;
    case '*':
    case '+':
    case '?': p->bad = true; break;
    case '.':
        p->at++;
        emit_members(p, &any);
        break;
    default: p->at++; parse_literal(p, (unsigned char)c);
    }
}

/* --- repetition ------------------------------------------------------------------------------- */

struct repetition {
    unsigned least;
    bool more; /* any number more */
};

static unsigned read_count(struct parse *p)
{
    unsigned n = 0;
    for (; peek(p, 0) >= '0' && peek(p, 0) <= '9'; p->at++)
        n = MIN(n * 10 + (unsigned)(peek(p, 0) - '0'), 1000000);
    return n;
}

/* {2}, {2,} or {2,5}; other braces are themselves: false, and nothing is read. */
static bool read_counts(struct parse *p, struct repetition *out)
{
    size_t begin = p->at++;
    bool number = peek(p, 0) >= '0' && peek(p, 0) <= '9';
    p->bad |= peek(p, 0) == ','; // of which versions of PCRE2 think differently
    out->least = read_count(p);
    out->more = peek(p, 0) == ',';
    p->at += out->more;
    if (out->more && peek(p, 0) != '}')
        out->more = read_count(p) > out->least;
    if (number && peek(p, 0) == '}') {
        p->at++;
        return true;
    }
    p->at = begin;
    return false;
}

/* False: the atom stands once. */
static bool read_repetition(struct parse *p, struct repetition *out)
{
    char c = peek(p, 0);
    bool is = c == '*' || c == '+' || c == '?';
    *out = (struct repetition){c == '+', c != '?'};
    p->at += is;
    if (c == '{')
        is = read_counts(p, out);
    if (is && peek(p, 0) == '?')
        p->at++; // lazy: matches the same
    struct repetition another;
    size_t at = p->at;
    c = peek(p, 0);
    p->bad |= is && (c == '*' || c == '+' || c == '?' || (c == '{' && read_counts(p, &another)));
    p->at = at;
    return is;
}

/* The atom from `from` on again, so that it stands `least` times; where the last one begins. */
static uint16_t copy_atom(struct parse *p, size_t from, bool fold, uint16_t last, unsigned least)
{
    size_t behind = p->at;
    for (unsigned k = 1; k < least && !p->bad; k++) {
        p->at = from;
        p->fold = fold;
        last = emit(p, PROGRAM_SPLIT);
        parse_atom(p);
    }
    p->at = behind;
    return last;
}

static void parse_repeated(struct parse *p)
{
    size_t from = p->at;
    bool fold = p->fold;
    struct repetition r;
    uint16_t head = emit(p, PROGRAM_SPLIT);
    parse_atom(p);
    if (p->bad || !read_repetition(p, &r))
        return;
    r.more |= r.least > COPIES_MAX;
    uint16_t last = copy_atom(p, from, fold, head, MIN(r.least, COPIES_MAX));
    if (r.more) {
        uint16_t back = emit(p, PROGRAM_SPLIT);
        go_to(p, back, last, here(p));
    }
    if (r.least == 0)
        go_to(p, head, (uint16_t)(head + 1), here(p));
}

/* --- sequences and alternatives --------------------------------------------------------------- */

static void parse_sequence(struct parse *p)
{
    while (!at_end(p) && peek(p, 0) != '|' && peek(p, 0) != ')')
        parse_repeated(p);
}

static void parse_alternatives(struct parse *p)
{
    uint16_t ends = NOWHERE; // of alternatives but the last, each knows the one before
    for (;;) {
        uint16_t split = emit(p, PROGRAM_SPLIT);
        parse_sequence(p);
        if (at_end(p) || peek(p, 0) != '|')
            break;
        p->at++;
        uint16_t end = emit(p, PROGRAM_SPLIT);
        go_to(p, end, ends, ends);
        ends = end;
        go_to(p, split, (uint16_t)(split + 1), here(p));
    }
    while (!p->bad && ends != NOWHERE) {
        uint16_t before = p->code[ends].next;
        go_to(p, ends, here(p), here(p));
        ends = before;
    }
}

bool regex_program_make(struct str pattern, struct regex_program *out)
{
    struct parse p = {.text = pattern};
    parse_alternatives(&p);
    (void)emit(&p, PROGRAM_ACCEPT);
    if (p.bad || p.at < pattern.n) {
        free(p.code);
        return false;
    }
    *out = (struct regex_program){p.code, p.n};
    return true;
}

void regex_program_done(struct regex_program *p)
{
    free(p->code);
    *p = (struct regex_program){0};
}
