#include "store/embedded/tombstones.h"

#include <stdlib.h>

#include "log/log.h"
#include "store/embedded/bytes.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/sealed.h"

static const char file_magic[SEALED_MAGIC] = "tttomb\0\1";
enum { VERSION_AT = 7, MATCHERS_MAX = 1000 };

/* --- one tombstone ---------------------------------------------------------------------------- */

static void tombstone_unref(struct tombstone *one)
{
    if (!one || !refcount_put(&one->refs))
        return;
    for (size_t i = 0; i < one->n; i++)
        matcher_done(&one->matchers[i]);
    free(one);
}

static struct tombstone *tombstone_new(size_t n_matchers)
{
    struct tombstone *one = calloc(1, sizeof *one + n_matchers * sizeof one->matchers[0]);
    if (one)
        refcount_init(&one->refs);
    return one;
}

/* Another matcher; the tombstone has room for it. */
static int add_matcher(struct tombstone *one, enum match_op op, struct str name, struct str value,
                       struct err *err)
{
    int rc = matcher_init(&one->matchers[one->n], op, name, value, err);
    one->n += rc == 0;
    return rc;
}

static int make(const struct matcher *matchers, size_t n, struct tombstone **out, struct err *err)
{
    struct tombstone *one = n <= MATCHERS_MAX ? tombstone_new(n) : NULL;
    int rc = 0;
    if (n > MATCHERS_MAX)
        return err_set(err, ERR_TOO_BIG, "%zu matchers; expected at most %d", n, MATCHERS_MAX);
    if (!one)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_matcher(one, matchers[i].op, matchers[i].name, matchers[i].value, err);
    if (rc == 0)
        *out = one;
    else
        tombstone_unref(one);
    return rc;
}

static bool matchers_equal(const struct tombstone *a, const struct tombstone *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->matchers[i].op == b->matchers[i].op &&
               str_eq(a->matchers[i].name, b->matchers[i].name) &&
               str_eq(a->matchers[i].value, b->matchers[i].value);
    return same;
}

static bool covers(const struct tombstone *a, const struct tombstone *b)
{
    return a->seq >= b->seq && a->min_ms <= b->min_ms && a->max_ms >= b->max_ms &&
           matchers_equal(a, b);
}

/* --- sets ------------------------------------------------------------------------------------- */

static struct tombstone_set *set_new(size_t cap)
{
    struct tombstone_set *set = calloc(1, sizeof *set + cap * sizeof set->v[0]);
    if (set)
        refcount_init(&set->refs);
    return set;
}

void tombstone_set_unref(struct tombstone_set *set)
{
    if (!set || !refcount_put(&set->refs))
        return;
    for (size_t i = 0; i < set->n; i++)
        tombstone_unref(set->v[i]);
    free(set);
}

static void set_put(struct tombstone_set *set, struct tombstone *one)
{
    refcount_get(&one->refs);
    set->v[set->n++] = one;
}

struct tombstone_set *tombstones_get(struct tombstones *t)
{
    lock_take(&t->lock);
    struct tombstone_set *set = t->set;
    refcount_get(&set->refs);
    lock_give(&t->lock);
    return set;
}

/* Takes the reference. */
static void publish(struct tombstones *t, struct tombstone_set *set)
{
    lock_take(&t->lock);
    struct tombstone_set *old = t->set;
    set->generation = old->generation + 1;
    t->set = set;
    lock_give(&t->lock);
    tombstone_set_unref(old);
}

int tombstones_init(struct tombstones *t, const struct fs *fs, const char *dir)
{
    *t = (struct tombstones){.fs = fs, .dir = str_dup(str_c(dir)), .set = set_new(0)};
    t->path = fs_join(dir, "tombstones");
    lock_init(&t->lock, LOCK_LEAF);
    return t->dir && t->path && t->set ? 0 : ERR_NOMEM;
}

void tombstones_done(struct tombstones *t)
{
    tombstone_set_unref(t->set);
    if (t->dir || t->path || t->set)
        lock_done(&t->lock);
    free(t->dir);
    free(t->path);
    *t = (struct tombstones){0};
}

uint64_t tombstones_seq(struct tombstones *t)
{
    uint64_t seq = 0;
    struct tombstone_set *set = tombstones_get(t);
    for (size_t i = 0; i < set->n; i++)
        seq = set->v[i]->seq > seq ? set->v[i]->seq : seq;
    tombstone_set_unref(set);
    return seq;
}

/* --- the file --------------------------------------------------------------------------------- */

static void encode_one(const struct tombstone *one, struct buf *out)
{
    put_varint(out, one->seq);
    put_zigzag(out, one->min_ms);
    put_zigzag(out, one->max_ms);
    put_varint(out, one->n);
    for (size_t i = 0; i < one->n; i++) {
        buf_putc(out, (char)one->matchers[i].op);
        put_text(out, one->matchers[i].name);
        put_text(out, one->matchers[i].value);
    }
}

void tombstones_encode(const struct tombstone_set *set, struct buf *out)
{
    sealed_begin(out, file_magic);
    put_varint(out, set->n);
    for (size_t i = 0; i < set->n; i++)
        encode_one(set->v[i], out);
    sealed_finish(out);
}

/* A pattern that does not compile any more hides too little: that is damage, too. */
static int decode_one(struct reader *r, struct tombstone **out)
{
    uint64_t seq = get_varint(r);
    int64_t min_ms = get_zigzag(r), max_ms = get_zigzag(r);
    size_t n = get_count(r, 3);
    struct tombstone *one = n <= MATCHERS_MAX ? tombstone_new(n) : NULL;
    if (!one)
        return n <= MATCHERS_MAX ? ERR_NOMEM : ERR_CORRUPT;
    one->seq = seq;
    one->born = 1; // what the first set of a process has
    one->min_ms = min_ms;
    one->max_ms = max_ms;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        unsigned char op = get_byte(r);
        struct str name = get_text(r), value = get_text(r);
        r->bad |= op > MATCH_NOT_REGEX;
        rc = r->bad ? ERR_CORRUPT : add_matcher(one, (enum match_op)op, name, value, NULL);
    }
    if (rc == 0 && !r->bad) {
        *out = one;
        return 0;
    }
    tombstone_unref(one);
    return rc == ERR_NOMEM ? rc : ERR_CORRUPT;
}

static int decode_set(struct reader *r, struct tombstone_set **out)
{
    size_t n = get_count(r, 4);
    struct tombstone_set *set = set_new(n);
    int rc = set ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = decode_one(r, &set->v[set->n]);
        set->n += rc == 0;
    }
    if (rc == 0 && (r->bad || reader_left(r)))
        rc = ERR_CORRUPT;
    if (rc == 0)
        *out = set;
    else
        tombstone_set_unref(set);
    return rc;
}

int tombstones_decode(struct str file, struct tombstone_set **out, struct err *err)
{
    struct str rest;
    if (file.n >= SEALED_HEADER && memcmp(file.p, file_magic, VERSION_AT) == 0 &&
        file.p[VERSION_AT] > file_magic[VERSION_AT])
        return err_set(err, ERR_UNSUPPORTED, "format %d; this program reads up to %d",
                       file.p[VERSION_AT], file_magic[VERSION_AT]);
    int rc = ERR_CORRUPT;
    if (sealed_open(file, file_magic, &rest)) {
        struct reader r = reader_of(rest.p, rest.n);
        rc = decode_set(&r, out);
    }
    return rc == 0 ? 0 : err_set(err, rc, "%s", err_name(rc));
}

int tombstones_load(struct tombstones *t, struct err *err)
{
    char *p = NULL;
    size_t n = 0;
    int rc = fs_read_all(t->fs, t->path, TOMBSTONES_FILE_MAX, &p, &n, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    struct tombstone_set *set = NULL;
    struct err why = {0};
    rc = tombstones_decode(str_of(p, n), &set, &why);
    free(p);
    if (rc == 0)
        publish(t, set);
    else if (rc == ERR_CORRUPT && !table_file_set_aside(t->fs, t->path))
        log_warn("store", "cannot set the damaged file aside", LOG_STR("file", t->path));
    return rc == 0 ? 0 : err_set(err, rc, "%s: %s", t->path, why.message);
}

/* Durable first, then visible. Takes the reference to `set`. */
static int replace(struct tombstones *t, struct tombstone_set *set, struct err *err)
{
    struct buf file = BUF_MAX(TOMBSTONES_FILE_MAX);
    tombstones_encode(set, &file);
    int rc = buf_failed(&file) ? err_set(err, ERR_NOMEM, "write %s: out of memory", t->path)
                               : fs_replace(t->fs, t->dir, t->path, file.p, file.n, err);
    buf_done(&file);
    if (rc == 0)
        publish(t, set);
    else
        tombstone_set_unref(set);
    return rc;
}

/* --- changes ---------------------------------------------------------------------------------- */

static int add(struct tombstones *t, struct tombstone *one, struct err *err)
{
    struct tombstone_set *old = tombstones_get(t), *set = set_new(old->n + 1);
    for (size_t i = 0; set && i < old->n; i++)
        if (!covers(one, old->v[i]))
            set_put(set, old->v[i]);
    one->born = old->generation + 1;
    tombstone_set_unref(old);
    if (!set)
        return err_set(err, ERR_NOMEM, "out of memory");
    set_put(set, one);
    if (set->n <= TOMBSTONES_MAX)
        return replace(t, set, err);
    tombstone_set_unref(set);
    return err_set(err, ERR_TOO_BIG,
                   "%d deletions are waiting to be cleaned up; clean the tombstones first",
                   TOMBSTONES_MAX);
}

int tombstones_add(struct tombstones *t, const struct matcher *matchers, size_t n, int64_t min_ms,
                   int64_t max_ms, uint64_t seq, struct err *err)
{
    struct tombstone *one = NULL;
    int rc = make(matchers, n, &one, err);
    if (rc != 0)
        return rc;
    one->seq = seq;
    one->min_ms = min_ms;
    one->max_ms = max_ms;
    rc = add(t, one, err);
    tombstone_unref(one); // the set has its own reference
    return rc;
}

int tombstones_keep(struct tombstones *t, bool (*keep)(void *arg, const struct tombstone *one),
                    void *arg, struct err *err)
{
    struct tombstone_set *old = tombstones_get(t), *set = set_new(old->n);
    for (size_t i = 0; set && i < old->n; i++)
        if (keep(arg, old->v[i]))
            set_put(set, old->v[i]);
    bool changed = set && set->n != old->n;
    tombstone_set_unref(old);
    if (changed)
        return replace(t, set, err);
    tombstone_set_unref(set);
    return set ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}
